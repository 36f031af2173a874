//! The transport of one node: what the facade starts, and what the runtime sees as its carrier.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{Backoff, BoxFuture, Carrier, ConnectError, Ingress, NodeId, NodeInstance};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::dial;
use crate::hub::{Hub, Settings};
use crate::keep::keep;
use crate::listener;
use crate::membership::{self, Membership, MembershipError};
use crate::pack::CAN_PACK;
use crate::pipe::Pipe;
use crate::proto::handshake::Party;
use crate::proto::membership::Metrics;
use crate::proto::peers::Input;
use crate::proto::session::GRACE;
use crate::receiver::Receiver;
use crate::threads::Threads;
use crate::until::until;
use crate::wire::{LANES_MIN, VERSION_MAX, VERSION_MIN, Versions};

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod compression;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod long_messages;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transcript;

mod config;

pub use config::{AllowPeers, AutoConnect, Spawner, TransportConfig};
use config::{CLOSE_IDLE_MIN, USER_LANES_MAX, pulse};

/// Why a transport did not start. Nothing listens and nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The cookie has no bytes.
    #[error("the cookie is empty")]
    EmptyCookie,
    /// The highest version to speak is none that this code speaks.
    #[error("version {0} of the protocol is none of {VERSION_MIN} to {VERSION_MAX}")]
    BadVersion(u16),
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
            Some(config) => {
                let opening = Membership::open(hub.clone(), cookie, config);
                match hub.settings.threads.run(opening).await {
                    Some(Ok(membership)) => Some(membership),
                    Some(Err(error)) => {
                        hub.stop();
                        return Err(error.into());
                    }
                    None => {
                        hub.stop();
                        let ended = io::Error::other("the membership panicked");
                        return Err(StartError::Threads(ended));
                    }
                }
            }
            None => None,
        };
        let transport = Arc::new(Self { hub, local_address, membership });
        if let Some(membership) = transport.membership.clone() {
            let driven = membership::drive_membership(membership);
            transport.hub.spawn("membership", Box::pin(driven));
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

    /// Takes part in gossip membership until the node shuts down, and leaves then; ends at once if the
    /// config has none. [`Transport::start`] has handed one of these to the spawner; this is for a
    /// spawner that dropped it.
    ///
    /// # Cancel safety
    /// What is known of members lives on, as does the socket; others suspect this node meanwhile.
    pub fn drive_membership(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        match self.membership.clone() {
            Some(membership) => {
                self.hub.on_threads(Box::pin(membership::drive_membership(membership)))
            }
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

    fn may_connect(&self, node: &NodeId) -> bool {
        self.hub.may_connect(node)
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
    let pulse = pulse(config.heartbeat, config.missed_max)?;
    let versions = Versions::up_to(config.version_max);
    let versions = versions.ok_or(StartError::BadVersion(config.version_max))?;
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
            versions,
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
        compress: config.compress,
        close_idle: config.close_idle.map(|after| after.max(CLOSE_IDLE_MIN)),
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
    let idle = until(&hub.ended, || hub.is_idle());
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
