//! Peers that a node stays connected with: dialled, and dialled again whenever their session is lost.

use std::sync::Arc;

use rand::TryRng;
use rand::rngs::SysRng;
use starlings_runtime::{Backoff, ConnectError, NodeId};
use tokio::time::Instant;

use crate::dial;
use crate::hub::Hub;
use crate::receiver::Receiver;

/// Keeps a session with `node`, until the hub is told not to, or stops.
///
/// # Cancel safety
/// The session that there is lives on; it is not made again.
pub(crate) async fn keep<R: Receiver>(hub: Arc<Hub<R>>, node: NodeId, backoff: Backoff) {
    let mut streak = 0;
    while hub.is_kept(&node) {
        let from = Instant::now();
        match dial::connect(Arc::clone(&hub), node.clone(), None).await {
            Ok(()) => hub.lost(&node).await,
            Err(ConnectError::NoTransport) => return,
            Err(error) => tracing::debug!(peer = %node, %error, "not connected; trying again"),
        }
        if from.elapsed() >= backoff.reset_after {
            streak = 0;
        }
        if !hub.is_kept(&node) {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.delay(streak, chance())) => {}
            () = hub.stopped() => return,
        }
        streak = streak.saturating_add(1);
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let number = SysRng.try_next_u32().unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX)
}
