//! Handshakes of accepted connections: many at once, none for long.

use std::io;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Connection;
use crate::arrivals::Arrivals;
use crate::greet::HANDSHAKE_TIMEOUT;
use crate::proto::places::Room;

#[cfg(test)]
mod tests;

/// Handshakes of one listener of a pipe with certificates or HTTP that run at once, each for
/// [`HANDSHAKE_TIMEOUT`] at most. Whoever comes beyond that takes the place of one that takes long: see
/// [`crate::proto::places`]. As many as the sessions let in at once; each costs a socket and its
/// buffers.
pub const PIPE_HANDSHAKES_MAX: usize = 256;

/// The handshakes of one listener. Dropping it drops them.
#[derive(Debug)]
pub(super) struct Handshakes {
    running: Mutex<Arrivals<Option<Connection>>>,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { running: Mutex::new(Arrivals::new(PIPE_HANDSHAKES_MAX)) }
    }
}

impl Handshakes {
    /// The next connection whose handshake succeeds, of those that `accept` gives, with where they
    /// come from. One that fails is logged.
    ///
    /// # Errors
    /// Those of `accept`; the handshakes go on.
    ///
    /// # Cancel safety
    /// Nothing is lost, if `accept` can be cancelled.
    pub(super) async fn next<S, A, F>(
        &self,
        accept: impl Fn() -> A,
        handshake: impl Fn(S, String) -> F,
    ) -> io::Result<Connection>
    where
        A: Future<Output = io::Result<(S, String)>>,
        F: Future<Output = io::Result<Connection>> + Send + 'static,
    {
        let mut running = self.running.lock().await;
        loop {
            let room = running.room();
            let opens = running.opens(room);
            tokio::select! {
                biased;
                Some(ended) = running.next() => {
                    if let Some(connection) = ended.flatten() {
                        return Ok(connection);
                    }
                }
                accepted = accept(), if room == Room::Now => {
                    let (stream, remote) = accepted?;
                    let handshake = bounded(handshake(stream, remote.clone()), remote.clone());
                    running.spawn(&remote, |_| handshake);
                }
                () = opens, if room != Room::Now => {}
            }
        }
    }
}

async fn bounded(
    handshake: impl Future<Output = io::Result<Connection>>,
    remote: String,
) -> Option<Connection> {
    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(connection)) => return Some(connection),
        Ok(Err(error)) => tracing::warn!(remote, %error, "the pipe's handshake failed"),
        Err(_) => tracing::warn!(remote, "the pipe's handshake took too long"),
    }
    None
}
