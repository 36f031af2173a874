//! Starting a node.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use starlings_runtime::{
    ConnectError, DuplicateType, Incarnation, Node, NodeId, NodeIdError, NodeInstance, NodeParts,
    RemoteFunction, SpawnError, Spawnable,
};
use starlings_transport::{
    AllowPeers, AutoConnect, Compress, Cookie, MembershipConfig, Pipe, StartError, TcpPipe,
    TransportConfig,
};

use crate::system::{self, Connections};

/// After how long without need a session is closed in clusters with gossip. Long enough that what is sent
/// every half a minute keeps its session, whose making takes some milliseconds; short enough that a node
/// which talks to another one each second, and to each once, holds 75 sessions at most and not a thousand.
const CLOSE_IDLE_GOSSIP: Duration = Duration::from_secs(60);

/// `Node::builder`.
pub trait StartNode {
    /// A node with this name, `name@host`, to be configured and started.
    fn builder(name: &str) -> NodeBuilder;
}

impl StartNode for Node {
    fn builder(name: &str) -> NodeBuilder {
        NodeBuilder {
            name: name.to_owned(),
            listen: None,
            cookie: None,
            hidden: false,
            version_max: None,
            heartbeat: None,
            gossip: None,
            close_idle: None,
            full_mesh: None,
            advertise: None,
            user_lanes: None,
            compress: Compress::default(),
            auto_connect: AutoConnect::Always,
            allow_peers: None,
            peers: Vec::new(),
            types: Vec::new(),
            allows: None,
            pipe: Arc::new(TcpPipe),
        }
    }
}

/// A node that is not started yet.
#[derive(Debug)]
#[must_use = "a node does nothing until it is started"]
pub struct NodeBuilder {
    name: String,
    listen: Option<String>,
    cookie: Option<Cookie>,
    hidden: bool,
    version_max: Option<u16>,
    heartbeat: Option<(Duration, u32)>,
    gossip: Option<MembershipConfig>,
    /// As asked for; what is not asked for depends on gossip.
    close_idle: Option<Option<Duration>>,
    /// As asked for; what is not asked for depends on gossip and idle sessions.
    full_mesh: Option<bool>,
    advertise: Option<String>,
    user_lanes: Option<u8>,
    compress: Compress,
    auto_connect: AutoConnect,
    allow_peers: Option<AllowPeers>,
    peers: Vec<Peer>,
    types: Vec<AddType>,
    allows: Option<SpawnRule>,
    pipe: Arc<dyn Pipe>,
}

#[derive(Debug)]
struct Peer {
    node: String,
    address: String,
    is_kept: bool,
}

/// See [`NodeBuilder::allow_spawn`].
struct SpawnRule(Box<Allows>);

type Allows = dyn Fn(&NodeId, &str) -> bool + Send + Sync;

impl fmt::Debug for SpawnRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpawnRule")
    }
}

type AddType = fn(&mut NodeParts) -> Result<(), DuplicateType>;

