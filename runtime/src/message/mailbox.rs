//! The bounded queue of one actor.
//!
//! Senders push under a short lock and wake the actor only when it waits; the actor takes the whole
//! queue at once and handles it outside the lock. The waker lives under the same lock as the queue,
//! so that no wake-up can be lost: there is no order of atomics to argue about.
//!
//! Messages count against the capacity, infos (downs, exits, timers, node events) do not: there are
//! never more of those than the actor asked for, but of exits by hand, which have a bound of their
//! own. Senders that wait for room are woken when the actor comes back for its next batch.

mod contention;
mod item;
mod remote;
mod state;
mod sync;

use std::future::poll_fn;
use std::task::{Poll, Waker};

use contention::Backoff;
pub use item::Overflow;
pub(crate) use item::{Dropped, Fill, Item, Refused};
pub(crate) use remote::{Arrival, Verdict};
use state::{LOOKED_AT_LEN, Leave, State, append, wake};
use sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use tokio::time::Instant;

use crate::actor::info::Info;
use crate::message::queue::Queue;
use crate::message::trace::Trace;
use crate::reason::ExitReason;

/// Messages that a mailbox holds unless the actor or the spawn says otherwise. Count.
///
/// 65 536 small messages are a few megabytes: room for any burst that an actor can work off within a
/// second.
pub const CAPACITY_DEFAULT: usize = 65_536;

/// Encoded bytes of messages from other nodes that a mailbox holds, beyond which they meet a full
/// one, whatever their count. One message is always taken. 64 MiB: four of the largest.
pub const REMOTE_BYTES_MAX: usize = 64 << 20;

/// Infos that nobody asked for wait, beside as many messages as there may be. Count. Beyond it they are
/// dropped.
const UNASKED_MAX: u64 = 65_536;

/// An idle mailbox keeps buffers of at most so many slots. Slots; a busy one keeps what it needs.
const IDLE_SLOTS_MAX: usize = 32;

