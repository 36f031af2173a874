//! The node's own supervision tree, and what stands in it.
//!
//! ```text
//! starlings.node (one_for_one)
//! ├── groups       process groups, one child per scope
//! ├── names        cluster names, one child per scope
//! ├── groups/…     the groups in which the replicas of caches meet
//! ├── caches       one child per open cache
//! ├── inspector    answers what other nodes ask about this one
//! ├── sessions     the listener, and one child per session
//! └── transport    lets others in when all is up, and ends all sessions in order at shutdown
//! ```
//!
//! Children stop in reverse order: the node leaves the cluster, then its services end.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_registry::{DEFAULT_SCOPE, Groups, Names};
use starlings_runtime::{
    AnyPid, BoxFuture, Carrier as _, ChildSpec, Cx, ExitReason, Node, NodeId, Pid, SpawnError,
    Supervisor, SupervisorMethods as _, actor, spec,
};
use starlings_transport::{Pipe, Spawner, Transport, TransportConfig};

use crate::builder::StartNodeError;
use crate::inspector::Inspector;

/// The local name of the supervisor of a node's own services.
pub(crate) const SYSTEM: &str = "starlings.node";

/// The id of the supervisor of listener and sessions.
const SESSIONS: &str = "sessions";

pub(crate) async fn start(
    node: &Node,
    config: Option<TransportConfig>,
    pipe: Arc<dyn Pipe>,
    peers: Vec<(NodeId, String)>,
) -> Result<(), StartNodeError> {
    let system = Supervisor::one_for_one().start(node).await?;
    node.set_system(&system);
    // The name is free: the node has just started.
    let _ = node.register(SYSTEM, &system);
    add(&system, Groups::child(DEFAULT_SCOPE)).await?;
    add(&system, Names::child(DEFAULT_SCOPE)).await?;
    let [scope, caches] = starlings_cache::children();
    add(&system, scope).await?;
    add(&system, caches).await?;
    add(&system, spec::<Inspector>(()).id("inspector")).await?;
    match config {
        Some(config) => start_transport(node, &system, config, pipe, peers).await,
        None => Ok(()),
    }
}

async fn start_transport(
    node: &Node,
    system: &Pid<Supervisor>,
    mut config: TransportConfig,
    pipe: Arc<dyn Pipe>,
    peers: Vec<(NodeId, String)>,
) -> Result<(), StartNodeError> {
    config.spawner = Some(under(node.clone(), system.clone()));
    let transport = Transport::start(config, node.ingress(), pipe).await?;
    for (peer, address) in peers {
        transport.learn(peer, address)?;
    }
    node.extension(|| Listening(transport.local_address().map(ToOwned::to_owned)));
    node.set_carrier(Arc::clone(&transport) as Arc<dyn starlings_runtime::Carrier>);
    let listener = spec::<Listener>(Arc::clone(&transport)).id("listener");
    let sessions = Supervisor::one_for_one().child(listener);
    add(system, sessions.into_child(SESSIONS)).await?;
    add(system, spec::<Farewell>(transport).id("transport")).await?;
    Ok(())
}

async fn add(supervisor: &Pid<Supervisor>, child: ChildSpec) -> Result<AnyPid, StartNodeError> {
    let started = supervisor.start_child(child).await;
    started.map_err(|error| SpawnError::InitFailed(ExitReason::error(error)).into())
}

/// The address that the node listens on, as an extension of it.
#[derive(Debug)]
struct Listening(Option<String>);

/// Where other nodes can dial this one, `host:port`; `None` if it does not listen.
#[must_use]
pub fn address(node: &Node) -> Option<String> {
    node.extension(|| Listening(None)).0.clone()
}

/// Runs sessions as children of `sessions`, and dials, which are short, as plain tasks. The listener
/// it leaves to [`Listener`], which can be restarted.
fn under(node: Node, system: Pid<Supervisor>) -> Spawner {
    Arc::new(move |what, future| match what {
        "listener" => drop(future),
        "session" => {
            let (node, system) = (node.clone(), system.clone());
            tokio::spawn(async move {
                // If the supervisor is gone, the future is dropped and the session is down.
                let Some(sessions) = sessions(&node, &system).await else {
                    return;
                };
                let hosted = Hosted(Arc::new(Mutex::new(Some(future))));
                let id = format!("session-{:p}", Arc::as_ptr(&hosted.0));
                let _ = sessions
                    .start_child(spec::<Session>(hosted).id(id).temporary())
                    .await;
            });
        }
        _ => drop(tokio::spawn(future)),
    })
}

/// The supervisor of the sessions. Asked for each time: after a restart it is another one.
async fn sessions(node: &Node, system: &Pid<Supervisor>) -> Option<Pid<Supervisor>> {
    let children = system.which_children().await.ok()?;
    let sessions = children.into_iter().find(|child| child.id == SESSIONS)?;
    sessions.pid.map(|pid| node.pid(&pid))
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
