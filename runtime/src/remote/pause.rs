//! Receivers on another node whose mailboxes are full, as their senders here know them.
//!
//! ```text
//!   sender's node                                receiver's node
//!   cast, cast, …            ──────────────▶     mailbox is full: takes it, and
//!   Overloaded from now on   ◀── Pause ─────     tells each node that goes on, once
//!   cast_wait goes on        ◀── Resume ────     mailbox is half empty
//! ```
//!
//! What was on its way when the mailbox filled up is taken, so nothing between two actors is lost: the
//! lanes bound how much that is. A peer that goes on sending for much longer loses its session.
//! Signals and replies are not held up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::remote::carrier::LaneKey;

/// Receivers on one node that may be paused at once. Count. More is a violation of the protocol; a node
/// with a million actors that are all full has other troubles.
pub(crate) const PAUSED_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Whether any is, so that who sends to others need not look.
    any: AtomicBool,
    keys: Mutex<BTreeSet<u64>>,
    resumed: Notify,
}

impl Pauses {
    pub(crate) fn is_paused(&self, LaneKey(key): LaneKey) -> bool {
        self.any.load(Ordering::Acquire) && self.keys.lock().contains(&key)
    }

    /// Whether any is paused.
    pub(crate) fn has_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The receiver can take no more. `false`: that are too many.
    pub(crate) fn pause(&self, key: u64) -> bool {
        let mut keys = self.keys.lock();
        if keys.len() >= PAUSED_MAX {
            return false;
        }
        keys.insert(key);
        self.any.store(true, Ordering::Release);
        true
    }

    /// The receiver can take more again.
    pub(crate) fn resume(&self, key: u64) {
        let mut keys = self.keys.lock();
        keys.remove(&key);
        self.any.store(!keys.is_empty(), Ordering::Release);
        drop(keys);
        self.resumed.notify_waiters();
    }

    /// The session is gone, and all that was said in it.
    pub(crate) fn clear(&self) {
        let mut keys = self.keys.lock();
        keys.clear();
        self.any.store(false, Ordering::Release);
        drop(keys);
        self.resumed.notify_waiters();
    }

    /// Waits until the receiver can take more.
    pub(crate) async fn ready(&self, key: LaneKey) {
        loop {
            let mut resumed = std::pin::pin!(self.resumed.notified());
            // Before the look: a resume between look and wait is not missed.
            resumed.as_mut().enable();
            if !self.is_paused(key) {
                return;
            }
            resumed.await;
        }
    }
}
