//! The transport of one node: what the facade starts, and what the runtime sees as its carrier.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{BoxFuture, Carrier, ConnectError, Ingress, NodeId, NodeInstance};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::cookie::Cookie;
use crate::dial;
use crate::hub::{Hub, Settings};
use crate::listener;
use crate::membership::{self, Membership, MembershipConfig, MembershipError};
use crate::pipe::Pipe;
use crate::proto::handshake::Party;
use crate::proto::membership::Metrics;
use crate::proto::peers::Input;
use crate::proto::session::GRACE;
use crate::receiver::Receiver;
use crate::wire::Pulse;

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod tests;

/// Runs the futures of a transport. The name says what the future is: `listener`, `membership`, `dial`
/// or `session`.
///
/// Dropping such a future is safe at any point: that dial fails, that session goes down. A dropped
/// listener is started again with [`Transport::drive_listener`], a dropped membership with
/// [`Transport::drive_membership`].
pub type Spawner = Arc<dyn Fn(&'static str, BoxFuture<'static, ()>) + Send + Sync>;

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
    /// How long a connect may take, resolution, dial, handshake and all tries together. 5 s.
    pub connect_timeout: Duration,
    /// Finds other nodes, and their ends, by gossip. Takes `listen`, and the same port for datagrams.
    /// `None`: nodes know each other by sessions and addresses only.
    pub membership: Option<MembershipConfig>,
    /// What runs the futures of the transport. `None`: the tokio runtime it is started in.
    pub spawner: Option<Spawner>,
}

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
            connect_timeout: Duration::from_secs(5),
            membership: None,
            spawner: None,
        }
    }

    fn pulse(&self) -> Result<Pulse, StartError> {
        let ms = |time: Option<Duration>| {
            let ms = u32::try_from(time.map(|time| time.as_millis()).unwrap_or_default());
            ms.ok().filter(|ms| *ms > 0).ok_or(StartError::BadHeartbeat)
        };
        Ok(Pulse {
            heartbeat_ms: ms(Some(self.heartbeat))?,
            silent_ms: ms(self.heartbeat.checked_mul(self.missed_max))?,
        })
    }
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
    /// The address cannot be listened on.
    #[error("cannot listen on {address:?}: {why}")]
    Listen {
        /// Which.
        address: String,
        /// What the system said.
        why: io::Error,
    },
    /// It cannot take part in gossip membership.
    #[error(transparent)]
    Membership(#[from] MembershipError),
}

/// The transport of one node. Dropping it shuts it down without waiting.
pub struct Transport {
    hub: Arc<Hub<Ingress>>,
    local_address: Option<String>,
    membership: Option<Arc<Membership<Ingress>>>,
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
        let (gossip, cookie) = (config.membership.clone(), config.cookie.clone());
        let hub = open(config, ingress, pipe).await?;
        let local_address = hub.listener().map(|listener| listener.local_address());
        let membership = match gossip {
            Some(config) => match Membership::open(hub.clone(), &cookie, config).await {
                Ok(membership) => Some(membership),
                Err(error) => {
                    hub.stop();
                    return Err(error.into());
                }
            },
            None => None,
        };
        let transport = Arc::new(Self { hub, local_address, membership });
        if transport.membership.is_some() {
            transport.hub.spawn("membership", transport.drive_membership());
        }
        Ok(transport)
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

    /// Accepts connections until the node shuts down. [`Transport::start`] has handed one of these
    /// to the spawner; this is for a spawner that dropped it.
    ///
    /// # Cancel safety
    /// The bound socket lives on: connections wait until it is driven again.
    pub fn drive_listener(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(listener::drive_listener(self.hub.clone()))
    }

    /// Takes part in gossip membership until the node shuts down, and leaves then; ends at once if the
    /// config has none. [`Transport::start`] has handed one of these to the spawner; this is for a
    /// spawner that dropped it.
    ///
    /// # Cancel safety
    /// What is known of members lives on, as does the socket; others suspect this node meanwhile.
    pub fn drive_membership(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        match self.membership.clone() {
            Some(membership) => Box::pin(membership::drive_membership(membership)),
            None => Box::pin(std::future::ready(())),
        }
    }

    /// Other members of the cluster with their addresses, as gossip has told them; empty without it.
    #[must_use]
    pub fn members(&self) -> Vec<(NodeInstance, String)> {
        self.membership.as_ref().map(|membership| membership.members()).unwrap_or_default()
    }

    /// What the membership has counted; `None` without one.
    #[must_use]
    pub fn membership_metrics(&self) -> Option<Metrics> {
        self.membership.as_ref().map(|membership| membership.metrics())
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

    fn knows(&self, node: &NodeId) -> bool {
        self.hub.address(node).is_some()
    }

    fn shutdown(&self) -> BoxFuture<'static, ()> {
        let (hub, membership) = (self.hub.clone(), self.membership.clone());
        Box::pin(async move {
            let left = async {
                if let Some(membership) = membership {
                    // Others find out without it, but later.
                    let _ = timeout(GRACE, membership.left()).await;
                }
            };
            tokio::join!(shut_down(hub), left);
        })
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
    let pulse = config.pulse()?;
    if config.cookie.is_empty() {
        return Err(StartError::EmptyCookie);
    }
    let listener = match config.listen {
        Some(address) => match pipe.listen(&address).await {
            Ok(listener) => Some(Arc::from(listener)),
            Err(why) => return Err(StartError::Listen { address, why }),
        },
        None => None,
    };
    let settings = Settings {
        party: Party { me: receiver.local().clone(), hidden: config.hidden, pulse },
        cookie: config.cookie,
        connect_timeout: config.connect_timeout,
        pipe,
        spawner: config.spawner.unwrap_or_else(tokio_spawner),
    };
    let hub = Hub::new(settings, receiver, listener);
    hub.spawn("listener", Box::pin(listener::drive_listener(hub.clone())));
    Ok(hub)
}

pub(crate) fn disconnect<R: Receiver>(hub: &Arc<Hub<R>>, node: &NodeId) -> bool {
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
