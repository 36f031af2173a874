//! The bounded queue of one actor.
//!
//! Senders push under a short lock and wake the actor only when it waits; the actor takes the whole
//! queue at once and handles it outside the lock. The waker lives under the same lock as the queue,
//! so that no wake-up can be lost: there is no order of atomics to argue about.
//!
//! Messages count against the capacity, infos (downs, exits, node events) do not: there are never
//! more of those than the actor asked for. Senders that wait for room are woken when the actor comes
//! back for its next batch.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use crate::actor::info::Info;
use crate::reason::ExitReason;

/// Messages that a mailbox holds unless the actor or the spawn says otherwise. Count.
///
/// When it is full, `cast` answers `Overloaded` and `cast_wait` waits. 65 536 small messages are a
/// few megabytes: room for any burst that an actor can work off within a second.
pub const CAPACITY_DEFAULT: usize = 65_536;

/// An idle mailbox keeps buffers of at most so many slots. Slots; a busy one keeps what it needs.
const IDLE_SLOTS_MAX: usize = 32;

/// What stands in a mailbox.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    Info(Info),
}

/// Why a message was not taken; it comes back.
#[derive(Debug)]
pub(crate) enum Refused<M> {
    Full(M),
    Closed(M),
}

pub(crate) struct Mailbox<M> {
    state: Mutex<State<M>>,
    /// Messages handled so far. Written by the actor alone, read by senders that see a full queue.
    handled: AtomicU64,
    /// Set with `State::stop`, so that the actor sees it between two messages without the lock.
    stopping: AtomicBool,
    capacity: u64,
}

struct State<M> {
    queue: Vec<Item<M>>,
    /// Messages ever accepted. `pushed - handled` is the length.
    pushed: u64,
    /// `handled` as last read: refreshed only when the queue looks full.
    handled_seen: u64,
    /// The actor, when it waits.
    idle: Option<Waker>,
    /// Senders that wait for room.
    senders: Vec<Waker>,
    stop: Option<ExitReason>,
    closed: bool,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State {
            queue: Vec::new(),
            pushed: 0,
            handled_seen: 0,
            idle: None,
            senders: Vec::new(),
            stop: None,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            handled: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            capacity: capacity.max(1) as u64,
        }
    }

    /// Appends a message, or gives it back.
    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed(message));
        }
        if !self.has_room(&mut state) {
            return Err(Refused::Full(message));
        }
        state.pushed += 1;
        state.queue.push(Item::Message(message));
        wake(state);
        Ok(())
    }

    /// Appends a message, waiting for room. Nothing is sent when the future is dropped early.
    pub(crate) async fn push_wait(&self, message: M) -> Result<(), M> {
        let mut unsent = Some(message);
        poll_fn(|cx| {
            let Some(message) = unsent.take() else {
                return Poll::Ready(Ok(()));
            };
            let mut state = self.state.lock();
            if state.closed {
                return Poll::Ready(Err(message));
            }
            if !self.has_room(&mut state) {
                if !state.senders.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.senders.push(cx.waker().clone());
                }
                unsent = Some(message);
                return Poll::Pending;
            }
            state.pushed += 1;
            state.queue.push(Item::Message(message));
            wake(state);
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Appends an info. A closed mailbox drops it: its actor has ended.
    pub(crate) fn push_info(&self, info: Info) {
        let mut state = self.state.lock();
        if !state.closed {
            state.queue.push(Item::Info(info));
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

    /// Whether a stop was asked for; read between messages.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes that the actor took one more message in hand.
    pub(crate) fn note_handled(&self) {
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled + 1, Ordering::Relaxed);
    }

    /// Waits for work and swaps the queue into `batch`, which must be empty; or for a stop.
    ///
    /// Only the actor's own loop calls this. Cancel safe: nothing is taken before it is ready.
    pub(crate) async fn take(&self, batch: &mut Vec<Item<M>>) -> Result<(), ExitReason> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(reason) = state.stop.take() {
                return Poll::Ready(Err(reason));
            }
            let senders = std::mem::take(&mut state.senders);
            let ready = !state.queue.is_empty();
            if !ready {
                shrink(&mut state.queue);
                shrink(batch);
            }
            if ready {
                std::mem::swap(&mut state.queue, batch);
                state.idle = None;
            } else if !state.idle.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.idle = Some(cx.waker().clone());
            }
            drop(state);
            senders.into_iter().for_each(Waker::wake);
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
        let queue = std::mem::take(&mut state.queue);
        let senders = std::mem::take(&mut state.senders);
        drop(state);
        drop(queue);
        senders.into_iter().for_each(Waker::wake);
    }

    /// Messages accepted and not yet taken in hand.
    pub(crate) fn len(&self) -> u64 {
        let pushed = self.state.lock().pushed;
        pushed.saturating_sub(self.handled.load(Ordering::Relaxed))
    }

    fn has_room(&self, state: &mut State<M>) -> bool {
        if state.pushed - state.handled_seen < self.capacity {
            return true;
        }
        state.handled_seen = self.handled.load(Ordering::Relaxed);
        state.pushed - state.handled_seen < self.capacity
    }
}

fn shrink<T>(buffer: &mut Vec<T>) {
    if buffer.capacity() > IDLE_SLOTS_MAX {
        *buffer = Vec::new();
    }
}

fn wake<M>(mut state: parking_lot::MutexGuard<'_, State<M>>) {
    let idle = state.idle.take();
    drop(state);
    if let Some(waker) = idle {
        waker.wake();
    }
}

impl<M> std::fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("len", &self.len()).finish_non_exhaustive()
    }
}
