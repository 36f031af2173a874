//! Gossip membership on a real network: datagrams at the address that the node listens on.
//!
//! The pure [`State`] decides; this driver receives, calls, sends and sleeps. What comes of it goes to
//! the hub: a member that is up can be dialled by its name, so its pids work; the session of one that
//! is down ends, and its address is forgotten. The state stands beside the driver, so that a driver
//! that was dropped can be followed by another one.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::NodeInstance;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cookie::Cookie;
use crate::greet;
use crate::hub::Hub;
use crate::proto::membership::{
    Address, Config, DATAGRAM_BYTES_MAX, Input, Metrics, Output, Reason, State,
};
use crate::proto::peers;
use crate::receiver::Receiver;

mod names;
#[cfg(test)]
mod tests;

use names::Names;

/// Datagrams that are taken at once, without a look at the clock. If so many wait, the node is taken
/// for slow: at the rate of gossip, that is what comes in within seconds.
const BURST: usize = 64;

/// The pause after the system could not receive.
const RECEIVE_PAUSE: Duration = Duration::from_millis(50);

/// How a node takes part in gossip membership.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MembershipConfig {
    /// Where members may be found, `host:port`: those of [`crate::TransportConfig::listen`] of other
    /// nodes. Any number that are up will do. Up to [`crate::proto::membership::SEEDS_MAX`] are kept.
    /// Empty: others find this node.
    pub seeds: Vec<String>,
    /// Where others reach this node, if that is not where it listens: its name behind a wildcard
    /// address, for instance. `None`: where it listens.
    pub advertise: Option<String>,
    /// How often, and how long.
    pub timings: Config,
}

impl MembershipConfig {
    /// Finds the cluster through these, with default times.
    pub fn new(seeds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let seeds = seeds.into_iter().map(Into::into).collect();
        Self { seeds, advertise: None, timings: Config::default() }
    }
}

/// Why the membership of a node did not start. Nothing is bound then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// The node does not listen, so nobody could answer it.
    #[error("a member listens")]
    NotListening,
    /// It listens on all addresses of its host, and does not say which of them others reach.
    #[error("a member that listens on {0:?} has to advertise an address")]
    NoAddress(String),
    /// An address that is none.
    #[error("{0:?} is not an address: host:port of 1 to 255 bytes")]
    BadAddress(String),
    /// The datagrams of this address are somebody else's.
    #[error("cannot bind {address:?}: {why}")]
    Bind {
        /// Which.
        address: String,
        /// What the system said.
        why: io::Error,
    },
}

/// The membership of one node.
pub(crate) struct Membership<R: Receiver> {
    hub: Arc<Hub<R>>,
    state: Mutex<State>,
    socket: UdpSocket,
    /// Whether the leave is told.
    left: watch::Sender<bool>,
}

impl<R: Receiver> Membership<R> {
    /// Binds the address that the node listens on.
    pub(crate) async fn open(
        hub: Arc<Hub<R>>,
        cookie: Cookie,
        config: MembershipConfig,
    ) -> Result<Arc<Self>, MembershipError> {
        let listens = hub.listener().ok_or(MembershipError::NotListening)?.local_address();
        let bind = |why| MembershipError::Bind { address: listens.clone(), why };
        let advertised = match config.advertise {
            Some(address) => checked(&address)?,
            None => checked(&listens)?,
        };
        if names::is_unspecified(&advertised) {
            return Err(MembershipError::NoAddress(advertised.to_string()));
        }
        let seeds: Result<_, _> = config.seeds.iter().map(|seed| checked(seed)).collect();
        let socket = UdpSocket::bind(&listens).await.map_err(bind)?;
        let seed = greet::session_id().map_err(bind)?;
        let (now, me) = (hub.clock.now(), hub.receiver().local().clone());
        let mut state = State::new(now, me, advertised, &cookie, config.timings, seed);
        // Asks nobody yet: that takes the driver.
        state.handle(now, Input::Join(seeds?), &mut Vec::new());
        let left = watch::Sender::new(false);
        Ok(Arc::new(Self { hub, state: Mutex::new(state), socket, left }))
    }

