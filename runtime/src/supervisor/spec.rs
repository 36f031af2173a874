//! What a supervisor is made of.

use std::time::Duration;

use super::Supervisor;
use crate::error::SpawnError;
use crate::node::Node;
use crate::pid::Pid;
use crate::proto::supervision::{Intensity, Strategy};
use crate::supervisor::child::ChildSpec;

/// A supervisor that is not started yet: its strategy, intensity and children.
///
/// Children start in order and stop in reverse order, each within its own shutdown time.
/// Source: OTP `supervisor`.
#[derive(Debug, Clone)]
pub struct SupervisorSpec {
    pub(super) name: Option<String>,
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// Restarts only the child that ended.
    #[must_use]
    pub fn one_for_one() -> Self {
        Self {
            name: None,
            strategy: Strategy::OneForOne,
            intensity: Intensity::default(),
            children: Vec::new(),
        }
    }

    /// Gives up, with `Shutdown`, after more than so many restarts within `period`.
    #[must_use]
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.intensity = Intensity { restarts, period };
        self
    }

    /// Registers the supervisor under a name of its node, each time it starts.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a child.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Starts the supervisor and its children on a node.
    ///
    /// # Errors
    /// `InitFailed` if a child does not start: those before it are stopped, in reverse order.
    pub async fn start(self, node: &Node) -> Result<Pid<Supervisor>, SpawnError> {
        node.spawn::<Supervisor>(self).timeout(START_TIMEOUT).await
    }

    /// This supervisor as the child of another one.
    #[must_use]
    pub fn into_child(self, id: impl Into<String>) -> ChildSpec {
        crate::supervisor::child::spec::<Supervisor>(self).id(id).supervisor()
    }
}

/// How long all children of a supervisor may take to start. Each has its own spawn timeout within it.
const START_TIMEOUT: Duration = Duration::from_secs(60);
