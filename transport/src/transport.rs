//! The transport of one node: what the facade starts, and what the runtime sees as its carrier.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{Backoff, BoxFuture, Carrier, ConnectError, Ingress, NodeId};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::cookie::Cookie;
use crate::dial;
use crate::hub::{Hub, Settings};
use crate::keep::keep;
use crate::listener;
use crate::pack::CAN_PACK;
use crate::pipe::Pipe;
use crate::proto::handshake::Party;
use crate::proto::peers::Input;
use crate::proto::session::GRACE;
use crate::receiver::Receiver;
use crate::threads::Threads;
use crate::wire::{LANES_MAX, LANES_MIN, Pulse};

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod long_messages;
#[cfg(test)]
mod tests;

/// Runs the futures of a transport. The name says what the future is: `listener`, `dial`, `keep` or
/// `session`.
///
/// Dropping such a future is safe at any point: that dial fails, that session goes down. A dropped
/// listener is started again with [`Transport::drive_listener`].
pub type Spawner = Arc<dyn Fn(&'static str, BoxFuture<'static, ()>) + Send + Sync>;

/// Which peers a node talks to, by name.
///
/// It is asked before a dial, and of who has proved to know the cookie. It must not block. One that
/// panics allows nobody.
#[derive(Clone)]
pub struct AllowPeers(Arc<dyn Fn(&NodeId) -> bool + Send + Sync>);

impl fmt::Debug for AllowPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllowPeers")
    }
}

impl AllowPeers {
    /// Those for which `allows` holds.
    pub fn new(allows: impl Fn(&NodeId) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    pub(crate) fn allow(&self, node: &NodeId) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.0)(node))).unwrap_or(false)
    }
}

/// Whether what is sent to a node whose address is known has it connected to.
///
/// Source: the `dist_auto_connect` of Erlang's kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AutoConnect {
    /// No: only when asked for, by name.
    Never,
    /// Until a session with it was lost; then only when asked for.
    Once,
    /// Yes.
    #[default]
    Always,
}

/// How a node reaches others, and lets itself be reached.
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportConfig {
    /// Where to listen, as the pipe writes addresses. `None`: nobody can dial this node.
    pub listen: Option<String>,
    /// What the nodes of the cluster share. Not empty.
    pub cookie: Cookie,
    /// Whether sessions of this node are hidden.
    pub hidden: bool,
    /// After how long without a frame a lane says something. 1 ms to 49 days; larger finds silent
    /// peers later, smaller costs more. The longer of both ends counts. 1 s.
    pub heartbeat: Duration,
    /// How many heartbeats may be missed before a peer is taken for dead. At least 1. 5.
    pub missed_max: u32,
    /// Lanes for messages that a session with another node may have; the fewer of both ends count. 1 to
    /// 14; what is outside counts as the nearest. The receiver of a message decides its lane. More of
    /// them use more cores for one peer, and each is a connection of its own. 1.
    pub user_lanes: u8,
    /// Frames with a body of so many bytes or more are compressed, if the peer can read that. `None`:
    /// none are. Needs the feature `lz4`, without which it is ignored. Of no use where messages are
    /// compressed or encrypted already, or where the network is faster than lz4, some 1.5 GB/s for each
    /// core. `None`.
    pub compress_above: Option<usize>,
    /// Threads that handshakes and heartbeats have for themselves, so that actors which block theirs do
    /// not make the node look dead. 0: they share those of the runtime that the transport is started
    /// in, and such actors do. 1.
    pub threads: usize,
    /// Whether messages have their node connected to. Always.
    pub auto_connect: AutoConnect,
    /// Which peers the node talks to. `None`: all that know the cookie.
    pub allow_peers: Option<AllowPeers>,
    /// How long a connect may take, resolution, dial, handshake and all tries together. 5 s.
    pub connect_timeout: Duration,
    /// What runs the futures of the transport. `None`: the tokio runtime it is started in.
    pub spawner: Option<Spawner>,
}

/// Most user lanes of a session.
const USER_LANES_MAX: u8 = LANES_MAX - (LANES_MIN - 1);

