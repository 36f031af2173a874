//! The node's own supervision tree, and what stands in it.
//!
//! ```text
//! starlings.node (one_for_one)
//! ├── groups/default     process groups, one child per scope
//! ├── names/default      cluster names, one child per scope
//! ├── groups/starlings   the scope in which the replicas of caches meet
//! ├── caches             one child per open cache
//! ├── inspector          answers what other nodes ask about this one
//! ├── mesh               has the peers of this node connect with each other
//! ├── sessions           the listener, the membership, and one child per session
//! └── transport          ends all sessions in order at shutdown
//! ```
//!
//! Children start in order, so nobody is let in before the services are up, and stop in reverse
//! order: the node leaves the cluster, then its services end. Each may be killed at any time: what it
//! needs to go on stands beside it (the registry's and the caches' state, the bound socket).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use starlings_registry::{DEFAULT_SCOPE, Groups, Names};
use starlings_runtime::{
    AnyPid, Backoff, BoxFuture, Carrier, Cx, ExitReason, JoinGroup, Monitor, Node, NodeId,
    Supervisor, actor, spec,
};
use starlings_transport::{Pipe, Spawner, StartError, Transport, TransportConfig};
use tokio::runtime::Handle;

use crate::builder::StartNodeError;
use crate::inspector::Inspector;
use crate::mesh::{Mesh, MeshServer};

/// The local name of the supervisor of a node's own services.
const SYSTEM: &str = "starlings.node";

/// The local name of the supervisor of its sessions.
const SESSIONS: &str = "starlings.sessions";

/// The delay before a peer that is kept connected is dialled again, at first and at most.
const RECONNECT_BASE: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(30);

/// Another node, as the builder was told of it.
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) is_kept: bool,
}

/// How a node is connected with others.
pub(crate) struct Connections {
    pub(crate) config: TransportConfig,
    pub(crate) pipe: Arc<dyn Pipe>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) full_mesh: bool,
    pub(crate) advertise: Option<String>,
}

pub(crate) async fn start(
    node: &Node,
    connections: Option<Connections>,
) -> Result<(), StartNodeError> {
    node.set_groups(Arc::new(Joiner));
    let (mut transport, mut is_meshed) = (None, false);
    if let Some(Connections { config, pipe, peers, full_mesh, advertise }) = connections {
        let opened = open_transport(node, config, pipe, peers).await?;
        if full_mesh {
            Mesh::open(node, Arc::clone(&opened), advertise);
            is_meshed = true;
        }
        transport = Some(opened);
    }
    let mut system = Supervisor::one_for_one()
        .name(SYSTEM)
        .child(Groups::child(DEFAULT_SCOPE))
        .child(Names::child(DEFAULT_SCOPE));
    for child in starlings_cache::children() {
        system = system.child(child);
    }
    system = system.child(spec::<Inspector>(()).id("inspector"));
    if is_meshed {
        system = system.child(spec::<MeshServer>(()).id("mesh"));
    }
    if let Some(transport) = transport {
        let listener = spec::<Listener>(Arc::clone(&transport)).id("listener");
        let mut sessions = Supervisor::one_for_one().name(SESSIONS).child(listener);
        if transport.membership_metrics().is_some() {
            let membership = spec::<Membership>(Arc::clone(&transport));
            sessions = sessions.child(membership.id("membership").transient());
        }
        let farewell = spec::<Farewell>(transport).id("transport");
        system = system.child(sessions.into_child("sessions")).child(farewell);
    }
    let system = system.start(node).await?;
    node.set_system(&system);
    tokio::spawn(end_with(node.clone(), node.monitor(&system)));
    Ok(())
}

/// How a spawn joins a group: see `Spawn::group`.
#[derive(Debug)]
struct Joiner;

impl JoinGroup for Joiner {
    fn join(
        &self,
        node: &Node,
        scope: Option<&str>,
        group: &str,
        pid: &AnyPid,
    ) -> Result<(), String> {
        let groups = Groups::of(node, scope.unwrap_or(DEFAULT_SCOPE));
        groups.join(group, pid).map_err(|error| error.to_string())
    }
}

/// A node whose own services have ended for good is shut down: it can keep no promise any more.
async fn end_with(node: Node, system: Monitor) {
    let down = system.await;
    if down.reason != ExitReason::Shutdown {
        tracing::error!(node = %node.name(), reason = %down.reason, "the node's services ended");
    }
    node.shutdown().await;
}

/// Binds the address; nobody is let in before the listener runs.
async fn open_transport(
    node: &Node,
    mut config: TransportConfig,
    pipe: Arc<dyn Pipe>,
    peers: Vec<Peer>,
) -> Result<Arc<Transport>, StartNodeError> {
    config.spawner = Some(supervised_on(node));
    let transport = Transport::start(config, node.ingress(), pipe).await?;
    for Peer { node, address, is_kept } in peers {
        if is_kept {
            transport.keep(node, address, Backoff::new(RECONNECT_BASE, RECONNECT_MAX))?;
        } else {
            transport.learn(node, address)?;
        }
    }
    let transports = Arc::clone(&transport);
    node.extension(|| Reachable(Some(transports)));
    node.set_carrier(Arc::clone(&transport) as Arc<dyn Carrier>);
    Ok(transport)
}

