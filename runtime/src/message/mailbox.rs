//! The bounded queue of one actor.
//!
//! Senders push under a short lock and wake the actor only when it waits; the actor takes the whole
//! queue at once and handles it outside the lock. The waker lives under the same lock as the queue,
//! so that no wake-up can be lost: there is no order of atomics to argue about.
//!
//! Messages count against the capacity, infos (downs, exits, timers, node events) do not: there are
//! never more of those than the actor asked for. Senders that wait for room are woken when the actor
//! comes back for its next batch.

mod item;
mod remote;
mod sync;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

pub use item::Overflow;
pub(crate) use item::{Dropped, Fill, Item, Refused};
use remote::Paused;
pub(crate) use remote::{Arrival, Verdict};
use sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use tokio::time::Instant;

use crate::actor::info::Info;
use crate::message::trace::Trace;
use crate::message::unhandled::Unhandled;
use crate::reason::ExitReason;

/// Messages that a mailbox holds unless the actor or the spawn says otherwise. Count.
///
/// 65 536 small messages are a few megabytes: room for any burst that an actor can work off within a
/// second.
pub const CAPACITY_DEFAULT: usize = 65_536;

/// Encoded bytes of messages from other nodes that a mailbox holds, beyond which they meet a full
/// one, whatever their count. One message is always taken. 64 MiB: four of the largest.
pub const REMOTE_BYTES_MAX: usize = 64 << 20;

/// How many messages wait when a sender looks at the clock for the age of the oldest. Count. A look
/// for each batch, under the lock, halved the rate of four senders.
const LOOKED_AT_LEN: u64 = 64;

/// An idle mailbox keeps buffers of at most so many slots. Slots; a busy one keeps what it needs.
const IDLE_SLOTS_MAX: usize = 32;

pub(crate) struct Mailbox<M> {
    state: Mutex<State<M>>,
    /// Messages handled so far. Written by the actor alone, read by senders that see a full queue.
    handled: AtomicU64,
    /// Messages that wait for their guard. Written by the actor alone.
    postponed: AtomicU64,
    /// Set with `State::stop`, so that the actor sees it between two messages without the lock.
    stopping: AtomicBool,
    capacity: u64,
    overflow: Overflow,
}

struct State<M> {
    queue: VecDeque<Item<M>>,
    /// Messages in it; the rest are infos.
    queued: u64,
    /// Messages ever accepted and not dropped again. `pushed - handled` is the length.
    pushed: u64,
    /// `handled` as last read: refreshed only when the queue looks full.
    handled_seen: u64,
    /// Messages lost to the bound.
    dropped: u64,
    /// Encoded bytes of what came from other nodes: in the queue, and in the actor's hand.
    queue_bytes: usize,
    in_hand_bytes: usize,
    /// Since when messages of the queue, and of the batch in hand, have been seen to wait: since the
    /// first look at them from outside, or since they were many.
    queued_at: Option<Instant>,
    in_hand_at: Option<Instant>,
    /// The actor, when it waits.
    idle: Option<Waker>,
    /// Senders that wait for room.
    senders: Vec<Waker>,
    /// Senders on other nodes that were told to pause.
    paused: Vec<Paused>,
    stop: Option<ExitReason>,
    /// The actor is to stop for this reason when the queue is empty; nothing more is let in.
    drain: Option<ExitReason>,
    closed: bool,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let state = State {
            queue: VecDeque::new(),
            queued: 0,
            pushed: 0,
            handled_seen: 0,
            dropped: 0,
            queue_bytes: 0,
            in_hand_bytes: 0,
            queued_at: None,
            in_hand_at: None,
            idle: None,
            senders: Vec::new(),
            paused: Vec::new(),
            stop: None,
            drain: None,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            handled: AtomicU64::new(0),
            postponed: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            capacity: capacity.max(1) as u64,
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
        let mut state = self.state.lock();
        if state.closed || state.drain.is_some() {
            return Err(Refused::Closed(message));
        }
        let mut dropped = None;
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
            if state.closed || state.drain.is_some() {
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

    /// Asks the actor to stop after the message at hand. The first reason counts.
    pub(crate) fn stop(&self, reason: ExitReason) {
        let mut state = self.state.lock();
        if !state.closed && state.stop.is_none() {
            state.stop = Some(reason);
            self.stopping.store(true, Ordering::Release);
            wake(state);
        }
    }

    /// Lets nothing more in, and asks the actor to stop when it has handled what is there. The first
    /// reason counts.
    pub(crate) fn drain(&self, reason: ExitReason) {
        let mut state = self.state.lock();
        if !state.closed && state.drain.is_none() {
            state.drain = Some(reason);
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
    pub(crate) async fn take(&self, batch: &mut VecDeque<Item<M>>) -> Result<(), ExitReason> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(reason) = state.stop.take() {
                return Poll::Ready(Err(reason));
            }
            let senders = std::mem::take(&mut state.senders);
            let ready = !state.queue.is_empty();
            let is_half_empty = state.queued <= self.capacity / 2;
            let paused = if is_half_empty { std::mem::take(&mut state.paused) } else { Vec::new() };
            state.queued = 0;
            state.in_hand_bytes = std::mem::take(&mut state.queue_bytes);
            state.in_hand_at = state.queued_at.take();
            if ready {
                std::mem::swap(&mut state.queue, batch);
                state.idle = None;
            } else if let Some(reason) = state.drain.take() {
                state.closed = true;
                return Poll::Ready(Err(reason));
            } else {
                shrink(&mut state.queue);
                shrink(batch);
                if !state.idle.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    state.idle = Some(cx.waker().clone());
                }
            }
            drop(state);
            senders.into_iter().for_each(Waker::wake);
            remote::resume_all(paused);
            if ready { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Refuses everything from now on, and drops what is queued: unanswered calls learn of it as
    /// their replies are dropped.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.idle = None;
        let queue = Unhandled(std::mem::take(&mut state.queue));
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
        let in_hand = len.saturating_sub(state.queued);
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
        if self.overflow == Overflow::DropOldest {
            return state.queued < self.capacity;
        }
        if state.pushed - state.handled_seen < self.capacity {
            return true;
        }
        state.handled_seen = self.handled.load(Ordering::Relaxed);
        state.pushed - state.handled_seen < self.capacity
    }
}

impl<M> State<M> {
    fn look_at_age(&mut self) {
        if self.queued > LOOKED_AT_LEN && self.queued_at.is_none() {
            self.queued_at = Some(Instant::now());
        }
    }

    fn has_bytes(&self, bytes: usize) -> bool {
        let held = self.queue_bytes + self.in_hand_bytes;
        bytes == 0 || held == 0 || held + bytes <= REMOTE_BYTES_MAX
    }

    /// Drops the oldest message that waits; events keep their place.
    fn take_oldest(&mut self) -> Option<M> {
        let oldest = self.queue.iter().position(Item::is_message)?;
        let message = self.queue.remove(oldest)?.into_message()?;
        self.queued -= 1;
        self.pushed -= 1;
        self.dropped += 1;
        Some(message)
    }
}

fn append<M>(mut state: MutexGuard<'_, State<M>>, message: Item<M>) {
    state.pushed += 1;
    state.queued += 1;
    state.look_at_age();
    state.queue.push_back(message);
    wake(state);
}

fn shrink<T>(buffer: &mut VecDeque<T>) {
    if buffer.capacity() > IDLE_SLOTS_MAX {
        *buffer = VecDeque::new();
    }
}

fn wake<M>(mut state: MutexGuard<'_, State<M>>) {
    let idle = state.idle.take();
    drop(state);
    if let Some(waker) = idle {
        waker.wake();
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
