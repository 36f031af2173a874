//! One moment at which something is to happen, that can be moved.

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::node::Node;

/// Runs something once at a moment, unless it is set anew before: how a driver keeps the deadline of
/// its state machine.
///
/// Dropping it cancels.
#[derive(Debug, Default)]
pub struct Alarm(Mutex<Option<(Instant, AbortHandle)>>);

impl Alarm {
    /// Sets the alarm to `at`, in place of what was set; `None` takes it back. Setting it to the
    /// moment it is set to already costs nothing. It rings on the node's runtime.
    pub fn set(&self, node: &Node, at: Option<Instant>, ring: impl FnOnce() + Send + 'static) {
        let mut set = self.0.lock();
        if set.as_ref().map(|(at, _)| *at) == at {
            return;
        }
        if let Some((_, task)) = set.take() {
            task.abort();
        }
        let Some(at) = at else { return };
        let task = node.run(async move {
            tokio::time::sleep_until(at).await;
            ring();
        });
        *set = Some((at, task.abort_handle()));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((_, task)) = self.0.lock().take() {
            task.abort();
        }
    }
}
