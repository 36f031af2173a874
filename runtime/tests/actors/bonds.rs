//! Links, monitors and exits on one node.

use starlings_runtime::{ExitReason, Node, Pid};

use crate::fixture::{
    Counter, CounterMethods as _, Watcher, WatcherMethods as _, eventually, node,
};

async fn pair(traps: bool) -> (Node, Pid<Watcher>, Pid<Counter>) {
    let node = node("a@h");
    let watcher = node.spawn::<Watcher>(traps).await.unwrap();
    let counter = node.spawn::<Counter>(0).await.unwrap();
    (node, watcher, counter)
}

#[tokio::test]
async fn a_monitor_ends_in_one_down_with_the_true_reason() {
    let (_node, watcher, counter) = pair(false).await;
    let first = watcher.watch(counter.any().clone()).await.unwrap();
    let second = watcher.watch(counter.any().clone()).await.unwrap();
    counter.fail("done for".to_owned()).unwrap();
    let reason = ExitReason::Error("done for".to_owned());
    let expected = vec![(first, reason.clone()), (second, reason)];
    eventually("two downs", async || watcher.downs().await.unwrap() == expected).await;
}

#[tokio::test]
async fn a_monitor_of_a_dead_actor_is_down_with_no_proc() {
    let (node, watcher, counter) = pair(false).await;
    counter.finish().unwrap();
    eventually("it ends", async || !node.is_alive(counter.any())).await;
    let monitor = watcher.watch(counter.any().clone()).await.unwrap();
    eventually("down", async || watcher.downs().await.unwrap() == [(monitor, ExitReason::NoProc)])
        .await;
}

#[tokio::test]
async fn demonitor_takes_back_a_down_that_waits() {
    let (_node, watcher, counter) = pair(false).await;
    let monitor = watcher.watch(counter.any().clone()).await.unwrap();
    let killed = watcher.kill_and_unwatch(counter.any().clone(), monitor).await;
    assert_eq!(killed, Ok(true));
    assert_eq!(watcher.downs().await, Ok(vec![]));
}

#[tokio::test]
async fn an_abnormal_exit_takes_linked_actors_along() {
    let (node, watcher, counter) = pair(false).await;
    watcher.bind(counter.any().clone()).await.unwrap();
    let ended = node.monitor(&watcher);
    counter.crash("boom".to_owned()).unwrap();
    assert_eq!(ended.await.reason, ExitReason::Panic("boom".to_owned()));
}

#[tokio::test]
async fn a_normal_exit_spares_linked_actors() {
    let (node, watcher, counter) = pair(false).await;
    watcher.bind(counter.any().clone()).await.unwrap();
    counter.finish().unwrap();
    eventually("it ends", async || !node.is_alive(counter.any())).await;
    assert_eq!(watcher.exits().await, Ok(vec![]));
}

#[tokio::test]
async fn trapped_exits_are_events_and_kill_is_not_trapped() {
    let (node, watcher, counter) = pair(true).await;
    watcher.bind(counter.any().clone()).await.unwrap();
    node.kill(&counter);
    let expected = vec![(counter.any().clone(), ExitReason::Killed)];
    eventually("an exit", async || watcher.exits().await.unwrap() == expected).await;
    let ended = node.monitor(&watcher);
    node.kill(&watcher);
    assert_eq!(ended.await.reason, ExitReason::Killed);
}

#[tokio::test]
async fn after_unlink_no_exit_is_seen() {
    let (node, watcher, counter) = pair(true).await;
    watcher.bind(counter.any().clone()).await.unwrap();
    watcher.unbind(counter.any().clone()).await.unwrap();
    let ended = node.monitor(&counter);
    node.kill(&counter);
    ended.await;
    assert_eq!(watcher.exits().await, Ok(vec![]));
}

#[tokio::test]
async fn a_link_to_a_dead_actor_is_an_exit_with_no_proc() {
    let (node, watcher, counter) = pair(true).await;
    node.kill(&counter);
    eventually("it ends", async || !node.is_alive(counter.any())).await;
    watcher.bind(counter.any().clone()).await.unwrap();
    let expected = vec![(counter.any().clone(), ExitReason::NoProc)];
    eventually("an exit", async || watcher.exits().await.unwrap() == expected).await;
}

#[tokio::test]
async fn an_exit_by_hand_ends_who_does_not_trap() {
    let (node, watcher, counter) = pair(false).await;
    let ended = node.monitor(&counter);
    watcher.exit(counter.any().clone(), ExitReason::Normal).unwrap();
    watcher.exit(counter.any().clone(), ExitReason::custom("Moved", "elsewhere")).unwrap();
    assert_eq!(ended.await.reason, ExitReason::custom("Moved", "elsewhere"));
}