impl TransportConfig {
    /// A node that does not listen, with defaults for the rest.
    #[must_use]
    pub fn new(cookie: Cookie) -> Self {
        Self {
            listen: None,
            cookie,
            hidden: false,
            heartbeat: Duration::from_secs(1),
            missed_max: 5,
            user_lanes: 1,
            auto_connect: AutoConnect::Always,
            allow_peers: None,
            compress_above: None,
            threads: 1,
            connect_timeout: Duration::from_secs(5),
            spawner: None,
        }
    }
}

fn pulse(heartbeat: Duration, missed_max: u32) -> Result<Pulse, StartError> {
    let ms = |time: Option<Duration>| {
        let ms = u32::try_from(time.map(|time| time.as_millis()).unwrap_or_default());
        ms.ok().filter(|ms| *ms > 0).ok_or(StartError::BadHeartbeat)
    };
    let silent = heartbeat.checked_mul(missed_max);
    Ok(Pulse { heartbeat_ms: ms(Some(heartbeat))?, silent_ms: ms(silent)? })
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("listen", &self.listen)
            .field("cookie", &self.cookie)
            .field("hidden", &self.hidden)
            .field("heartbeat", &self.heartbeat)
            .field("missed_max", &self.missed_max)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// Why a transport did not start. Nothing listens and nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The cookie has no bytes.
    #[error("the cookie is empty")]
    EmptyCookie,
    /// The heartbeat, or the silent period that it makes, is none or too long.
    #[error("the heartbeat and the silent period are between 1 ms and 49 days")]
    BadHeartbeat,
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address:?}: {why}")]
    Listen {
        /// Which.
        address: String,
        /// What the system said.
        why: io::Error,
    },
}

/// The transport of one node. Dropping it shuts it down without waiting.
pub struct Transport {
    hub: Arc<Hub<Ingress>>,
    local_address: Option<String>,
}

impl Transport {
    /// Listens, if the config says so, and is then ready to connect and to be connected to.
    ///
    /// # Errors
    /// Any [`StartError`].
    ///
    /// # Cancel safety
    /// Nothing is left behind.
    pub async fn start(
        config: TransportConfig,
        ingress: Ingress,
        pipe: Arc<dyn Pipe>,
    ) -> Result<Arc<Self>, StartError> {
        let hub = open(config, ingress, pipe).await?;
        let local_address = hub.listener().map(|listener| listener.local_address());
        Ok(Arc::new(Self { hub, local_address }))
    }

    /// What others dial to reach this node; `None` if it does not listen.
    #[must_use]
    pub fn local_address(&self) -> Option<&str> {
        self.local_address.as_deref()
    }

    /// Remembers where a node is, for connects without an address.
    ///
    /// # Errors
    /// [`ConnectError::BadAddress`]; what was known of the node stays.
    pub fn learn(&self, node: NodeId, address: String) -> Result<(), ConnectError> {
        if let Err(why) = self.hub.settings.pipe.check(&address) {
            return Err(ConnectError::BadAddress { address, why });
        }
        self.hub.learn(node, address);
        Ok(())
    }

    /// Asks for another heartbeat and tolerance, of the sessions that there are and of those to come. As
    /// with the config, the longer of both ends counts. No session ends by the change itself.
    ///
    /// # Errors
    /// [`StartError::BadHeartbeat`]; nothing has changed.
    pub fn set_heartbeat(&self, heartbeat: Duration, missed_max: u32) -> Result<(), StartError> {
        self.hub.set_pulse(pulse(heartbeat, missed_max)?);
        Ok(())
    }

    /// Stays connected with a node: connects now, and again whenever the session is lost, after a delay
    /// each time. Ends with [`Carrier::disconnect`]. Of no effect for a node that is kept already.
    ///
    /// # Errors
    /// [`ConnectError::BadAddress`] or [`ConnectError::SelfConnect`]; nothing has changed.
    ///
    /// # Panics
    /// If the delays are out of their bounds.
    pub fn keep(
        &self,
        node: NodeId,
        address: String,
        backoff: Backoff,
    ) -> Result<(), ConnectError> {
        assert!(backoff.is_valid(), "{backoff:?} is out of its bounds");
        if node == self.hub.settings.party.me.node {
            return Err(ConnectError::SelfConnect(node));
        }
        self.learn(node.clone(), address)?;
        if self.hub.set_kept(&node, true) {
            self.hub.spawn("keep", Box::pin(keep(self.hub.clone(), node, backoff)));
        }
        Ok(())
    }

