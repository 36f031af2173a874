//! Events that come later.

use std::time::Duration;

use starlings_runtime::{Cx, ExitReason, Node, Pid, Timeout, TimerRef, actor};
use tokio::time::Instant;

use crate::fixture::node;

#[derive(Debug, Clone, PartialEq)]
struct Tick(&'static str);

/// One of many.
#[derive(Debug)]
struct Numbered(u64);

/// Sets timers as it is told, and keeps what comes and when.
#[derive(Debug)]
struct Clock {
    began: Instant,
    seen: Vec<(&'static str, u64)>,
    held: Option<Timeout>,
    rung: Vec<u64>,
}

#[actor(crate = starlings_runtime)]
impl Clock {
    fn init() -> Self {
        Self { began: Instant::now(), seen: Vec::new(), held: None, rung: Vec::new() }
    }

    #[call]
    fn once(&mut self, name: &'static str, after: Duration, cx: &mut Cx<Self>) -> TimerRef {
        cx.send_after(after, Tick(name))
    }

    #[call]
    fn every(&mut self, name: &'static str, period: Duration, cx: &mut Cx<Self>) -> TimerRef {
        cx.send_every(period, move || Tick(name))
    }

    #[cast]
    fn many(&mut self, count: u64, cx: &mut Cx<Self>) {
        for i in 0..count {
            cx.send_after(Duration::from_millis(500 + i % 1000), Numbered(i));
        }
    }

    #[call]
    fn rung(&self) -> Vec<u64> {
        self.rung.clone()
    }

    #[cast]
    fn hold(&mut self, name: &'static str, after: Duration, cx: &mut Cx<Self>) {
        self.held = Some(cx.timeout(after, Tick(name)));
    }

    #[cast]
    fn let_go(&mut self) {
        self.held = None;
    }

    #[call]
    fn cancel(&mut self, timer: TimerRef, cx: &mut Cx<Self>) -> Option<Duration> {
        let left = cx.time_left(timer);
        let cancelled = cx.cancel(timer);
        assert_eq!(left, cancelled, "the clock stands still");
        assert_eq!(cx.time_left(timer), None);
        cancelled
    }

    /// Is busy until the timer must have rung, then cancels it.
    #[call]
    async fn cancel_late(&mut self, timer: TimerRef, cx: &mut Cx<Self>) -> Option<Duration> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cx.cancel(timer)
    }

    #[call]
    async fn be_busy(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    #[call]
    fn seen(&self) -> Vec<(&'static str, u64)> {
        self.seen.clone()
    }

    #[info]
    fn tick(&mut self, tick: Tick) {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.seen.push((tick.0, at));
    }

    #[info]
    fn ring(&mut self, numbered: Numbered) {
        self.rung.push(numbered.0);
    }
}

async fn clock() -> (Node, Pid<Clock>) {
    let node = node("a@h");
    let clock = node.spawn::<Clock>(()).await.unwrap();
    (node, clock)
}

async fn seen(clock: &Pid<Clock>) -> Vec<(&'static str, u64)> {
    clock.seen().await.unwrap()
}

/// `timer_SUITE`: `send_after1`, `send_after2`.
#[tokio::test(start_paused = true)]
async fn timers_ring_in_order_and_not_before_their_time() {
    let (_node, clock) = clock().await;
    clock.once("late", Duration::from_millis(300)).await.unwrap();
    clock.once("early", Duration::from_millis(100)).await.unwrap();
    clock.once("at once", Duration::ZERO).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = seen(&clock).await;
    assert_eq!(
        seen.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["at once", "early", "late"]
    );
    assert!((100..110).contains(&seen[1].1) && (300..310).contains(&seen[2].1), "{seen:?}");
}

/// `timer_SUITE`: `cancel1`, `cancel2`; `timer_bif_SUITE`: `cancel_timer_1`.
#[tokio::test(start_paused = true)]
async fn a_cancelled_timer_is_not_seen_and_says_what_was_left() {
    let (_node, clock) = clock().await;
    let timer = clock.once("never", Duration::from_secs(10)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let left = clock.cancel(timer).await.unwrap().unwrap();
    assert!((5900..=6000).contains(&left.as_millis()), "{left:?}");
    assert_eq!(clock.cancel(timer).await, Ok(None), "it is gone");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(seen(&clock).await, []);
}

/// The event waits in the mailbox while the actor is busy: cancelled then, it must not come.
#[tokio::test(start_paused = true)]
async fn a_timer_that_has_rung_can_be_cancelled_until_its_event_is_handled() {
    let (_node, clock) = clock().await;
    let timer = clock.once("never", Duration::from_secs(1)).await.unwrap();
    assert_eq!(clock.cancel_late(timer).await, Ok(Some(Duration::ZERO)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen(&clock).await, []);
}

/// `timer_SUITE`: `send_interval1` to `4`.
#[tokio::test(start_paused = true)]
async fn an_interval_does_not_drift_skips_what_was_missed_and_ends_when_cancelled() {
    let (_node, clock) = clock().await;
    let timer = clock.every("tick", Duration::from_millis(100)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(350)).await;
    let on_time = seen(&clock).await;
    let expected = [100, 200, 300];
    assert_eq!(on_time.len(), 3, "{on_time:?}");
    for ((_, at), expected) in on_time.iter().zip(expected) {
        assert!((expected..expected + 10).contains(at), "{on_time:?}");
    }
    clock.be_busy(Duration::from_secs(1)).await.unwrap();
    let after = seen(&clock).await;
    assert!((4..=5).contains(&after.len()), "ten were missed: {after:?}");
    assert!(clock.cancel(timer).await.unwrap().is_some());
    let last = seen(&clock).await.len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen(&clock).await.len(), last);
}

/// `gen_statem_SUITE`: `state_timeout`.
#[tokio::test(start_paused = true)]
async fn a_timeout_goes_with_the_state_that_holds_it() {
    let (_node, clock) = clock().await;
    clock.hold("replaced", Duration::from_secs(1)).unwrap();
    clock.hold("let go", Duration::from_secs(1)).unwrap();
    clock.let_go().unwrap();
    clock.hold("kept", Duration::from_secs(1)).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = seen(&clock).await;
    assert_eq!(seen.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn timers_of_an_actor_end_with_it() {
    for how in [ExitReason::Normal, ExitReason::Killed, ExitReason::error("by hand")] {
        let (node, clock) = clock().await;
        let other = node.spawn::<Clock>(()).await.unwrap();
        other.once("other", Duration::from_secs(1)).await.unwrap();
        clock.many(1000).unwrap();
        clock.hold("held", Duration::from_secs(1)).unwrap();
        clock.every("every", Duration::from_secs(1)).await.unwrap();
        assert_eq!(node.timers_count(), 1 + 1000 + 2);
        let down = node.monitor(&clock);
        if how == ExitReason::Normal {
            node.stop(&clock, how.clone());
        } else if how == ExitReason::Killed {
            node.kill(&clock);
        } else {
            node.exit(&clock, how.clone());
        }
        assert_eq!(down.await.reason, how);
        assert_eq!(node.timers_count(), 1, "gone as its end is told, and no other's");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(seen(&other).await.len(), 1);
        assert_eq!(node.timers_count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_timers_ring_once_each() {
    let (_node, clock) = clock().await;
    clock.many(100_000).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut rung = clock.rung().await.unwrap();
    rung.sort_unstable();
    assert!(rung.into_iter().eq(0..100_000), "each of them, and none twice");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_cast_comes_later_unless_it_is_taken_back() {
    let (node, clock) = clock().await;
    let hold = |name| ClockMessage::Hold { name, after: Duration::ZERO };
    let _sent = node.cast_after(&clock, Duration::from_secs(1), hold("sent"));
    let taken = node.cast_after(&clock, Duration::from_secs(2), hold("taken back"));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(taken.cancel());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = seen(&clock).await;
    assert_eq!(seen.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["sent"]);
}

/// Holds a timeout of the actor whose timer it is.
#[derive(Debug)]
struct Nested(#[expect(dead_code, reason = "held")] Timeout);

/// Sets timers whose events and closures own timeouts, and ends.
#[derive(Debug)]
struct Nest;

#[actor(crate = starlings_runtime)]
impl Nest {
    fn init(cx: &mut Cx<Self>) -> Self {
        let hour = Duration::from_secs(3600);
        let inner = cx.timeout(hour, Tick("inner"));
        cx.send_after(hour, Nested(inner));
        let mut held = Some(cx.timeout(hour, Tick("captured")));
        cx.send_every(Duration::from_millis(1), move || {
            drop(held.take());
            Tick("every")
        });
        Self
    }

    #[info]
    fn tick(&mut self, _: Tick, cx: &mut Cx<Self>) {
        cx.stop(ExitReason::Normal);
    }
}

#[tokio::test(start_paused = true)]
async fn timers_may_own_timeouts_of_their_actor() {
    let node = node("a@h");
    let nest = node.spawn::<Nest>(()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(60), node.monitor(&nest)).await.is_ok());
    assert_eq!(node.timers_count(), 0);
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("boom");
    }
}

#[derive(Debug)]
struct Disposal;

#[actor(crate = starlings_runtime)]
impl Disposal {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn dispose(&mut self, bomb: Bomb) {
        std::mem::forget(bomb);
    }
}

/// The message comes back from a dead actor and panics as it is dropped.
#[tokio::test(start_paused = true)]
async fn a_delayed_cast_that_panics_leaves_the_timers_alone() {
    let (node, clock) = clock().await;
    let disposal = node.spawn::<Disposal>(()).await.unwrap();
    let bomb = DisposalMessage::Dispose { bomb: Bomb };
    let _sent = node.cast_after(&disposal, Duration::from_millis(100), bomb);
    node.kill(&disposal);
    clock.once("after", Duration::from_millis(200)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen(&clock).await.len(), 1);
}

/// Timeouts that are replaced with each message leave nothing of themselves behind.
#[tokio::test(start_paused = true)]
async fn replaced_timeouts_are_not_kept() {
    let (node, clock) = clock().await;
    for millis in 0..1000 {
        clock.hold("never", Duration::from_secs(3600) + Duration::from_millis(millis)).unwrap();
    }
    clock.seen().await.unwrap();
    assert_eq!(node.timers_count(), 1);
}
