//! What a supervisor is made of.

use std::time::Duration;

use super::Supervisor;
use super::child::ChildSpec;
use crate::error::SpawnError;
use crate::node::Node;
use crate::pid::Pid;
use crate::proto::supervision::{AutoShutdown, Intensity, Rules, SpecError, Strategy};

/// A supervisor that is not started yet: its strategy, intensity and children.
///
/// Children start in order and stop in reverse order, each within its own shutdown time; those of a
/// dynamic supervisor stop all at once. Source: OTP `supervisor`.
#[derive(Debug, Clone)]
pub struct SupervisorSpec {
    pub(super) name: Option<String>,
    pub(super) rules: Rules,
    pub(super) children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// Restarts only the child that ended.
    #[must_use]
    pub fn one_for_one() -> Self {
        Self::of(Strategy::OneForOne)
    }

    /// When a child has to be restarted, stops the others in reverse order and starts all in order.
    #[must_use]
    pub fn one_for_all() -> Self {
        Self::of(Strategy::OneForAll)
    }

    /// As [`SupervisorSpec::one_for_all`], for the child that ended and those after it; those before
    /// it are left alone.
    #[must_use]
    pub fn rest_for_one() -> Self {
        Self::of(Strategy::RestForOne)
    }

    /// Begins without children; they are added while it runs, have no ids, and are known by their
    /// pids. Restarts only the child that ended, forgets those that are not restarted, and stops all
    /// at once. Made for many: no start or stop takes time in their number, beside a logarithm.
    /// Source: OTP `simple_one_for_one`, Elixir's `DynamicSupervisor`.
    #[must_use]
    pub fn dynamic() -> Self {
        Self::of(Strategy::Dynamic)
    }

    fn of(strategy: Strategy) -> Self {
        let (intensity, auto_shutdown) = (Intensity::default(), AutoShutdown::default());
        let rules = Rules { strategy, intensity, auto_shutdown, children_max: None };
        Self { name: None, rules, children: Vec::new() }
    }

    /// Gives up, with `Shutdown`, after more than so many restarts within `period`, which is greater
    /// than zero. By default 3 within 5 s; with 0 the first restart is too many. The going of a node
    /// counts once, whatever children were there.
    #[must_use]
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.rules.intensity = Intensity { restarts, period };
        self
    }

    /// Lets the supervisor end, with `Shutdown`, with its significant children. By default it does
    /// not.
    #[must_use]
    pub fn auto_shutdown(mut self, when: AutoShutdown) -> Self {
        self.rules.auto_shutdown = when;
        self
    }

    /// Refuses more children than this with `MaxChildren`. By default there is no bound.
    #[must_use]
    pub fn max_children(mut self, count: usize) -> Self {
        self.rules.children_max = Some(count);
        self
    }

    /// Registers the supervisor under a name of its node, each time it starts.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a child, behind those there are.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Whether the supervisor can be started: a spec that cannot be is refused before anything
    /// starts, with these errors as text.
    ///
    /// # Errors
    /// Any [`SpecError`].
    pub fn check(&self) -> Result<(), SpecError> {
        let strategy = self.rules.strategy;
        let rules: Vec<_> = self.children.iter().map(|child| child.rules(strategy)).collect();
        self.rules.check_all(&rules.iter().collect::<Vec<_>>())
    }

    /// Starts the supervisor and its children on a node.
    ///
    /// # Errors
    /// `BadArguments` if [`SupervisorSpec::check`] refuses it: nothing was started. `InitFailed` if a
    /// child does not start: those before it are stopped, in reverse order.
    pub async fn start(self, node: &Node) -> Result<Pid<Supervisor>, SpawnError> {
        self.check().map_err(|error| SpawnError::BadArguments(error.to_string()))?;
        node.spawn::<Supervisor>(self).timeout(START_TIMEOUT).await
    }

    /// This supervisor as the child of another one: permanent, with `Shutdown::Infinity`.
    #[must_use]
    pub fn into_child(self, id: impl Into<String>) -> ChildSpec {
        super::child::spec::<Supervisor>(self).id(id).supervisor(START_TIMEOUT)
    }
}

/// How long all children of a supervisor may take to start. Each has its own spawn timeout within it.
const START_TIMEOUT: Duration = Duration::from_secs(60);
