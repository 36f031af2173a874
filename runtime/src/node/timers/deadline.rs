//! A moment to be woken at, unless something else comes first.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::waits::WAIT_MIN;
use super::{Ring, TimerKey, Timers, moment};
use crate::node::Node;

/// A deadline is met late by at most this part of its timeout, and at most 64 ms, so that those that
/// follow each other share a tick.
const SLACK_PART: u64 = 64;

/// Sets a timer only when it is polled. Who polls it must cancel it: it does not hold the timers that
/// it is set in.
pub(crate) struct Deadline {
    when: When,
    set: Option<Key>,
}

enum When {
    At {
        at: Instant,
        granule_ms: u64,
    },
    /// So long after it is first polled, late by two sweeps at most.
    Patient(Duration),
}

enum Key {
    Timer(TimerKey),
    Wait(usize),
}

impl Deadline {
    /// `timeout` from now.
    pub(crate) fn after(timeout: Duration) -> Self {
        let slack = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) / SLACK_PART;
        let granule_ms = 1 << slack.clamp(1, 64).ilog2();
        let at = moment(Instant::now(), timeout);
        Self { when: When::At { at, granule_ms }, set: None }
    }

    /// `timeout` from when it is first polled: without a look at the clock if that is long.
    pub(crate) fn patient(timeout: Duration) -> Self {
        if timeout < WAIT_MIN {
            return Self::after(timeout);
        }
        Self { when: When::Patient(timeout), set: None }
    }

    /// Whether it has passed; if not, the task is woken when it has.
    pub(crate) fn poll(&mut self, timers: &Timers, cx: &mut Context<'_>) -> Poll<()> {
        let key = match (&self.when, &self.set) {
            (When::Patient(timeout), None) => {
                let begun = timers.shared.set.lock().waits.begin(*timeout, cx.waker().clone());
                let (slot, is_first) = begun;
                if is_first {
                    timers.rouse();
                }
                Key::Wait(slot)
            }
            (When::Patient(_), Some(Key::Wait(slot))) => {
                let over = timers.shared.set.lock().waits.renew(*slot, cx.waker());
                return is_over(over);
            }
            (When::At { at, .. }, Some(Key::Timer(key))) => {
                if let Some(Ring::Wake(waker)) = timers.shared.set.lock().wheel.find_mut(*key) {
                    waker.clone_from(cx.waker());
                }
                return is_over(Some(*at));
            }
            (When::At { at, granule_ms }, _) => {
                let tick = timers.tick(*at).next_multiple_of(*granule_ms);
                Key::Timer(timers.set_tick(tick, Ring::Wake(cx.waker().clone())))
            }
            (When::Patient(_), Some(Key::Timer(_))) => return Poll::Ready(()),
        };
        self.set = Some(key);
        Poll::Pending
    }

    /// Takes the timer back.
    pub(crate) fn cancel(&mut self, timers: &Timers) {
        match self.set.take() {
            Some(Key::Timer(key)) => drop(timers.cancel(key)),
            Some(Key::Wait(slot)) => timers.shared.set.lock().waits.end(slot),
            None => {}
        }
    }
}

fn is_over(at: Option<Instant>) -> Poll<()> {
    match at.is_some_and(|at| at <= Instant::now()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::At { at, .. } => f.debug_tuple("Deadline").field(&at).finish(),
            When::Patient(timeout) => f.debug_tuple("Deadline").field(&timeout).finish(),
        }
    }
}

/// A deadline that is cancelled with what it is for.
struct Until {
    deadline: Deadline,
    timers: Arc<Timers>,
}

impl Drop for Until {
    fn drop(&mut self) {
        self.deadline.cancel(&self.timers);
    }
}

/// Awaits a future for at most `timeout`; `None` if that is not enough.
pub(crate) fn timeout<F: Future>(timers: Arc<Timers>, timeout: Duration, future: F) -> Timed<F> {
    let deadline = Deadline::patient(timeout);
    Timed { future, until: Until { deadline, timers } }
}

pin_project! {
    /// See [`timeout`].
    pub(crate) struct Timed<F> {
        #[pin]
        future: F,
        until: Until,
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => this.until.deadline.poll(&this.until.timers, cx).map(|()| None),
        }
    }
}

impl Node {
    /// Awaits a future for at most `timeout`; `None` if that is not enough.
    pub(crate) fn timeout<F: Future>(&self, within: Duration, future: F) -> Timed<F> {
        timeout(Arc::clone(self.timers()), within, future)
    }
}
