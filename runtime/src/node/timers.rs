//! The timers of one node: deadlines of calls and of `init`, timers of actors.
//!
//! One task sleeps for all of them. Setting and cancelling is a short lock and no system call, so a
//! call that waits costs no timer of tokio.

mod wheel;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;
pub(crate) use wheel::TimerKey;
use wheel::Wheel;

use super::Node;
use crate::actor::timing::{self, TimerRef};
use crate::life::cell::AnyCell;

/// Timers rung before the task lets others run. Count.
const RUNG_AT_ONCE: usize = 1024;

/// A deadline is met late by at most this part of its timeout, and at most 64 ms, so that calls that
/// follow each other share a tick.
const SLACK_PART: u64 = 64;

/// What happens when a timer is due.
pub(crate) enum Ring {
    Wake(Waker),
    Timer(Arc<dyn AnyCell>, TimerRef),
    Act(Box<dyn FnOnce() + Send>),
}

/// All timers of a node. Dropping it stops them.
#[derive(Debug)]
pub(crate) struct Timers {
    shared: Arc<Shared>,
    ticker: OnceLock<AbortHandle>,
}

struct Shared {
    epoch: Instant,
    wheel: Mutex<Wheel<Ring>>,
    earlier: Notify,
}

impl Timers {
    pub(crate) fn new() -> Self {
        let wheel = Mutex::default();
        let shared = Shared { epoch: Instant::now(), wheel, earlier: Notify::new() };
        Self { shared: Arc::new(shared), ticker: OnceLock::new() }
    }

    /// Sets a timer, which rings within a millisecond after `at`, on the node's runtime.
    pub(crate) fn set(&self, runtime: &Handle, at: Instant, ring: Ring) -> TimerKey {
        self.set_tick(runtime, self.tick(at), ring)
    }

    /// Takes a timer back; `false` if it has rung.
    pub(crate) fn cancel(&self, key: TimerKey) -> bool {
        let cancelled = self.shared.wheel.lock().cancel(key);
        cancelled.is_some()
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.shared.wheel.lock().len()
    }

    /// Ticks are milliseconds; a timer rings after its time, never before.
    fn tick(&self, at: Instant) -> u64 {
        let after = at.saturating_duration_since(self.shared.epoch);
        u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn set_tick(&self, runtime: &Handle, tick: u64, ring: Ring) -> TimerKey {
        let (key, is_first) = self.shared.wheel.lock().set(tick, ring);
        if is_first {
            let ticker = || runtime.spawn(drive(Arc::clone(&self.shared))).abort_handle();
            self.ticker.get_or_init(ticker);
            self.shared.earlier.notify_one();
        }
        key
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        if let Some(ticker) = self.ticker.get() {
            ticker.abort();
        }
    }
}

async fn drive(shared: Arc<Shared>) {
    loop {
        let (due, next) = {
            let now = shared.epoch.elapsed().as_millis();
            let mut wheel = shared.wheel.lock();
            let due = wheel.take_due(u64::try_from(now).unwrap_or(u64::MAX));
            (due, wheel.next())
        };
        let mut rung = 0;
        for ring in due {
            match ring {
                Ring::Wake(waker) => waker.wake(),
                Ring::Timer(cell, timer) => timing::ring(&*cell, timer),
                Ring::Act(act) => act(),
            }
            rung += 1;
            if rung % RUNG_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        let earlier = shared.earlier.notified();
        match next.and_then(|tick| shared.epoch.checked_add(Duration::from_millis(tick))) {
            Some(at) => drop(tokio::time::timeout_at(at, earlier).await),
            None => earlier.await,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("len", &self.wheel.lock().len()).finish_non_exhaustive()
    }
}

/// A moment to be woken at, unless it is dropped before. Sets a timer only when it is polled.
pub(crate) struct Deadline {
    at: Instant,
    granule_ms: u64,
    set: Option<(Node, TimerKey)>,
}

impl Deadline {
    /// `timeout` from now.
    pub(crate) fn after(timeout: Duration) -> Self {
        let slack = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) / SLACK_PART;
        let granule_ms = 1 << slack.clamp(1, 64).ilog2();
        let now = Instant::now();
        Self { at: now.checked_add(timeout).unwrap_or(now + FAR), granule_ms, set: None }
    }

    /// Whether it has passed; if not, the task is woken when it has.
    pub(crate) fn poll(&mut self, node: &Node, cx: &mut Context<'_>) -> Poll<()> {
        let timers = &node.0.timers;
        if let Some((_, key)) = &self.set {
            if Instant::now() >= self.at {
                return Poll::Ready(());
            }
            let mut wheel = timers.shared.wheel.lock();
            if let Some(Ring::Wake(waker)) = wheel.find_mut(*key) {
                waker.clone_from(cx.waker());
                return Poll::Pending;
            }
        }
        let tick = timers.tick(self.at).next_multiple_of(self.granule_ms);
        let key = timers.set_tick(&node.0.runtime, tick, Ring::Wake(cx.waker().clone()));
        self.set = Some((node.clone(), key));
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some((node, key)) = &self.set {
            node.0.timers.cancel(*key);
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.at).finish()
    }
}

/// Stands for a timeout that no clock can hold: some thirty years.
const FAR: Duration = Duration::from_secs(1_000_000_000);

impl Node {
    /// Awaits a future for at most `timeout`; `None` if that is not enough.
    pub(crate) async fn timeout<F: Future>(
        &self,
        timeout: Duration,
        future: F,
    ) -> Option<F::Output> {
        let (mut future, mut deadline) = (pin!(future), Deadline::after(timeout));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => deadline.poll(self, cx).map(|()| None),
        })
        .await
    }
}