/// Why a node did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartNodeError {
    /// Its name, or that of a peer, is not a node name.
    #[error(transparent)]
    BadName(#[from] NodeIdError),
    /// Two spawnable types or functions have the same wire name.
    #[error(transparent)]
    DuplicateType(#[from] DuplicateType),
    /// It is to listen or to connect, but has no cookie to show.
    #[error("a node that listens or connects needs a cookie")]
    NoCookie,
    /// The transport did not start.
    #[error(transparent)]
    Transport(#[from] StartError),
    /// One of the node's own services did not start.
    #[error("a service of the node did not start: {0}")]
    Service(#[from] SpawnError),
    /// A peer's address is none.
    #[error(transparent)]
    BadAddress(#[from] ConnectError),
}

impl NodeBuilder {
    /// Listens for other nodes here: `host:port`, port 0 for any free one, unless
    /// [`NodeBuilder::pipe`] has other addresses. Needs a cookie.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Sets the secret that the nodes of the cluster share.
    pub fn cookie(mut self, cookie: impl AsRef<[u8]>) -> Self {
        self.cookie = Some(Cookie::new(cookie.as_ref()));
        self
    }

    /// Keeps this node out of the others' `nodes()`, and out of their registry, groups and caches.
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Tells where a node is, so that it can be connected to by name, or automatically by the first
    /// message to one of its pids.
    pub fn peer(mut self, node: impl Into<String>, address: impl Into<String>) -> Self {
        self.peers.push(Peer { node: node.into(), address: address.into(), is_kept: false });
        self
    }

    /// Stays connected with a node: connects when this one starts, whether or not the other runs, and
    /// again whenever the session is lost, after 100 ms at first and 30 s at most, a fifth of it left to
    /// chance. [`Node::disconnect`] ends that.
    pub fn keep_connected(mut self, node: impl Into<String>, address: impl Into<String>) -> Self {
        self.peers.push(Peer { node: node.into(), address: address.into(), is_kept: true });
        self
    }

    /// Sets whether messages to a node whose address is known have it connected to. They do by default.
    pub fn auto_connect(mut self, rule: AutoConnect) -> Self {
        self.auto_connect = rule;
        self
    }

    /// Limits which nodes this one talks to, by their names: others neither get in nor are dialled. It
    /// must not block; if it panics, the node is refused.
    pub fn allow_peers(mut self, allows: impl Fn(&NodeId) -> bool + Send + Sync + 'static) -> Self {
        self.allow_peers = Some(AllowPeers::new(allows));
        self
    }

    /// Sets the highest version of the protocol between nodes that this one speaks; with each other node
    /// it speaks the highest that both do. Without this, the highest that it can. For upgrades node by
    /// node, while it may still be that all have to go back: what came with later versions is not used.
    pub fn protocol_max(mut self, version: u16) -> Self {
        self.version_max = Some(version);
        self
    }

    /// Sets how often a silent lane says something, and after how many missed beats a peer is taken
    /// for dead. The longer of both ends counts. 1 s and 5 by default.
    pub fn heartbeat(mut self, interval: Duration, missed_max: u32) -> Self {
        self.heartbeat = Some((interval, missed_max));
        self
    }

    /// Sets how many connections with each peer carry messages, 1 to 14; the fewer of both ends count. 1
    /// by default: more of them use more cores for one peer. Which one a message takes is decided by its
    /// sender.
    pub fn user_lanes(mut self, lanes: u8) -> Self {
        self.user_lanes = Some(lanes);
        self
    }

    /// Says what of that which goes to other nodes is compressed, if they can read that. Without this,
    /// nothing is. Worth it on networks of up to a few Gbit/s, for what compresses.
    #[cfg(feature = "lz4")]
    pub fn compress(mut self, what: Compress) -> Self {
        self.compress = what;
        self
    }

    /// Finds the other nodes by gossip, for clusters in which not every node is connected to every
    /// other: their pids and names of nodes work without [`NodeBuilder::peer`], by sessions that are made
    /// when they are used, and closed when they are not: see [`NodeBuilder::close_idle`]. Needs [`NodeBuilder::listen`], and takes datagrams at the same port.
    pub fn gossip(mut self, config: MembershipConfig) -> Self {
        self.gossip = Some(config);
        self
    }

    /// Closes a session after this long without need, if the other node does so too and does not need it
    /// either; what is sent later opens it again, so that pids work as before. `None`: sessions stay. 60 s
    /// with [`NodeBuilder::gossip`], `None` without. 10 ms at least; it may take a quarter longer.
    ///
    /// A session is needed while there are links, monitors or a [`Hold`](crate::Hold) across it, while a
    /// call, spawn or run waits for its answer, while anything is on its way, while its peer is kept
    /// connected, and while names, groups or caches share anything by it. A node that could not open the
    /// session again keeps it: one that does not know the other's address, or connects only when asked for.
    ///
    /// Nothing is lost or overtaken by such an end. Who monitors nodes sees a `NodeEvent::Down` with
    /// [`DownReason::Idle`](crate::DownReason::Idle).
    pub fn close_idle(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.close_idle = Some(after.into());
        self
    }

    /// Sets whether this node connects to the visible peers of its peers, and tells them of each other, so
    /// that all nodes of a cluster are connected, each with each, once each is connected with one. Nodes of
    /// which one does not are connected by hand or by messages. It does, unless the node has
    /// [`NodeBuilder::gossip`] or [`NodeBuilder::close_idle`], or connects only when asked for
    /// ([`AutoConnect::Never`]).
    ///
    /// A session that is lost is not made again by this, until a node joins, or comes back, that is
    /// connected with either end. Source: `connect_all` of Erlang's kernel.
    pub fn full_mesh(mut self, is_wanted: bool) -> Self {
        self.full_mesh = Some(is_wanted);
        self
    }

    /// Sets where others reach this node, if that is not where it listens: its name or number behind a
    /// wildcard address or a port that is forwarded. Nodes tell each other of it. A node that listens on all
    /// addresses of its host and says nothing here is found by those that were told of it, and dials all
    /// others.
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.advertise = Some(address.into());
        self
    }

    /// Lets other nodes spawn `A` here.
    pub fn spawnable<A: Spawnable>(mut self) -> Self {
        self.types.push(NodeParts::add_spawnable::<A>);
        self
    }

    /// Lets other nodes run a function here, and spawn it: one with the attribute `#[remote]`.
    pub fn function<F: RemoteFunction>(mut self, function: F) -> Self {
        let _ = function;
        self.types.push(NodeParts::add_function::<F>);
        self
    }

    /// Limits which peers may spawn or run what here, by the name of the peer and the wire name of the
    /// type or function; others are answered `NotAllowed`. Without this, every peer may spawn whatever
    /// is spawnable. It must not block.
    pub fn allow_spawn(
        mut self,
        allows: impl Fn(&NodeId, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.allows = Some(SpawnRule(Box::new(allows)));
        self
    }

    /// Reaches other nodes over something else than TCP, with all of them over the same: see
    /// [`pipe`](crate::pipe) for what there is. Addresses are then those of that pipe.
    ///
    /// ```no_run
    /// use starlings::pipe::UnixPipe;
    /// use starlings::prelude::*;
    ///
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Node::builder("a@localhost").pipe(UnixPipe).cookie("secret");
    /// let node = builder.listen("unix:/run/shop/a.sock").start().await?;
    /// # Ok(()) }
    /// ```
    pub fn pipe(mut self, pipe: impl Pipe) -> Self {
        self.pipe = Arc::new(pipe);
        self
    }

    /// Starts the node with its services and, if it has a cookie, its transport.
    ///
    /// Must be called within a tokio runtime, on which all its actors will run.
    ///
    /// # Errors
    /// Any [`StartNodeError`]; nothing is left running.
    pub async fn start(self) -> Result<Node, StartNodeError> {
        let instance = NodeInstance { node: self.name.parse()?, incarnation: new_incarnation() };
        let mut parts = NodeParts::new(instance);
        for add in &self.types {
            add(&mut parts)?;
        }
        let mut peers = Vec::new();
        for Peer { node, address, is_kept } in self.peers {
            peers.push(system::Peer { node: node.parse()?, address, is_kept });
        }
        let is_reached = self.listen.is_some() || !peers.is_empty() || self.gossip.is_some();
        if self.cookie.is_none() && is_reached {
            return Err(StartNodeError::NoCookie);
        }
        let connections = self.cookie.map(|cookie| {
            let mut config = TransportConfig::new(cookie);
            config.listen = self.listen;
            config.hidden = self.hidden;
            config.version_max = self.version_max.unwrap_or(config.version_max);
            let gossips = self.gossip.is_some();
            config.close_idle =
                self.close_idle.unwrap_or_else(|| gossips.then_some(CLOSE_IDLE_GOSSIP));
            let keeps_all = !gossips && config.close_idle.is_none();
            let meshes = keeps_all && self.auto_connect != AutoConnect::Never;
            let full_mesh = self.full_mesh.unwrap_or(meshes);
            config.membership = self.gossip.map(|mut gossip| {
                gossip.advertise = gossip.advertise.or_else(|| self.advertise.clone());
                gossip
            });
            if let Some((heartbeat, missed_max)) = self.heartbeat {
                (config.heartbeat, config.missed_max) = (heartbeat, missed_max);
            }
            config.user_lanes = self.user_lanes.unwrap_or(config.user_lanes);
            config.compress = self.compress;
            config.auto_connect = self.auto_connect;
            config.allow_peers = self.allow_peers;
            let (pipe, advertise) = (self.pipe, self.advertise);
            Connections { config, pipe, peers, full_mesh, advertise }
        });
        if let Some(SpawnRule(allows)) = self.allows {
            parts.allow_spawn(allows);
        }
        let node = parts.start();
        match system::start(&node, connections).await {
            Ok(()) => Ok(node),
            Err(error) => {
                node.shutdown().await;
                Err(error)
            }
        }
    }
}

/// The microseconds of the wall clock: they rise from start to start of a name. A clock that was set
/// back gives an incarnation that peers refuse as older, until it has caught up.
#[expect(clippy::disallowed_methods, reason = "nothing else rises over restarts without a disc")]
fn new_incarnation() -> Incarnation {
    let now = std::time::SystemTime::now();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Incarnation(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}