#[repr(C)]
pub(crate) struct Mailbox<M> {
    state: Mutex<State<M>>,
    backoff: Backoff,
    /// Messages handled so far. Written by the actor alone, read by senders that see a full queue.
    handled: AtomicU64,
    /// Messages that wait for their guard. Written by the actor alone.
    postponed: AtomicU64,
    /// Set with `Leave::Now`, so that the actor sees it between two messages without the lock.
    stopping: AtomicBool,
    capacity: u64,
    overflow: Overflow,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let capacity = capacity.max(1) as u64;
        Self {
            state: Mutex::new(State::new(capacity)),
            backoff: Backoff::new(),
            handled: AtomicU64::new(0),
            postponed: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            capacity,
            overflow,
        }
    }

    /// Appends a message, or gives it back; or what the overflow policy drops.
    pub(crate) fn push(&self, message: M, trace: Option<Trace>) -> Result<Dropped<M>, Refused<M>> {
        self.push_sized(message, trace, 0)
    }

    /// As [`Mailbox::push`], for a message from another node that was so many bytes on the way.
    pub(crate) fn push_sized(
        &self,
        message: M,
        trace: Option<Trace>,
        bytes: usize,
    ) -> Result<Dropped<M>, Refused<M>> {
        let mut state = self.lock_to_push();
        if state.is_shut {
            return Err(Refused::Closed(message));
        }
        let mut dropped = None;
        if bytes > 0 || state.pushed >= state.look_at {
            let has_bytes = state.has_bytes(bytes);
            if !has_bytes || !self.has_room(&mut state) {
                match self.overflow {
                    Overflow::DropOldest if has_bytes => dropped = state.take_oldest(),
                    Overflow::Refuse | Overflow::Wait | Overflow::DropOldest => {
                        return Err(Refused::Full(message));
                    }
                    Overflow::DropNewest => {
                        state.dropped += 1;
                        return Ok(Some(message));
                    }
                }
            }
            state.queue_bytes += bytes;
        }
        append(state, Item::new(message, trace));
        Ok(dropped)
    }

    /// Appends a message, waiting for room. Nothing is sent when the future is dropped early.
    pub(crate) async fn push_wait(&self, message: M, trace: Option<Trace>) -> Result<(), M> {
        let mut unsent = Some(message);
        poll_fn(|cx| {
            let Some(message) = unsent.take() else {
                return Poll::Ready(Ok(()));
            };
            let mut state = self.state.lock();
            if state.is_shut {
                return Poll::Ready(Err(message));
            }
            if !self.has_room(&mut state) {
                if !state.senders.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.senders.push(cx.waker().clone());
                }
                unsent = Some(message);
                return Poll::Pending;
            }
            append(state, Item::new(message, trace));
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Appends an info. A closed mailbox drops it: its actor has ended.
    pub(crate) fn push_info(&self, info: Info) {
        let mut state = self.state.lock();
        if !state.closed {
            state.queue.push_back(Item::Info(info));
            wake(state);
        }
    }

    /// As [`Mailbox::push_info`], for what the actor did not ask for; `false` if too much waits.
    pub(crate) fn push_unasked(&self, info: Info) -> bool {
        let mut state = self.state.lock();
        let has_room = (state.queue.len() as u64) < self.capacity + UNASKED_MAX;
        if has_room && !state.closed {
            state.queue.push_back(Item::Info(info));
            wake(state);
        }
        has_room
    }

    /// Asks the actor to stop after the message at hand. The first reason counts.
    pub(crate) fn stop(&self, reason: ExitReason) {
        let mut state = self.state.lock();
        if !state.closed && !matches!(state.leave, Leave::Now(_)) {
            state.leave = Leave::Now(reason);
            self.stopping.store(true, Ordering::Release);
            wake(state);
        }
    }

    /// Lets nothing more in, and asks the actor to stop when it has handled what is there. The first
    /// reason counts.
    pub(crate) fn drain(&self, reason: ExitReason) {
        let mut state = self.state.lock();
        if !state.closed && !state.is_shut {
            state.is_shut = true;
            if matches!(state.leave, Leave::No) {
                state.leave = Leave::WhenDone(reason);
            }
            let senders = std::mem::take(&mut state.senders);
            wake(state);
            senders.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether a stop was asked for; read between messages.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes that the actor took one more message in hand.
    pub(crate) fn note_handled(&self) {
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled + 1, Ordering::Relaxed);
    }

    /// How many messages it may hold, and how many may be put off beside.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Notes how many messages wait for their guard.
    pub(crate) fn note_postponed(&self, count: u64) {
        self.postponed.store(count, Ordering::Relaxed);
    }

    /// Messages handled so far.
    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Waits for work and swaps the queue into `batch`, which must be empty; or for a stop.
    ///
    /// Only the actor's own loop calls this. Cancel safe: nothing is taken before it is ready.
    pub(crate) async fn take(&self, batch: &mut Queue<Item<M>>) -> Result<(), ExitReason> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(reason) = state.take_leave() {
                state.closed = true;
                return Poll::Ready(Err(reason));
            }
            let ready = !state.queue.is_empty();
            let waiting = state.who_waits(self.capacity);
            state.taken = state.pushed;
            state.look_at = state.full_at.min(state.taken + LOOKED_AT_LEN);
            state.in_hand_bytes = std::mem::take(&mut state.queue_bytes);
            state.in_hand_at = state.queued_at.take();
            if ready {
                std::mem::swap(&mut state.queue, batch);
                state.idle = None;
            } else {
                state.queue.shrink(IDLE_SLOTS_MAX);
                batch.shrink(IDLE_SLOTS_MAX);
                if !state.idle.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    state.idle = Some(cx.waker().clone());
                }
            }
            drop(state);
            if let Some((senders, paused)) = waiting {
                senders.into_iter().for_each(Waker::wake);
                remote::resume_all(paused);
            }
            if ready { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Refuses everything from now on, and drops what is queued: unanswered calls learn of it as
    /// their replies are dropped.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.is_shut = true;
        state.idle = None;
        let queue = std::mem::take(&mut state.queue);
        let senders = std::mem::take(&mut state.senders);
        let paused = std::mem::take(&mut state.paused);
        drop(state);
        drop(queue);
        senders.into_iter().for_each(Waker::wake);
        remote::resume_all(paused);
    }

    /// How full it is, and for how long the oldest message has waited.
    pub(crate) fn fill(&self) -> Fill {
        let mut state = self.state.lock();
        let handled = self.handled();
        let len = state.pushed.saturating_sub(handled);
        let in_hand = len.saturating_sub(state.queued());
        let since = if in_hand > 0 { &mut state.in_hand_at } else { &mut state.queued_at };
        let oldest = (len > 0).then(|| since.get_or_insert_with(Instant::now).elapsed());
        Fill {
            len,
            handled,
            postponed: self.postponed.load(Ordering::Relaxed),
            dropped: state.dropped,
            capacity: self.capacity,
            oldest,
        }
    }

    fn has_room(&self, state: &mut State<M>) -> bool {
        state.pushed < state.look_at || self.look(state)
    }

    /// Looks whether there is room, and at the clock if many wait; and says when to look again.
    #[cold]
    fn look(&self, state: &mut State<M>) -> bool {
        let gone = match self.overflow {
            Overflow::DropOldest => state.taken,
            Overflow::Refuse | Overflow::Wait | Overflow::DropNewest => self.handled(),
        };
        state.full_at = gone + self.capacity;
        state.look_at = state.full_at;
        if state.queued() >= LOOKED_AT_LEN {
            state.queued_at.get_or_insert_with(Instant::now);
        } else {
            state.look_at = state.full_at.min(state.taken + LOOKED_AT_LEN);
        }
        state.pushed < state.full_at
    }
}

impl<M> std::fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("fill", &self.fill()).finish_non_exhaustive()
    }
}

#[cfg(all(test, starlings_loom))]
mod loom_tests;
#[cfg(all(test, not(starlings_loom)))]
mod tests;
