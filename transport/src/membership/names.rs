//! From addresses as text to addresses of sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::proto::membership::Address;

/// Names that are being looked up at once. What goes to further ones meanwhile is lost, as a datagram
/// may be. As many as seeds are kept.
const LOOKUPS_MAX: usize = 64;

/// Names whose addresses are kept. Beyond that, all are forgotten and looked up again.
const KEPT_MAX: usize = 16 << 10;

/// How long an address that was looked up is used: a host may move.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Sends to addresses that are numbers at once, and to names once they are looked up.
pub(super) struct Names {
    clock: Clock,
    kept: BTreeMap<Address, (SocketAddr, Duration)>,
    lookups: JoinSet<Option<(Address, SocketAddr, Vec<u8>)>>,
}

impl Names {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, kept: BTreeMap::new(), lookups: JoinSet::new() }
    }

    pub(super) fn send(&mut self, socket: &UdpSocket, to: Address, bytes: Vec<u8>) {
        if let Ok(number) = to.as_str().parse() {
            return transmit(socket, number, &bytes);
        }
        let now = self.clock.now();
        match self.kept.get(&to) {
            Some((number, until)) if *until > now => transmit(socket, *number, &bytes),
            _ if self.lookups.len() >= LOOKUPS_MAX => {
                tracing::debug!(%to, "a datagram is lost to too many lookups");
            }
            _ => {
                let is_ipv4 = socket.local_addr().is_ok_and(|address| address.is_ipv4());
                self.lookups.spawn(async move {
                    let found: Vec<_> = lookup_host(to.as_str()).await.ok()?.collect();
                    let number = found.into_iter().find(|number| number.is_ipv4() == is_ipv4)?;
                    Some((to, number, bytes))
                });
            }
        }
    }

    /// Resolves when a name was looked up, and what waited for it is sent; never, if none is.
    pub(super) async fn resolved(&mut self, socket: &UdpSocket) {
        match self.lookups.join_next().await {
            Some(Ok(Some((to, number, bytes)))) => {
                if self.kept.len() >= KEPT_MAX {
                    self.kept.clear();
                }
                self.kept.insert(to, (number, self.clock.now() + KEPT_FOR));
                transmit(socket, number, &bytes);
            }
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

/// Whether this is an address of all interfaces, which is nowhere for others.
pub(super) fn is_unspecified(address: &Address) -> bool {
    address.as_str().parse::<SocketAddr>().is_ok_and(|number| number.ip().is_unspecified())
}

fn transmit(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
    if let Err(error) = socket.try_send_to(bytes, to) {
        // As if it were lost on the way.
        tracing::trace!(%to, %error, "a datagram was not sent");
    }
}