    /// Other members that are up.
    pub(crate) fn members(&self) -> Vec<(NodeInstance, String)> {
        let state = self.state.lock();
        state.members().map(|(member, address)| (member, address.to_string())).collect()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.state.lock().metrics()
    }

    /// Waits until the leave is told. The node is stopping.
    pub(crate) async fn left(&self) {
        // The sender is ours, so this does not fail.
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }

    fn handle(&self, input: Input, outbox: &mut Vec<Output>) {
        self.state.lock().handle(self.hub.clock.now(), input, outbox);
    }

    /// Takes what waits in the socket, the first of it in `buffer`.
    fn receive(&self, buffer: &mut [u8], first: usize, outbox: &mut Vec<Output>) {
        let mut len = first;
        for _ in 0..BURST {
            let bytes = buffer.get(..len).unwrap_or_default().to_vec();
            self.handle(Input::Received(bytes), outbox);
            match self.socket.try_recv(buffer) {
                Ok(next) => len = next,
                Err(_) => return,
            }
        }
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        self.handle(Input::Received(bytes), outbox);
        self.handle(Input::Behind, outbox);
    }

    /// Does what the state wants. `false`: nothing comes any more.
    fn perform(&self, outbox: Vec<Output>, names: &mut Names) -> bool {
        for output in outbox {
            match output {
                Output::Send { to, bytes } => names.send(&self.socket, to, bytes),
                Output::Up { member, address } => {
                    tracing::info!(peer = %member.node, %address, "member up");
                    self.hub.learn(member.node, address.to_string());
                }
                Output::Suspected { member, accuser } => {
                    tracing::debug!(peer = %member.node, %accuser, "member suspected");
                }
                Output::Down { member, reason } => self.lose(member, &reason),
                Output::Superseded { by } => {
                    tracing::warn!(%by, "another life of this node's name is a member");
                }
                Output::Left => {
                    self.left.send_replace(true);
                    return false;
                }
            }
        }
        true
    }

    fn lose(&self, member: NodeInstance, reason: &Reason) {
        tracing::info!(peer = %member.node, ?reason, "member down");
        self.hub.forget(&member.node);
        match reason {
            // It ends its sessions in order by itself.
            Reason::Left => {}
            Reason::Verdict { .. } | Reason::Superseded { .. } => {
                self.hub.handle(peers::Input::Lost(member));
            }
        }
    }
}

impl<R: Receiver> fmt::Debug for Membership<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").finish_non_exhaustive()
    }
}

/// Takes part until the node shuts down, and then leaves.
///
/// # Cancel safety
/// The state and the socket live on: datagrams wait until it is driven again.
pub(crate) async fn drive_membership<R: Receiver>(membership: Arc<Membership<R>>) {
    if *membership.left.borrow() {
        return;
    }
    let hub = &membership.hub;
    // One byte more: a datagram that is too long is seen to be.
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    let mut names = Names::new(hub.clock);
    let mut stopped = std::pin::pin!(hub.stopped());
    let mut is_leaving = false;
    loop {
        let mut outbox = Vec::new();
        let deadline = membership.state.lock().deadline();
        tokio::select! {
            received = membership.socket.recv(&mut buffer) => match received {
                Ok(len) => membership.receive(&mut buffer, len, &mut outbox),
                Err(error) => {
                    tracing::warn!(%error, "receiving failed");
                    sleep(RECEIVE_PAUSE).await;
                }
            },
            () = hub.clock.sleep_until(deadline) => membership.handle(Input::Elapsed, &mut outbox),
            () = names.resolved(&membership.socket) => {}
            () = &mut stopped, if !is_leaving => {
                is_leaving = true;
                membership.handle(Input::Leave, &mut outbox);
            }
        }
        if !membership.perform(outbox, &mut names) {
            return;
        }
    }
}

fn checked(address: &str) -> Result<Address, MembershipError> {
    let bad = || MembershipError::BadAddress(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    if host.is_empty() || port.parse::<u16>().ok().filter(|port| *port > 0).is_none() {
        return Err(bad());
    }
    Address::new(address).map_err(|_| bad())
}
