//! Full mailboxes, and emptying them in order.

mod remote;

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{CallError, CastError, ExitReason, Node, Pid, actor};
use tokio::sync::Notify;

use crate::bridge::Bridge;
use crate::fixture::{Watcher, WatcherMethods as _, eventually, node};
use crate::puppet::{self, PuppetMethods as _, puppet};

/// The four policies, on actors that hold four messages and can be held up.
macro_rules! keeper {
    ($name:ident, $methods:ident, $wire:literal, $overflow:ident) => {
        #[derive(Debug)]
        struct $name(Vec<u32>);

        #[actor(name = $wire, capacity = 4, overflow = $overflow, spawnable = false,
                                                                        crate = starlings_runtime)]
        impl $name {
            fn init() -> Self {
                Self(Vec::new())
            }

            #[cast]
            fn keep(&mut self, item: u32) {
                self.0.push(item);
            }

            #[call]
            fn kept(&self) -> Vec<u32> {
                self.0.clone()
            }

            #[cast]
            async fn wait(&mut self, millis: u64) {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
        }
    };
}

keeper!(Refuses, RefusesMethods, "test.refuses", Refuse);
keeper!(Waits, WaitsMethods, "test.waits", Wait);
keeper!(DropsOldest, DropsOldestMethods, "test.drops_oldest", DropOldest);
keeper!(DropsNewest, DropsNewestMethods, "test.drops_newest", DropNewest);