    /// Accepts connections until the node shuts down. [`Transport::start`] has handed one of these
    /// to the spawner; this is for a spawner that dropped it.
    ///
    /// # Cancel safety
    /// The bound socket lives on: connections wait until it is driven again.
    pub fn drive_listener(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        self.hub.on_threads(Box::pin(listener::drive_listener(self.hub.clone())))
    }
}

impl Carrier for Transport {
    fn connect(
        &self,
        node: NodeId,
        address: Option<String>,
    ) -> BoxFuture<'static, Result<(), ConnectError>> {
        Box::pin(dial::connect(self.hub.clone(), node, address))
    }

    fn disconnect(&self, node: &NodeId) -> bool {
        disconnect(&self.hub, node)
    }

    fn may_connect(&self, node: &NodeId) -> bool {
        self.hub.may_connect(node)
    }

    fn knows(&self, node: &NodeId) -> bool {
        self.hub.address(node).is_some()
    }

    fn shutdown(&self) -> BoxFuture<'static, ()> {
        Box::pin(shut_down(self.hub.clone()))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("me", &self.hub.settings.party.me)
            .field("local_address", &self.local_address)
            .finish_non_exhaustive()
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.hub.stop();
    }
}

pub(crate) async fn open<R: Receiver>(
    config: TransportConfig,
    receiver: R,
    pipe: Arc<dyn Pipe>,
) -> Result<Arc<Hub<R>>, StartError> {
    let pulse = pulse(config.heartbeat, config.missed_max)?;
    if config.cookie.is_empty() {
        return Err(StartError::EmptyCookie);
    }
    let threads = Threads::start(config.threads).map_err(StartError::Threads)?;
    let listener = match config.listen {
        Some(address) => {
            let listening = threads.run(pipe.listen(&address)).await;
            let ended = || Err(io::Error::other("the pipe panicked"));
            match listening.unwrap_or_else(ended) {
                Ok(listener) => Some(Arc::from(listener)),
                Err(why) => return Err(StartError::Listen { address, why }),
            }
        }
        None => None,
    };
    let settings = Settings {
        pulse: Mutex::new(pulse),
        party: Party {
            me: receiver.local().clone(),
            hidden: config.hidden,
            pulse,
            lanes: USER_LANES_MAX.min(config.user_lanes).max(1) + LANES_MIN - 1,
            unpacks: CAN_PACK,
        },
        cookie: config.cookie,
        connect_timeout: config.connect_timeout,
        pipe,
        spawner: config.spawner.unwrap_or_else(tokio_spawner),
        threads,
        compress_above: config.compress_above,
        auto_connect: config.auto_connect,
        allow_peers: config.allow_peers,
    };
    let hub = Hub::new(settings, receiver, listener);
    hub.spawn("listener", Box::pin(listener::drive_listener(hub.clone())));
    Ok(hub)
}

pub(crate) fn disconnect<R: Receiver>(hub: &Arc<Hub<R>>, node: &NodeId) -> bool {
    hub.set_kept(node, false);
    let is_connected = hub.is_connected(node);
    hub.handle(Input::Disconnect(node.clone()));
    is_connected
}

pub(crate) async fn shut_down<R: Receiver>(hub: Arc<Hub<R>>) {
    hub.stop();
    let idle = async {
        loop {
            let mut ended = std::pin::pin!(hub.ended.notified());
            // Before the check: a session that ends in between is not missed.
            ended.as_mut().enable();
            if hub.is_idle() {
                return;
            }
            ended.await;
        }
    };
    // Each session takes the grace time at most.
    if timeout(2 * GRACE, idle).await.is_err() {
        tracing::warn!("sessions are left after shutdown");
    }
}

fn tokio_spawner() -> Spawner {
    let runtime = Handle::current();
    Arc::new(move |_, future| {
        runtime.spawn(future);
    })
}
