//! Full mailboxes and their senders on other nodes: nothing is lost, nobody else is held up, and
//! nobody sends for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use starlings_runtime::{CallError, CastError, ExitReason, Node, Pid, actor};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods, eventually, node};

/// After this long, what a test waits for does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what it is sent, and can be held up.
#[derive(Debug)]
struct Slow {
    kept: Vec<u32>,
    gate: Arc<Notify>,
}

#[actor(name = "test.slow", capacity = 4, spawnable = false, crate = starlings_runtime)]
impl Slow {
    fn init(gate: Arc<Notify>) -> Self {
        Self { kept: Vec::new(), gate }
    }

    #[cast]
    async fn wait(&mut self) {
        self.gate.notified().await;
    }

    #[cast]
    fn keep(&mut self, item: u32) {
        self.kept.push(item);
    }

    #[call]
    fn kept(&self) -> Vec<u32> {
        self.kept.clone()
    }
}

/// Sends numbers until the receiver can take no more, from `first` on; the next one to be sent.
fn fill(slow: &Pid<Slow>, first: u32) -> u32 {
    let refused = (first..10_000).find(|item| slow.keep(*item).is_err());
    refused.expect("its mailbox holds four")
}

/// An actor on `b` that its first message holds up until `gate` is notified, as `b` and as `a` have it.
async fn held_up(a: &Node, b: &Node, gate: &Arc<Notify>) -> (Pid<Slow>, Pid<Slow>) {
    let here = b.spawn::<Slow>(Arc::clone(gate)).await.unwrap();
    let slow = a.pid::<Slow>(here.any());
    slow.wait().unwrap();
    (here, slow)
}

#[tokio::test]
async fn senders_pause_and_nothing_that_was_accepted_is_lost() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let gate = Arc::<Notify>::default();
    let slow = b.spawn::<Slow>(Arc::clone(&gate)).await.unwrap();
    let other = b.spawn::<Counter>(0).await.unwrap();
    let (slow, other) = (a.pid::<Slow>(slow.any()), a.pid::<Counter>(other.any()));

    slow.wait().unwrap();
    let next = fill(&slow, 0);
    assert_eq!(slow.keep(next), Err(CastError::Overloaded), "not even once more");
    assert_eq!(slow.kept().await, Err(CallError::Overloaded));
    other.add(1).unwrap();
    assert_eq!(other.get().await, Ok(1), "others are not held up");

    let waiter = tokio::spawn({
        let slow = slow.clone();
        async move { slow.cast_wait(SlowMessage::Keep { item: next }).await }
    });
    assert!(!waiter.is_finished());
    gate.notify_one();
    assert_eq!(waiter.await.unwrap(), Ok(()));
    assert_eq!(slow.kept().await, Ok((0..=next).collect()), "in order, without a gap");
    drop(bridge);
}

#[tokio::test]
async fn what_was_under_way_when_the_mailbox_filled_up_is_taken() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let gate = Arc::<Notify>::default();
    let (_, slow) = held_up(&a, &b, &gate).await;
    bridge.hold(&a);
    (0..100).for_each(|item| slow.keep(item).unwrap());
    bridge.let_go(&a);
    assert_eq!(slow.keep(100), Err(CastError::Overloaded));
    assert_eq!(b.counters().read().refused, 0);
    gate.notify_one();
    eventually("it takes more", async || slow.keep(100).is_ok()).await;
    assert_eq!(slow.kept().await, Ok((0..=100).collect()));
}

/// What is sent on the actor's own node.
const OWN: u32 = 99;

/// Goal: room that is made while the pause is on its way is told too, and after it.
/// Method: the pause is held up until the actor has worked all off, which happens on another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_is_made_as_the_pause_is_sent_is_told_after_it() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let gate = Arc::<Notify>::default();
    let (here, slow) = held_up(&a, &b, &gate).await;
    eventually("it waits", async || b.actor_info(here.any()).is_some_and(|info| info.handled == 1))
        .await;
    bridge.hold(&a);
    // The last one does not fit, and none follows that could have it told again.
    (0..5).for_each(|item| slow.keep(item).unwrap());
    let is_worked_off = Arc::new(AtomicBool::new(false));
    let (node, worked_off) = (b.clone(), Arc::clone(&is_worked_off));
    bridge.before_next(&b, move || {
        gate.notify_one();
        let (deadline, is_busy) = (Instant::now() + PATIENCE, || {
            node.actor_info(here.any()).is_some_and(|info| info.mailbox_len > 0)
        });
        let work_off = || {
            while is_busy() {
                assert!(Instant::now() < deadline, "it works off what is there");
                std::thread::yield_now();
            }
        };
        work_off();
        // When it has this one, it has come back for more and found that there is room.
        here.keep(OWN).unwrap();
        work_off();
        worked_off.store(true, Ordering::SeqCst);
    });
    tokio::task::block_in_place(|| bridge.let_go(&a));
    assert!(is_worked_off.load(Ordering::SeqCst), "a pause was sent");
    let waits = slow.cast_wait(SlowMessage::Keep { item: 5 });
    assert_eq!(timeout(PATIENCE, waits).await, Ok(Ok(())), "nobody is paused for ever");
    let kept = slow.kept().await.unwrap().into_iter().filter(|item| *item != OWN);
    assert_eq!(kept.collect::<Vec<_>>(), (0..=5).collect::<Vec<_>>());
}

#[tokio::test]
async fn senders_to_a_name_pause_too() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let gate = Arc::<Notify>::default();
    let slow = b.spawn::<Slow>(Arc::clone(&gate)).await.unwrap();
    b.register("slow", &slow).unwrap();
    slow.wait().unwrap();
    let on_b = a.on(b.name());
    let keep = |item| on_b.cast_named::<Slow>("slow", SlowMessage::Keep { item });
    let next = (0..10_000).find(|item| keep(*item).is_err()).unwrap();
    assert_eq!(keep(next), Err(CastError::Overloaded));
    gate.notify_one();
    eventually("it takes more", async || keep(next).is_ok()).await;
    eventually("all are there", async || slow.kept().await == Ok((0..=next).collect())).await;
}

#[tokio::test]
async fn who_ends_while_it_is_full_holds_nobody_up() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let (here, slow) = held_up(&a, &b, &Arc::default()).await;
    let next = fill(&slow, 0);
    b.kill(&here);
    assert_eq!(slow.cast_wait(SlowMessage::Keep { item: next }).await, Ok(()));
    assert_eq!(slow.kept().await, Err(CallError::NoProc));
    eventually("it is counted", async || b.counters().read().undeliverable == 1).await;
}

#[tokio::test]
async fn a_lost_session_takes_its_pauses_along() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let gate = Arc::<Notify>::default();
    let (here, slow) = held_up(&a, &b, &gate).await;
    let first = fill(&slow, 0);
    bridge.cut();
    let waits = slow.cast_wait(SlowMessage::Keep { item: 0 }).await;
    assert!(matches!(waits, Err(CastError::NoConnection(_))), "{waits:?}");

    let _again = Bridge::between(&a, &b);
    assert_eq!(slow.keep(first), Ok(()), "the new session knows of no pause yet");
    assert_eq!(slow.keep(first + 1), Err(CastError::Overloaded), "it was told anew");
    gate.notify_one();
    eventually("it takes more", async || slow.keep(first + 1).is_ok()).await;
    assert_eq!(slow.kept().await, Ok((0..=first + 1).collect()));
    b.stop(&here, ExitReason::Normal);
}
