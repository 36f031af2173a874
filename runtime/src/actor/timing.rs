//! Timers of one actor: events that come to it later.
//!
//! A timer is a right to one event, held in a table here. What rings in the node's timers only says
//! that it is due; whether the event is still wanted is looked at when the actor comes to it. So after
//! a timer was cancelled its event is never seen, even if it was in the mailbox already, and a slow
//! actor has at most one ring of each interval waiting.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::actor::info::{Event, Info};
use crate::life::cell::AnyCell;
use crate::node::Node;
use crate::node::timers::{Ring, TimerKey, moment};

/// Shortest period of an interval. A shorter one is raised to it.
pub const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Names a timer of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerRef(u64);

/// An event to come, for as long as this is held: dropped, the event does not come.
///
/// Kept in the part of the state that it belongs to, it is what `gen_statem` calls a state timeout:
/// when that part is replaced, its timeout goes with it.
#[must_use = "dropped, the event does not come"]
pub struct Timeout {
    timers: Weak<ActorTimers>,
    timer: TimerRef,
}

impl Drop for Timeout {
    fn drop(&mut self) {
        if let Some(timers) = self.timers.upgrade() {
            timers.cancel(self.timer);
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timeout").field(&self.timer).finish()
    }
}

/// The timers of one actor. When the actor ends they are cancelled.
pub(crate) struct ActorTimers {
    node: Node,
    cell: Arc<dyn AnyCell>,
    set: Mutex<BTreeMap<TimerRef, Timer>>,
}

struct Timer {
    due: Instant,
    key: TimerKey,
    what: What,
}

enum What {
    Once(Info),
    Every(Duration, Box<dyn FnMut() -> Info + Send>),
}

/// A timer is due: what stands in the mailbox.
#[derive(Debug)]
struct Rung(TimerRef);

impl ActorTimers {
    pub(crate) fn new(node: Node, cell: Arc<dyn AnyCell>) -> Self {
        Self { node, cell, set: Mutex::default() }
    }

    pub(crate) fn once(&self, after: Duration, event: impl Event) -> TimerRef {
        self.set(after, What::Once(Info::new(event)))
    }

    pub(crate) fn every<E: Event>(
        &self,
        period: Duration,
        mut make: impl FnMut() -> E + Send + 'static,
    ) -> TimerRef {
        let period = period.max(INTERVAL_MIN);
        self.set(period, What::Every(period, Box::new(move || Info::new(make()))))
    }

    pub(crate) fn guard(self: &Arc<Self>, timer: TimerRef) -> Timeout {
        Timeout { timers: Arc::downgrade(self), timer }
    }

    /// What was left of a timer that is taken back.
    pub(crate) fn cancel(&self, timer: TimerRef) -> Option<Duration> {
        let timer = self.set.lock().remove(&timer)?;
        self.node.timers().cancel(timer.key);
        Some(timer.due.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn left(&self, timer: TimerRef) -> Option<Duration> {
        let due = self.set.lock().get(&timer)?.due;
        Some(due.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn cancel_all(&self) {
        // What is dropped here is the program's, and may hold a timeout of these timers.
        let set = std::mem::take(&mut *self.set.lock());
        for timer in set.into_values() {
            self.node.timers().cancel(timer.key);
        }
    }

    /// The event of a ring that the actor comes to; `None` if it was cancelled.
    fn take(&self, timer: TimerRef) -> Option<Info> {
        // The closure of an interval runs without the lock: it is the program's.
        let (due, what) = {
            let entry = self.set.lock().remove(&timer)?;
            (entry.due, entry.what)
        };
        let (period, mut make) = match what {
            What::Once(info) => return Some(info),
            What::Every(period, make) => (period, make),
        };
        let info = make();
        let due = next_due(due, period, Instant::now());
        let mut set = self.set.lock();
        let key = self.ring_at(timer, due);
        set.insert(timer, Timer { due, key, what: What::Every(period, make) });
        Some(info)
    }

    fn set(&self, after: Duration, what: What) -> TimerRef {
        let timer = TimerRef(self.node.next_ref());
        let due = moment(Instant::now(), after);
        let mut set = self.set.lock();
        let key = self.ring_at(timer, due);
        set.insert(timer, Timer { due, key, what });
        timer
    }

    fn ring_at(&self, timer: TimerRef, due: Instant) -> TimerKey {
        self.node.set_timer(due, Ring::Timer(Arc::clone(&self.cell), timer))
    }
}

/// When an interval rings next: a whole number of periods after it was due, so that it does not drift,
/// and not before `now`, so that what a slow actor missed is skipped.
fn next_due(due: Instant, period: Duration, now: Instant) -> Instant {
    let behind = now.saturating_duration_since(due).as_nanos() / period.as_nanos().max(1);
    let periods = u32::try_from(behind).unwrap_or(u32::MAX - 1) + 1;
    moment(due, period.saturating_mul(periods))
}

/// A timer is due: its actor is told.
pub(crate) fn ring(cell: &dyn AnyCell, timer: TimerRef) {
    cell.push_info(Info::new(Rung(timer)));
}

/// Takes the event of a ring; anything else comes back.
pub(crate) fn unwrap_ring(
    info: Info,
    timers: Option<&Arc<ActorTimers>>,
) -> Result<Option<Info>, Info> {
    let Rung(timer) = info.downcast::<Rung>()?;
    Ok(timers.and_then(|timers| timers.take(timer)))
}

impl fmt::Debug for ActorTimers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorTimers").field("set", &self.set.lock().len()).finish_non_exhaustive()
    }
}
