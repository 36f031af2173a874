//! Child specs: what a supervisor needs to start, stop and place a child.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::handover::LentSlot;
use super::placement::Placement;
use crate::actor::{Actor, Spawnable};
use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::life::spawn::{SPAWN_TIMEOUT_DEFAULT, Spawn};
use crate::node::Node;
use crate::pid::AnyPid;
use crate::proto::supervision::{Backoff, ChildRules, Restart, Shutdown, Strategy};
use crate::remote::carrier::BoxFuture;

/// How long a child may take to stop unless told otherwise. Source: OTP.
const SHUTDOWN_DEFAULT: Duration = Duration::from_secs(5);

/// What one start of a child is given.
#[derive(Debug)]
pub(super) struct Birthplace {
    pub(super) node: Node,
    pub(super) supervisor: AnyPid,
    /// For children that are placed.
    pub(super) place: Option<NodeId>,
    pub(super) slot: Option<LentSlot>,
    pub(super) timeout: Duration,
}

type Start = dyn Fn(Birthplace) -> BoxFuture<'static, Result<AnyPid, SpawnError>> + Send + Sync;

/// How a supervisor starts one child, when it restarts it, and how it stops it.
///
/// Defaults as in OTP: the id is the type's name, restart `Permanent`, shutdown after 5 s, not
/// significant; no backoff and no handover. `init` may take 5 s.
#[derive(Clone)]
pub struct ChildSpec {
    pub(super) id: String,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) significant: bool,
    pub(super) backoff: Option<Box<Backoff>>,
    pub(super) handover: bool,
    pub(super) type_name: &'static str,
    pub(super) is_supervisor: bool,
    pub(super) placement: Option<Placement>,
    pub(super) start_timeout: Duration,
    pub(super) start: Arc<Start>,
}

/// A child of type `A`, started with a copy of `args` each time.
#[must_use]
pub fn spec<A: Actor>(args: A::Args) -> ChildSpec
where
    A::Args: Clone + Sync,
{
    ChildSpec::of::<A>(None, move |place| place.node.spawn::<A>(args.clone()))
}

/// As [`spec`], for a child that may live on another node.
///
/// If its type is unknown there, the start fails with [`SpawnError::NotSpawnable`], and the restart
/// rules apply as after any start that fails.
#[must_use]
pub fn spec_on<A: Spawnable>(placement: Placement, args: A::Args) -> ChildSpec
where
    A::Args: Clone + Sync,
{
    ChildSpec::of::<A>(Some(placement), move |birth| {
        let place = birth.place.as_ref().unwrap_or_else(|| birth.node.name());
        birth.node.on(place).spawn::<A>(args.clone())
    })
}

impl ChildSpec {
    fn of<A: Actor>(
        placement: Option<Placement>,
        spawn: impl Fn(&Birthplace) -> Spawn<A> + Send + Sync + 'static,
    ) -> Self {
        let start = move |birth: Birthplace| -> BoxFuture<'static, _> {
            let spawn = spawn(&birth).child_of(&birth.supervisor).linked().supervised(birth.slot);
            let spawn = spawn.timeout(birth.timeout);
            Box::pin(async move { Ok(spawn.await?.into()) })
        };
        let type_name = crate::life::cell::type_name::<A>();
        Self {
            id: type_name.to_owned(),
            restart: Restart::Permanent,
            shutdown: Shutdown::After(SHUTDOWN_DEFAULT),
            significant: false,
            backoff: None,
            handover: false,
            type_name,
            is_supervisor: false,
            placement,
            start_timeout: SPAWN_TIMEOUT_DEFAULT,
            start: Arc::new(start),
        }
    }

    pub(super) fn supervisor(mut self, start_timeout: Duration) -> Self {
        self.is_supervisor = true;
        self.shutdown = Shutdown::Infinity;
        self.start_timeout = start_timeout;
        self
    }

    /// Sets what tells it from its siblings. Under a dynamic supervisor it has no effect.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets when it is restarted.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Always restarts it: the default.
    #[must_use]
    pub fn permanent(self) -> Self {
        self.restart(Restart::Permanent)
    }

    /// Restarts it only after an abnormal end; on another node `Shutdown` is one, since it is that
    /// node that asks for it.
    #[must_use]
    pub fn transient(self) -> Self {
        self.restart(Restart::Transient)
    }

    /// Never restarts it.
    #[must_use]
    pub fn temporary(self) -> Self {
        self.restart(Restart::Temporary)
    }

    /// Sets how it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Makes its end by itself, without a restart, count for the supervisor's
    /// [`AutoShutdown`](crate::AutoShutdown). Refused for a permanent child, and under
    /// `AutoShutdown::Never`. Source: OTP `significant`.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Lets it wait before each restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(Box::new(backoff));
        self
    }

    /// Gives it a slot in which it leaves state for its next life: see
    /// [`Cx::hand_over`](crate::Cx::hand_over). Of no effect on a child that is on another node.
    #[must_use]
    pub fn handover(mut self) -> Self {
        self.handover = true;
        self
    }

    /// Lets its `init` take so long: 5 s by default, 60 s for a supervisor, whose children start
    /// within it. A start that takes longer has failed.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    pub(super) fn rules(&self, strategy: Strategy) -> ChildRules {
        let id = match strategy {
            Strategy::Dynamic => None,
            Strategy::OneForOne | Strategy::OneForAll | Strategy::RestForOne => {
                Some(self.id.as_str().into())
            }
        };
        ChildRules {
            id,
            restart: self.restart,
            shutdown: self.shutdown,
            significant: self.significant,
            is_supervisor: self.is_supervisor,
            backoff: self.backoff.clone(),
        }
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("type", &self.type_name)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
