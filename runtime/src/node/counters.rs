//! Counts of what happened on a node, readable without locks.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the node started.
#[derive(Debug, Default)]
pub struct Counters {
    spawned: AtomicU64,
    exited: AtomicU64,
    refused: AtomicU64,
    undeliverable: AtomicU64,
    messages: AtomicU64,
    overflows: AtomicU64,
}

/// [`Counters`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Actors that were started, whether or not their `init` succeeded.
    pub spawned: u64,
    /// Actors that have ended.
    pub exited: u64,
    /// Casts from other nodes that did not decode, or met a full mailbox.
    pub refused: u64,
    /// Casts from other nodes to actors that were not there any more.
    pub undeliverable: u64,
    /// Messages handled. An actor adds its own when they are 64, and the rest when it ends.
    pub messages: u64,
    /// Messages that met a full mailbox, refused or dropped.
    pub overflows: u64,
}

impl Counters {
    pub(crate) fn note_spawned(&self) {
        self.spawned.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_exited(&self) {
        self.exited.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_undeliverable(&self) {
        self.undeliverable.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_messages(&self, count: u64) {
        self.messages.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn note_overflow(&self) {
        self.overflows.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts at this moment.
    #[must_use]
    pub fn read(&self) -> Counts {
        Counts {
            spawned: self.spawned.load(Ordering::Relaxed),
            exited: self.exited.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            undeliverable: self.undeliverable.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            overflows: self.overflows.load(Ordering::Relaxed),
        }
    }
}
