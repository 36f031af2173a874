//! The timers of one node: deadlines of calls and of `init`, timers of actors.
//!
//! One task sleeps for all of them. Setting and cancelling is a short lock and no system call, so a
//! call that waits costs no timer of tokio.

mod deadline;
mod waits;
mod wheel;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

pub(crate) use deadline::{Deadline, timeout};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use waits::{SWEEP, Waits};
pub(crate) use wheel::TimerKey;
use wheel::Wheel;

use crate::actor::timing::{self, TimerRef};
use crate::life::cell::AnyCell;
use crate::node::Node;

/// Timers rung before the task lets others run. Count.
const RUNG_AT_ONCE: usize = 1024;

/// Stands for a time that no clock can hold: some thirty years.
const FAR: Duration = Duration::from_secs(1_000_000_000);

/// The moment `after` another one, or as far from it as a clock can say.
pub(crate) fn moment(from: Instant, after: Duration) -> Instant {
    from.checked_add(after).unwrap_or(from + FAR)
}

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
    runtime: Handle,
    ticker: OnceLock<AbortHandle>,
}

struct Shared {
    epoch: Instant,
    set: Mutex<Set>,
    earlier: Notify,
}

#[derive(Default)]
struct Set {
    wheel: Wheel<Ring>,
    waits: Waits,
}

impl Timers {
    pub(crate) fn new(runtime: Handle) -> Self {
        let shared =
            Shared { epoch: Instant::now(), set: Mutex::default(), earlier: Notify::new() };
        Self { shared: Arc::new(shared), runtime, ticker: OnceLock::new() }
    }

    /// Sets a timer, which rings within a millisecond after `at`, on the node's runtime.
    pub(crate) fn set(&self, at: Instant, ring: Ring) -> TimerKey {
        self.set_tick(self.tick(at), ring)
    }

    /// Takes a timer back; `false` if it has rung.
    pub(crate) fn cancel(&self, key: TimerKey) -> bool {
        let cancelled = self.shared.set.lock().wheel.cancel(key);
        cancelled.is_some()
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        let set = self.shared.set.lock();
        set.wheel.len() + set.waits.len()
    }

    /// Ticks are milliseconds; a timer rings after its time, never before.
    fn tick(&self, at: Instant) -> u64 {
        let after = at.saturating_duration_since(self.shared.epoch);
        u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn set_tick(&self, tick: u64, ring: Ring) -> TimerKey {
        let (key, is_first) = self.shared.set.lock().wheel.set(tick, ring);
        if is_first {
            self.rouse();
        }
        key
    }

    /// Has the task look when it has to wake next.
    fn rouse(&self) {
        let ticker = || self.runtime.spawn(drive(Arc::clone(&self.shared))).abort_handle();
        self.ticker.get_or_init(ticker);
        self.shared.earlier.notify_one();
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
    let mut sweep_at = None;
    loop {
        let (due, next) = {
            let now = Instant::now();
            let ticks = now.saturating_duration_since(shared.epoch).as_millis();
            let mut set = shared.set.lock();
            let mut due = set.wheel.take_due(u64::try_from(ticks).unwrap_or(u64::MAX));
            if sweep_at.is_none_or(|at| at <= now) {
                due.extend(set.waits.sweep(now).into_iter().map(Ring::Wake));
                sweep_at = set.waits.is_swept().then(|| now + SWEEP);
            }
            let next = set.wheel.next().and_then(|tick| shared.at(tick));
            (due, next.into_iter().chain(sweep_at).min())
        };
        for (rung, ring) in due.into_iter().enumerate() {
            match ring {
                Ring::Wake(waker) => waker.wake(),
                Ring::Timer(cell, timer) => timing::ring(&*cell, timer),
                Ring::Act(act) => act(),
            }
            if rung % RUNG_AT_ONCE == RUNG_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
        let earlier = shared.earlier.notified();
        match next {
            Some(at) => drop(tokio::time::timeout_at(at, earlier).await),
            None => earlier.await,
        }
    }
}

impl Shared {
    /// When a tick is; `None` for one that no clock will see.
    fn at(&self, tick: u64) -> Option<Instant> {
        self.epoch.checked_add(Duration::from_millis(tick))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Node {
    pub(crate) fn set_timer(&self, at: Instant, ring: Ring) -> TimerKey {
        self.timers().set(at, ring)
    }

    pub(crate) fn timers(&self) -> &Arc<Timers> {
        match self.own_peer().timers() {
            Some(timers) => timers,
            None => unreachable!("the own peer has the node's timers"),
        }
    }
}
