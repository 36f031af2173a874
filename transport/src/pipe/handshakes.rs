//! Handshakes of accepted connections: many at once, none for long.

use std::io;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Connection;
use crate::greet::HANDSHAKE_TIMEOUT;

#[cfg(test)]
mod tests;

/// Handshakes of one listener of a pipe with certificates or HTTP that run at once, each for
/// [`HANDSHAKE_TIMEOUT`] at most. Beyond that, connections wait in the backlog of the system. More
/// than the sessions let in at once, so that somebody who only opens connections has to keep hundreds
/// of them open; each costs a socket and its buffers.
pub const PIPE_HANDSHAKES_MAX: usize = 256;

/// The handshakes of one listener. Dropping it drops them.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    running: Mutex<JoinSet<Option<Connection>>>,
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
            tokio::select! {
                accepted = accept(), if running.len() < PIPE_HANDSHAKES_MAX => {
                    let (stream, remote) = accepted?;
                    running.spawn(bounded(handshake(stream, remote.clone()), remote));
                }
                Some(ended) = running.join_next() => match ended {
                    Ok(Some(connection)) => return Ok(connection),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "a handshake failed"),
                }
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
