//! How a node reaches others, and lets itself be reached.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{BoxFuture, NodeId};

use super::StartError;
use crate::cookie::Cookie;
use crate::membership::MembershipConfig;
use crate::pack::Compress;
use crate::wire::{LANES_MAX, LANES_MIN, Pulse, VERSION_MAX};

/// Runs the futures of a transport. The name says what the future is: `listener`, `membership`, `dial`,
/// `keep` or `session`.
///
/// Dropping such a future is safe at any point: that dial fails, that session goes down. A dropped
/// listener is started again with
/// [`Transport::drive_listener`](super::Transport::drive_listener), a dropped membership with
/// [`Transport::drive_membership`](super::Transport::drive_membership).
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
    /// The highest version of the protocol that this node speaks, from [`VERSION_MIN`] on; with each peer
    /// it speaks the highest that both do. A lower one takes what came later back, while nodes that do not
    /// have it yet may have to be put in again. [`VERSION_MAX`].
    ///
    /// [`VERSION_MIN`]: crate::wire::VERSION_MIN
    pub version_max: u16,
    /// After how long without a frame a lane says something. 1 ms to 49 days; larger finds silent
    /// peers later, smaller costs more. The longer of both ends counts. 1 s.
    pub heartbeat: Duration,
    /// How many heartbeats may be missed before a peer is taken for dead. At least 1. 5.
    pub missed_max: u32,
    /// Lanes for messages that a session with another node may have; the fewer of both ends count. 1 to
    /// 14; what is outside counts as the nearest. The sender of a message decides its lane. More of
    /// them use more cores for one peer, and each is a connection of its own. 1.
    pub user_lanes: u8,
    /// What is compressed, if the peer can read that. Needs the feature `lz4`, without which it is ignored.
    /// Nothing.
    pub compress: Compress,
    /// Threads that handshakes and heartbeats have for themselves, so that actors which block theirs do
    /// not make the node look dead. 0: they share those of the runtime that the transport is started
    /// in, and such actors do. 1.
    pub threads: usize,
    /// Whether messages have their node connected to. Always.
    pub auto_connect: AutoConnect,
    /// Which peers the node talks to. `None`: all that know the cookie.
    pub allow_peers: Option<AllowPeers>,
    /// After this long without need, sessions are closed, if the other end does not need them either and
    /// closes such sessions too. 10 ms at least; what is shorter counts as that. It may take a quarter
    /// longer. `None`: none are. `None`.
    ///
    /// A session is needed while there are links or monitors across it, calls or other answers that are
    /// waited for, anything on its way, or a [`Hold`](starlings_runtime::Hold); while its peer is kept
    /// connected; and by an end that could not open it again: one that does not know the other's address,
    /// or that connects only when asked for.
    pub close_idle: Option<Duration>,
    /// How long a connect may take, resolution, dial, handshake and all tries together. 5 s.
    pub connect_timeout: Duration,
    /// Finds other nodes, and their ends, by gossip. Takes `listen`, and the same port for datagrams.
    /// `None`: nodes know each other by sessions and addresses only.
    pub membership: Option<MembershipConfig>,
    /// What runs the futures of the transport. `None`: the tokio runtime it is started in.
    pub spawner: Option<Spawner>,
}

/// Shortest time after which sessions are closed that nobody needs. Less would be the time of a few
/// messages.
pub(super) const CLOSE_IDLE_MIN: Duration = Duration::from_millis(10);

/// Most user lanes of a session.
pub(super) const USER_LANES_MAX: u8 = LANES_MAX - (LANES_MIN - 1);

impl TransportConfig {
    /// A node that does not listen, with defaults for the rest.
    #[must_use]
    pub fn new(cookie: Cookie) -> Self {
        Self {
            listen: None,
            cookie,
            hidden: false,
            version_max: VERSION_MAX,
            heartbeat: Duration::from_secs(1),
            missed_max: 5,
            user_lanes: 1,
            auto_connect: AutoConnect::Always,
            allow_peers: None,
            compress: Compress::default(),
            threads: 1,
            close_idle: None,
            connect_timeout: Duration::from_secs(5),
            membership: None,
            spawner: None,
        }
    }
}

pub(super) fn pulse(heartbeat: Duration, missed_max: u32) -> Result<Pulse, StartError> {
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
            .field("membership", &self.membership)
            .finish_non_exhaustive()
    }
}