/// The transport of a node, as an extension of it.
#[derive(Debug)]
struct Reachable(Option<Arc<Transport>>);

/// Why a heartbeat was not changed. Nothing has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// The node was started without a transport.
    #[error("this node has no transport")]
    NoTransport,
    /// The heartbeat, or the silent period that it makes, cannot be.
    #[error(transparent)]
    Bad(#[from] StartError),
}

/// Changes how often a node says something on each of its sessions, and after how many missed beats it
/// takes a peer for dead: of the sessions that there are and of those to come. The longer of both ends
/// counts, as with [`NodeBuilder::heartbeat`](crate::NodeBuilder::heartbeat). No session ends by the
/// change itself.
///
/// # Errors
/// Any [`HeartbeatError`].
pub fn set_heartbeat(
    node: &Node,
    interval: Duration,
    missed_max: u32,
) -> Result<(), HeartbeatError> {
    let reachable = node.extension(|| Reachable(None));
    let transport = reachable.0.as_ref().ok_or(HeartbeatError::NoTransport)?;
    Ok(transport.set_heartbeat(interval, missed_max)?)
}

/// Where other nodes can dial this one, `host:port`; `None` if it does not listen.
#[must_use]
pub fn address(node: &Node) -> Option<String> {
    let reachable = node.extension(|| Reachable(None));
    reachable.0.as_ref()?.local_address().map(ToOwned::to_owned)
}

/// Runs sessions as children of `sessions`, and dials, which are short, as plain tasks. The listener
/// and the membership it leaves to [`Listener`] and [`Membership`], which can be restarted.
fn supervised_on(node: &Node) -> Spawner {
    let (node, sessions) = (node.clone(), AtomicU64::new(1));
    // It is called from the transport's threads too.
    let runtime = Handle::current();
    Arc::new(move |what, future| match what {
        "listener" | "membership" => drop(future),
        "session" => {
            let id = format!("session-{}", sessions.fetch_add(1, Ordering::Relaxed));
            let hosted = Hosted(Arc::new(Mutex::new(Some(future))));
            runtime.spawn(supervise(node.clone(), id, hosted));
        }
        _ => drop(runtime.spawn(future)),
    })
}

/// Puts a session under `sessions`. Without that supervisor the future is dropped, and the session
/// is down.
async fn supervise(node: Node, id: String, hosted: Hosted) {
    let session = spec::<Session>(hosted).id(id).temporary();
    let sessions = node.whereis(SESSIONS).map(|pid| node.pid::<Supervisor>(&pid));
    let started = match sessions {
        Some(sessions) => sessions.start_child(session).await.map(drop).map_err(|e| e.to_string()),
        None => Err("there is no supervisor of sessions".to_owned()),
    };
    if let Err(error) = started {
        tracing::warn!(error, "a session did not start");
    }
}

/// A future to be run once, by an actor.
#[derive(Clone)]
struct Hosted(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hosted")
    }
}

/// One session: ends with it, and ends it when it is killed.
#[derive(Debug)]
struct Session(Hosted);

#[actor(crate = starlings_runtime)]
impl Session {
    fn init(hosted: Hosted, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.pid().run().map_err(ExitReason::error)?;
        Ok(Self(hosted))
    }

    #[cast]
    async fn run(&mut self, cx: &mut Cx<Self>) {
        let future = self.0.0.lock().take();
        if let Some(future) = future {
            future.await;
        }
        cx.stop(ExitReason::Normal);
    }
}

/// Accepts connections. The bound socket is the transport's, so a restart loses nobody.
#[derive(Debug)]
struct Listener(Arc<Transport>);

#[actor(crate = starlings_runtime)]
impl Listener {
    fn init(transport: Arc<Transport>, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.pid().accept().map_err(ExitReason::error)?;
        Ok(Self(transport))
    }

    #[cast]
    async fn accept(&mut self, cx: &mut Cx<Self>) {
        self.0.drive_listener().await;
        cx.stop(ExitReason::Shutdown);
    }
}

/// Takes part in gossip membership, if the node does. What it knows is the transport's, so a restart
/// loses nothing.
#[derive(Debug)]
struct Membership(Arc<Transport>);

#[actor(crate = starlings_runtime)]
impl Membership {
    fn init(transport: Arc<Transport>, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.pid().take_part().map_err(ExitReason::error)?;
        Ok(Self(transport))
    }

    #[cast]
    async fn take_part(&mut self, cx: &mut Cx<Self>) {
        self.0.drive_membership().await;
        cx.stop(ExitReason::Normal);
    }
}

/// Ends all sessions in order when the node shuts down: queues are flushed, peers see `Shutdown`.
#[derive(Debug)]
struct Farewell(Arc<Transport>);

#[actor(crate = starlings_runtime)]
impl Farewell {
    fn init(transport: Arc<Transport>) -> Self {
        Self(transport)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.0.shutdown().await;
    }
}
