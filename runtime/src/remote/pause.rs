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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::remote::carrier::{LaneKey, Urgency};
use crate::remote::peer::Peer;
use crate::remote::wire::Header;

/// Receivers on one node that may be paused at once. Count. More is a violation of the protocol; a node
/// with a million actors that are all full has other troubles.
pub(crate) const PAUSED_MAX: usize = 1 << 20;

/// A receiver, as pauses name it. It is not the key of a lane: those are of senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReceiverKey(pub(crate) u64);

impl ReceiverKey {
    /// The actor with this serial on its node.
    pub(crate) const fn of_actor(serial: u64) -> Self {
        Self(serial)
    }

    /// Whoever has this name.
    pub(crate) fn of_name(name: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
    }
}

impl Peer {
    /// Tells the node there that its senders to this receiver are to pause, or can go on. Fails only with
    /// the session, which forgets that the receiver was full.
    pub(crate) fn tell_pause(self: &Arc<Self>, ReceiverKey(key): ReceiverKey, pauses: bool) {
        let header = if pauses { Header::Pause { key } } else { Header::Resume { key } };
        let _ = self.send(LaneKey::PAUSES, Urgency::Forced, &header, &mut |_| Ok(()));
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Whether any is, so that who sends to others need not look.
    any: AtomicBool,
    keys: Mutex<BTreeSet<ReceiverKey>>,
    resumed: Notify,
}

impl Pauses {
    pub(crate) fn is_paused(&self, key: ReceiverKey) -> bool {
        self.any.load(Ordering::Acquire) && self.keys.lock().contains(&key)
    }

    /// Whether any is paused.
    pub(crate) fn has_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The receiver can take no more. `false`: that are too many.
    pub(crate) fn pause(&self, key: ReceiverKey) -> bool {
        let mut keys = self.keys.lock();
        if keys.len() >= PAUSED_MAX {
            return false;
        }
        keys.insert(key);
        self.any.store(true, Ordering::Release);
        true
    }

    /// The receiver can take more again.
    pub(crate) fn resume(&self, key: ReceiverKey) {
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
    pub(crate) async fn ready(&self, key: ReceiverKey) {
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