/// Waits until the actor is in its handler, with nothing behind it.
async fn busy(node: &Node, pid: &impl AsRef<starlings_runtime::AnyPid>) {
    eventually("it is busy", async || {
        let info = node.actor_info(pid.as_ref()).unwrap();
        info.handled == 1 && info.mailbox_len == 0
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn refuse_gives_back_what_is_too_much() {
    let node = node("a@h");
    let keeper = node.spawn::<Refuses>(()).await.unwrap();
    keeper.wait(1000).unwrap();
    busy(&node, &keeper).await;
    (0..4).for_each(|item| keeper.keep(item).unwrap());
    assert_eq!(keeper.keep(4), Err(CastError::Overloaded));
    assert_eq!(keeper.kept().await, Err(CallError::Overloaded));
    eventually("there is room", async || keeper.keep(5).is_ok()).await;
    assert_eq!(keeper.kept().await, Ok(vec![0, 1, 2, 3, 5]));
    assert!(node.counters().read().overflows >= 2);
}

/// The runtime has one thread, so the actor takes nothing while the exits are sent.
#[tokio::test]
async fn exits_by_hand_have_a_bound_of_their_own() {
    const ROOM: usize = 65_536;
    let node = node("a@h");
    let watcher = node.spawn::<Watcher>(true).capacity(10).await.unwrap();
    for _ in 0..10 + ROOM + 5 {
        node.exit(&watcher, ExitReason::Shutdown);
    }
    assert_eq!(node.counters().read().overflows, 5);
    assert_eq!(watcher.exits().await.unwrap().len(), 10 + ROOM);
    node.exit(&watcher, ExitReason::Shutdown);
    eventually("there is room again", async || {
        watcher.exits().await.unwrap().len() == 10 + ROOM + 1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn wait_lets_calls_wait_for_room_within_their_time() {
    let node = node("a@h");
    let keeper = node.spawn::<Waits>(()).await.unwrap();
    keeper.wait(1000).unwrap();
    busy(&node, &keeper).await;
    (0..4).for_each(|item| keeper.keep(item).unwrap());
    assert_eq!(keeper.keep(4), Err(CastError::Overloaded), "a cast never waits");
    let early = keeper.kept().timeout(Duration::from_millis(10)).await;
    assert_eq!(early, Err(CallError::Overloaded));
    assert_eq!(keeper.kept().await, Ok(vec![0, 1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn wait_ends_with_the_actor() {
    let node = node("a@h");
    let keeper = node.spawn::<Waits>(()).await.unwrap();
    keeper.wait(60_000).unwrap();
    busy(&node, &keeper).await;
    (0..4).for_each(|item| keeper.keep(item).unwrap());
    let waiting = keeper.kept().send();
    node.kill(&keeper);
    assert_eq!(waiting.await, Err(CallError::NoProc));
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_keeps_the_latest_and_answers_the_calls_it_drops() {
    let node = node("a@h");
    let keeper = node.spawn::<DropsOldest>(()).await.unwrap();
    keeper.wait(1000).unwrap();
    busy(&node, &keeper).await;
    let dropped = keeper.kept().send();
    (0..6).for_each(|item| keeper.keep(item).unwrap());
    assert_eq!(dropped.await, Err(CallError::Overloaded));
    let info = node.actor_info(keeper.any()).unwrap();
    assert_eq!((info.mailbox_len, info.dropped), (4, 3));
    eventually("it has caught up", async || {
        node.actor_info(keeper.any()).unwrap().mailbox_len == 0
    })
    .await;
    assert_eq!(keeper.kept().await, Ok(vec![2, 3, 4, 5]));
    assert_eq!(node.counters().read().overflows, 3);
}

#[tokio::test(start_paused = true)]
async fn drop_newest_keeps_what_came_first() {
    let node = node("a@h");
    let keeper = node.spawn::<DropsNewest>(()).await.unwrap();
    keeper.wait(1000).unwrap();
    busy(&node, &keeper).await;
    (0..6).for_each(|item| keeper.keep(item).unwrap());
    assert_eq!(keeper.kept().await, Err(CallError::Overloaded));
    eventually("it has caught up", async || {
        node.actor_info(keeper.any()).unwrap().mailbox_len == 0
    })
    .await;
    assert_eq!(keeper.kept().await, Ok(vec![0, 1, 2, 3]));
    assert_eq!(node.counters().read().overflows, 3);
}

#[tokio::test(start_paused = true)]
async fn calls_from_other_nodes_that_are_dropped_answer_too() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let here = b.spawn::<DropsOldest>(()).await.unwrap();
    let there: Pid<DropsOldest> = a.pid(here.any());
    there.wait(1000).unwrap();
    busy(&b, &here).await;
    let dropped = there.kept().send();
    (0..4).for_each(|item| there.keep(item).unwrap());
    assert_eq!(dropped.await, Err(CallError::Overloaded));
}

/// How long the oldest message has waited is seen from outside, also of an actor that hangs.
#[tokio::test(start_paused = true)]
async fn the_age_of_the_oldest_message_can_be_read() {
    let node = node("a@h");
    let keeper = node.spawn::<Refuses>(()).await.unwrap();
    assert_eq!(node.actor_info(keeper.any()).unwrap().oldest, None);
    keeper.wait(10_000).unwrap();
    busy(&node, &keeper).await;
    assert_eq!(node.actor_info(keeper.any()).unwrap().oldest, None, "nothing waits behind it");
    keeper.keep(1).unwrap();
    assert_eq!(node.actor_info(keeper.any()).unwrap().oldest, Some(Duration::ZERO), "first look");
    tokio::time::sleep(Duration::from_secs(3)).await;
    keeper.keep(2).unwrap();
    let oldest = node.actor_info(keeper.any()).unwrap().oldest.unwrap();
    assert!((3000..3100).contains(&oldest.as_millis()), "{oldest:?}");
}

/// Of an actor at whose mailbox nobody has looked: its age counts from when 64 waited.
#[tokio::test(start_paused = true)]
async fn the_age_of_the_oldest_message_counts_from_when_many_wait() {
    let node = node("a@h");
    let puppet = puppet(&node).await;
    let go = puppet::busy(&puppet, |_| {}).await;
    (0..64).for_each(|what| puppet.hear(what).unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    puppet.hear(64).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    puppet.hear(65).unwrap();
    let oldest = node.actor_info(puppet.any()).unwrap().oldest.unwrap();
    assert!((3000..3100).contains(&oldest.as_millis()), "{oldest:?}");
    drop(go);
    assert_eq!(puppet.seen().await.unwrap().len(), 66);
    assert_eq!(node.actor_info(puppet.any()).unwrap().oldest, None);
}

/// Records what it is given when it is let through.
#[derive(Debug)]
struct Gated {
    gate: Arc<Notify>,
    count: u32,
}

#[actor(name = "test.gated", spawnable = false, crate = starlings_runtime)]
impl Gated {
    fn init(gate: Arc<Notify>) -> Self {
        Self { gate, count: 0 }
    }

    #[call]
    async fn pass(&mut self) -> u32 {
        self.gate.notified().await;
        self.count += 1;
        self.gate.notify_one();
        self.count
    }
}

#[tokio::test]
async fn a_drained_actor_handles_what_is_queued_and_lets_nothing_more_in() {
    let (node, gate) = (node("a@h"), Arc::new(Notify::new()));
    let gated = node.spawn::<Gated>(Arc::clone(&gate)).await.unwrap();
    let queued: Vec<_> = (0..5).map(|_| gated.pass().send()).collect();
    let (drainer, pid) = (node.clone(), gated.clone());
    let drained = tokio::spawn(async move { drainer.drain(&pid, Duration::from_secs(30)).await });
    let refused = async || gated.pass().timeout(Duration::ZERO).await == Err(CallError::NoProc);
    eventually("nothing more is let in", refused).await;
    gate.notify_one();
    for call in queued {
        assert!(call.await.is_ok());
    }
    assert_eq!(drained.await.unwrap(), ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_does_not_drain_or_stop_in_time_is_killed() {
    let (node, gate) = (node("a@h"), Arc::new(Notify::new()));
    for drains in [true, false] {
        let gated = node.spawn::<Gated>(Arc::clone(&gate)).await.unwrap();
        let hung = gated.pass().timeout(Duration::from_secs(60)).send();
        busy(&node, &gated).await;
        let within = Duration::from_secs(1);
        let reason = match drains {
            true => node.drain(&gated, within).await,
            false => node.stop_within(&gated, ExitReason::Shutdown, within).await,
        };
        assert_eq!(reason, ExitReason::Killed);
        assert!(matches!(
            hung.await,
            Err(CallError::Down(ExitReason::Killed)) | Err(CallError::NoProc)
        ));
    }
    let gone = node.spawn::<Gated>(gate).await.unwrap();
    let within = Duration::from_secs(1);
    assert_eq!(node.stop_within(&gone, ExitReason::Normal, within).await, ExitReason::Normal);
    assert_eq!(node.drain(&gone, within).await, ExitReason::NoProc, "it is gone already");
}
