//! The bulk lane of one session, as senders and its writer share it; and how far user lanes have come,
//! which messages of the bulk lane wait for.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use starlings_runtime::Urgency;
use tokio::sync::Notify;

use crate::lane::{AppendError, Lane};
use crate::proto::bulk::{MESSAGE_BYTES_MAX, Outgoing, Piece};
use crate::until::until;
use crate::wire::After;

/// Above this, long messages that may be refused are. Bytes that wait; one message is always taken, so
/// that up to [`MESSAGE_BYTES_MAX`] come on top.
pub const BULK_BYTES_SOFT: usize = 4 << 20;

/// Above this the session ends with `Overflow`. Bytes that wait.
pub const BULK_BYTES_HARD: usize = 2 * MESSAGE_BYTES_MAX;

/// The sending side.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    outgoing: Mutex<Outgoing>,
    /// Whether there is any stream, so that who sends short messages need not look.
    any: AtomicBool,
    /// It has fallen below its soft limit, or the end has come.
    room: Notify,
    closed: AtomicBool,
    /// Whether nothing is let in, for the time being or since the end. Changed under the lock.
    is_frozen: AtomicBool,
}

impl Bulk {
    /// Whether messages with this key go this way, so as not to overtake others.
    pub(super) fn has(&self, key: u64) -> bool {
        self.any.load(Ordering::Acquire) && self.outgoing.lock().has(key)
    }

    /// Whether a message with this key that may be refused would be, whatever its size.
    pub(super) fn refuses(&self, key: u64) -> bool {
        // Once it is closed there is nothing to wait for: that it is shows when it is pushed.
        if !self.any.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire) {
            return false;
        }
        let outgoing = self.outgoing.lock();
        outgoing.has(key) && outgoing.bytes() >= BULK_BYTES_SOFT
    }

    /// Appends a message, to be delivered after what went by `lane`, its user lane, until now.
    pub(super) fn push(
        &self,
        key: u64,
        urgency: Urgency,
        (at, lane): (u8, &Lane),
        message: Vec<u8>,
    ) -> Result<(), AppendError> {
        let bytes = message.len();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(AppendError::TooLarge(bytes));
        }
        let mut outgoing = self.outgoing.lock();
        if self.is_frozen.load(Ordering::Acquire) {
            return Err(AppendError::Idle);
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::Closed);
        }
        if urgency == Urgency::Refusable && outgoing.bytes() >= BULK_BYTES_SOFT {
            return Err(AppendError::Overloaded);
        }
        if outgoing.bytes() + bytes > BULK_BYTES_HARD {
            return Err(AppendError::Overflowed);
        }
        // For those behind the first one too: when another task with this key began the stream, this one
        // may have been on its way into the user lane.
        let after = After { lane: at, frames: lane.frames_so_far() };
        outgoing.push(key, Some(after), message);
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// What the writer is to write next.
    pub(super) fn next_piece(&self) -> Option<Piece> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut outgoing = self.outgoing.lock();
        let piece = outgoing.next_piece();
        let has_room = outgoing.bytes() < BULK_BYTES_SOFT;
        drop(outgoing);
        if has_room {
            self.room.notify_waiters();
        }
        piece
    }

    /// Lets nothing in, or lets it in again.
    pub(super) fn freeze(&self, is_frozen: bool) {
        let _outgoing = self.outgoing.lock();
        self.is_frozen.store(is_frozen, Ordering::Release);
    }

    /// Whether all that it took is delivered, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.outgoing.lock().is_empty()
    }

    /// Whether all is written.
    pub(super) fn is_written(&self) -> bool {
        !self.outgoing.lock().has_work()
    }

    /// The peer has delivered a message. `false`: there is none such.
    pub(super) fn on_delivered(&self, message: u32) -> bool {
        let mut outgoing = self.outgoing.lock();
        let is_known = outgoing.on_delivered(message);
        self.any.store(!outgoing.is_empty(), Ordering::Release);
        is_known
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        let _outgoing = self.outgoing.lock();
        self.closed.store(true, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Waits until it is below its soft limit, or closed.
    pub(super) async fn ready(&self) {
        let is_full = || self.outgoing.lock().bytes() >= BULK_BYTES_SOFT;
        until(&self.room, || self.closed.load(Ordering::Acquire) || !is_full()).await;
    }
}

/// How many frames of a lane are delivered.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) frames: AtomicU32,
    moved: Notify,
}

impl Progress {
    /// One more is.
    pub(super) fn step(&self) {
        self.frames.fetch_add(1, Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// Waits until that many are, modulo 2^32.
    pub(super) async fn reaches(&self, frames: u32) {
        let ahead = || self.frames.load(Ordering::Acquire).wrapping_sub(frames);
        until(&self.moved, || ahead() < u32::MAX / 2).await;
    }
}
