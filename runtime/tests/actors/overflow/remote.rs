//! Full mailboxes of another node, and emptying them from there.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{CallError, ExitReason, Node, Pid};
use tokio::sync::Notify;

use super::{
    DropsNewest, DropsNewestMethods as _, DropsOldest, DropsOldestMethods as _, Gated,
    GatedMethods as _, busy,
};
use crate::bridge::Bridge;
use crate::fixture::{eventually, node};

/// How many messages an actor of a node has dropped, and how many the node has counted.
fn dropped(node: &Node, pid: &impl AsRef<starlings_runtime::AnyPid>) -> (u64, u64) {
    let dropped = node.actor_info(pid.as_ref()).unwrap().dropped;
    (dropped, node.counters().read().overflows)
}

/// A sender elsewhere is never told: what it sends is taken, or drops something.
#[tokio::test(start_paused = true)]
async fn drop_newest_drops_casts_and_answers_calls_of_other_nodes() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let here = b.spawn::<DropsNewest>(()).await.unwrap();
    let there: Pid<DropsNewest> = a.pid(here.any());
    there.wait(1000).unwrap();
    busy(&b, &here).await;
    (0..3).for_each(|item| there.keep(item).unwrap());
    let taken = tokio::spawn(there.kept().send());
    eventually("the call is the fourth", async || {
        b.actor_info(here.any()).unwrap().mailbox_len == 4
    })
    .await;
    assert_eq!(dropped(&b, &here), (0, 0));
    (3..6).for_each(|item| there.keep(item).unwrap());
    assert_eq!(there.kept().await, Err(CallError::Overloaded), "it is the newest");
    assert_eq!(dropped(&b, &here), (4, 4));
    assert_eq!(taken.await.unwrap(), Ok(vec![0, 1, 2]), "what was there first is answered");
    there.keep(6).unwrap();
    assert_eq!(there.kept().await, Ok(vec![0, 1, 2, 6]), "there is room again");
    assert_eq!(dropped(&b, &here), (4, 4));
    assert_eq!(a.counters().read().overflows, 0, "nothing was refused where it was sent");
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_drops_casts_and_answers_calls_of_other_nodes() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let here = b.spawn::<DropsOldest>(()).await.unwrap();
    let there: Pid<DropsOldest> = a.pid(here.any());
    there.wait(1000).unwrap();
    busy(&b, &here).await;
    let oldest = tokio::spawn(there.kept().send());
    eventually("the call is the first", async || {
        b.actor_info(here.any()).unwrap().mailbox_len == 1
    })
    .await;
    (0..3).for_each(|item| there.keep(item).unwrap());
    assert_eq!(dropped(&b, &here), (0, 0));
    (3..6).for_each(|item| there.keep(item).unwrap());
    assert_eq!(oldest.await.unwrap(), Err(CallError::Overloaded));
    assert_eq!(dropped(&b, &here), (3, 3));
    assert_eq!(there.kept().await, Ok(vec![3, 4, 5]), "the call drops one more, and is taken");
    assert_eq!(dropped(&b, &here), (4, 4));
    assert_eq!(a.counters().read().overflows, 0, "nothing was refused where it was sent");
}

#[tokio::test]
async fn an_actor_of_another_node_is_drained_and_lets_nothing_more_in() {
    let (a, b, gate) = (node("a@h"), node("b@h"), Arc::new(Notify::new()));
    let _bridge = Bridge::between(&a, &b);
    let here = b.spawn::<Gated>(Arc::clone(&gate)).await.unwrap();
    let there: Pid<Gated> = a.pid(here.any());
    let queued: Vec<_> = (0..5).map(|_| tokio::spawn(there.pass().send())).collect();
    eventually("they wait", async || b.actor_info(here.any()).unwrap().mailbox_len == 4).await;
    let (drainer, pid) = (a.clone(), there.clone());
    let drained = tokio::spawn(async move { drainer.drain(&pid, Duration::from_secs(30)).await });
    for gated in [&there, &here] {
        let refused = async || gated.pass().timeout(Duration::ZERO).await == Err(CallError::NoProc);
        eventually("nothing more is let in", refused).await;
    }
    gate.notify_one();
    let mut answers = Vec::new();
    for call in queued {
        answers.push(call.await.unwrap().unwrap());
    }
    assert_eq!((answers, drained.await.unwrap()), (vec![1, 2, 3, 4, 5], ExitReason::Shutdown));
    assert_eq!(a.drain(&there, Duration::from_secs(1)).await, ExitReason::NoProc);
}

#[tokio::test(start_paused = true)]
async fn an_actor_of_another_node_that_is_not_done_in_time_is_killed() {
    let (a, b, gate) = (node("a@h"), node("b@h"), Arc::new(Notify::new()));
    let bridge = Bridge::between(&a, &b);
    for (drains, is_reached) in [(true, true), (true, false), (false, true), (false, false)] {
        let here = b.spawn::<Gated>(Arc::clone(&gate)).await.unwrap();
        let there: Pid<Gated> = a.pid(here.any());
        let hung = tokio::spawn(there.pass().timeout(Duration::from_secs(60)).send());
        busy(&b, &here).await;
        let (asked, within) = (tokio::time::Instant::now(), Duration::from_secs(1));
        if !is_reached {
            bridge.hold(&a);
        }
        let reason = match drains {
            true => a.drain(&there, within).await,
            false => a.stop_within(&there, ExitReason::Shutdown, within).await,
        };
        assert_eq!(reason, ExitReason::Killed);
        // Who does not hear of the kill either gives up after as long again.
        let seconds = if is_reached { 1 } else { 2 };
        assert_eq!(asked.elapsed().as_secs(), seconds, "{drains} {is_reached}");
        assert_eq!(b.is_alive(here.any()), !is_reached);
        bridge.let_go(&a);
        let answer = hung.await.unwrap();
        let killed = CallError::Down(ExitReason::Killed);
        assert!(answer == Err(killed) || answer == Err(CallError::NoProc), "{answer:?}");
        eventually("it is gone", async || b.actors_count() == 0).await;
        let is_needed = async || bridge.is_needed(&a) || bridge.is_needed(&b);
        eventually("nothing is kept of it", async || !is_needed().await).await;
    }
}
