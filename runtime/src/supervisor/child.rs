//! Child specs: what a supervisor needs to start, stop and place a child.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::{Actor, Spawnable};
use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::life::spawn::Spawn;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::proto::supervision::{ChildRules, Restart, Shutdown};
use crate::remote::carrier::BoxFuture;

/// How long a child may take to stop unless told otherwise. Source: OTP.
const SHUTDOWN_DEFAULT: Duration = Duration::from_secs(5);

/// Where a child is started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// On the supervisor's own node.
    Here,
    /// On the first of these that is connected, or is the supervisor's own, at each start. So when
    /// the node of a child goes, the child is restarted on the next one.
    FirstOf(Vec<NodeId>),
}

impl Placement {
    fn choose(&self, node: &Node) -> Result<NodeId, SpawnError> {
        let own = node.name();
        match self {
            Self::Here => Ok(own.clone()),
            Self::FirstOf(places) => {
                let reachable =
                    |place: &&NodeId| *place == own || node.connected_instance(place).is_some();
                let first = places.iter().find(reachable).or_else(|| places.first());
                first.cloned().ok_or_else(|| SpawnError::NoConnection(own.clone()))
            }
        }
    }
}

type Start =
    Arc<dyn Fn(Node, AnyPid) -> BoxFuture<'static, Result<AnyPid, SpawnError>> + Send + Sync>;

/// How a supervisor starts one child, when it restarts it, and how it stops it.
///
/// Defaults as in OTP: the id is the type's name, restart `Permanent`, shutdown after 5 s.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) type_name: &'static str,
    pub(crate) is_supervisor: bool,
    pub(crate) start: Start,
}

/// A child of type `A`, started with a copy of `args` each time.
#[must_use]
pub fn spec<A: Actor>(args: A::Args) -> ChildSpec
where
    A::Args: Clone + Sync,
{
    ChildSpec::of::<A>(move |node, _| Ok(node.spawn::<A>(args.clone())))
}

/// As [`spec`], for a child that may live on another node.
#[must_use]
pub fn spec_on<A: Spawnable>(placement: Placement, args: A::Args) -> ChildSpec
where
    A::Args: Clone + Sync,
{
    ChildSpec::of::<A>(move |node, _| {
        let place = placement.choose(node)?;
        Ok(node.on(&place).spawn::<A>(args.clone()))
    })
}

impl ChildSpec {
    fn of<A: Actor>(
        spawn: impl Fn(&Node, &AnyPid) -> Result<Spawn<A>, SpawnError> + Send + Sync + 'static,
    ) -> Self {
        let start: Start = Arc::new(move |node, supervisor| {
            let spawn = spawn(&node, &supervisor);
            Box::pin(async move {
                let spawn = spawn?.child_of(&supervisor).linked().supervised();
                Ok(spawn.await?.into())
            })
        });
        let type_name = crate::life::cell::type_name::<A>();
        Self {
            id: type_name.to_owned(),
            restart: Restart::Permanent,
            shutdown: Shutdown::After(SHUTDOWN_DEFAULT),
            type_name,
            is_supervisor: false,
            start,
        }
    }

    pub(crate) fn supervisor(mut self) -> Self {
        self.is_supervisor = true;
        self.shutdown = Shutdown::Infinity;
        self
    }

    /// Sets what tells it from its siblings.
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

    /// Restarts it only after an abnormal end.
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

    pub(crate) fn rules(&self) -> ChildRules {
        ChildRules { id: self.id.clone(), restart: self.restart }
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
