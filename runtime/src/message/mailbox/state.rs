//! What stands under a mailbox's lock.

use std::task::Waker;

use tokio::time::Instant;

use super::remote::Paused;
use super::sync::MutexGuard;
use super::{Item, REMOTE_BYTES_MAX};
use crate::message::queue::Queue;
use crate::reason::ExitReason;

/// How many messages wait when a sender looks at the clock for the age of the oldest. Count. A look
/// for each batch, under the lock, halved the rate of four senders.
pub(super) const LOOKED_AT_LEN: u64 = 64;

/// What every push touches stands together, at the front: senders on several threads hand the lock to
/// each other with the lines of the cache that it guards, and each line costs as much as a push.
#[repr(C)]
pub(super) struct State<M> {
    /// Messages ever accepted and not dropped again. `pushed - handled` is the length.
    pub(super) pushed: u64,
    /// The count of `pushed` at which to look whether there is room, and at the clock.
    pub(super) look_at: u64,
    /// The actor, when it waits.
    pub(super) idle: Option<Waker>,
    /// Nothing more is let in but, unless it is closed, infos.
    pub(super) is_shut: bool,
    pub(super) closed: bool,
    pub(super) queue: Queue<Item<M>>,
    /// `pushed` when the actor took the queue: what came since is in it.
    pub(super) taken: u64,
    /// What `pushed` may come to, as far as was seen when it was looked at.
    pub(super) full_at: u64,
    /// `pushed` when a sender last found the lock held.
    pub(super) contended_at: u64,
    /// Messages lost to the bound.
    pub(super) dropped: u64,
    /// Encoded bytes of what came from other nodes: in the queue, and in the actor's hand.
    pub(super) queue_bytes: usize,
    pub(super) in_hand_bytes: usize,
    /// Since when messages of the queue, and of the batch in hand, have been seen to wait: since the
    /// first look at them from outside, or since they were many.
    pub(super) queued_at: Option<Instant>,
    pub(super) in_hand_at: Option<Instant>,
    /// Senders that wait for room.
    pub(super) senders: Vec<Waker>,
    /// Senders on other nodes that were told to pause.
    pub(super) paused: Vec<Paused>,
    pub(super) leave: Leave,
}

/// Whether the actor was asked to end.
pub(super) enum Leave {
    No,
    /// When the queue is empty; nothing more is let in.
    WhenDone(ExitReason),
    /// After the message at hand.
    Now(ExitReason),
}

impl<M> State<M> {
    /// Of a mailbox that may hold so many messages.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            pushed: 0,
            look_at: capacity.min(LOOKED_AT_LEN),
            idle: None,
            is_shut: false,
            closed: false,
            queue: Queue::default(),
            taken: 0,
            full_at: capacity,
            contended_at: 0,
            dropped: 0,
            queue_bytes: 0,
            in_hand_bytes: 0,
            queued_at: None,
            in_hand_at: None,
            senders: Vec::new(),
            paused: Vec::new(),
            leave: Leave::No,
        }
    }

    /// Takes the reason for which the actor ends now, if it does.
    pub(super) fn take_leave(&mut self) -> Option<ExitReason> {
        let is_time = match &self.leave {
            // Looked at with each batch: nothing is moved for it.
            Leave::No => return None,
            Leave::WhenDone(_) => self.queue.is_empty(),
            Leave::Now(_) => true,
        };
        match std::mem::replace(&mut self.leave, Leave::No) {
            Leave::WhenDone(reason) | Leave::Now(reason) if is_time => Some(reason),
            later @ (Leave::No | Leave::WhenDone(_) | Leave::Now(_)) => {
                self.leave = later;
                None
            }
        }
    }

    /// Messages in the queue; the rest of it are infos.
    pub(super) fn queued(&self) -> u64 {
        self.pushed - self.taken
    }

    /// Who is to hear that the queue is taken: senders here, and, if it was half empty, those
    /// on other nodes.
    pub(super) fn who_waits(&mut self, capacity: u64) -> Option<(Vec<Waker>, Vec<Paused>)> {
        if self.senders.is_empty() && self.paused.is_empty() {
            return None;
        }
        let is_half_empty = self.queued() <= capacity / 2;
        let paused = if is_half_empty { std::mem::take(&mut self.paused) } else { Vec::new() };
        Some((std::mem::take(&mut self.senders), paused))
    }

    pub(super) fn has_bytes(&self, bytes: usize) -> bool {
        let held = self.queue_bytes + self.in_hand_bytes;
        bytes == 0 || held == 0 || held + bytes <= REMOTE_BYTES_MAX
    }

    /// Drops the oldest message that waits; events keep their place.
    pub(super) fn take_oldest(&mut self) -> Option<M> {
        let message = self.queue.remove_first(Item::is_message)?.into_message()?;
        self.pushed -= 1;
        self.dropped += 1;
        Some(message)
    }
}

pub(super) fn append<M>(mut state: MutexGuard<'_, State<M>>, message: Item<M>) {
    state.pushed += 1;
    state.queue.push_back(message);
    wake(state);
}

pub(super) fn wake<M>(mut state: MutexGuard<'_, State<M>>) {
    let idle = state.idle.take();
    drop(state);
    if let Some(waker) = idle {
        waker.wake();
    }
}
