//! Functions that run as actors.

use std::time::Duration;

use starlings_runtime::ExitReason;

use super::fixture::{Caller, CallerMethods as _, hang, meet, meet_and_boom, node};
use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, Watcher, WatcherMethods as _, eventually};

#[tokio::test]
async fn a_spawned_function_is_an_actor_that_ends_with_it() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    for there in [a.name(), b.name()] {
        let watcher = a.spawn::<Watcher>(false).await.unwrap();
        let counter = a.spawn::<Counter>(0).await.unwrap();
        let place = a.on(there);
        let meeting = place.spawn_fn(meet, (counter.clone(), 2)).name("the.meeting").await.unwrap();
        assert_eq!(place.whereis("the.meeting").await.unwrap().as_ref(), Some(meeting.any()));
        let monitor = watcher.watch(meeting.any().clone()).await.unwrap();
        eventually("it runs", async || counter.get().await == Ok(1)).await;
        counter.add(1).unwrap();
        let normal = vec![(monitor, ExitReason::Normal)];
        eventually("it returns", async || watcher.downs().await.unwrap() == normal).await;
        assert_eq!(place.whereis("the.meeting").await, Ok(None));

        let caller = a.spawn::<Caller>(()).await.unwrap();
        let (panicking, _) = caller.watch_on(there.clone()).await.unwrap();
        assert_eq!(panicking.node(), there);
        let hanging = caller.hang_on(there.clone()).await.unwrap();
        let ended = a.monitor(&caller);
        a.kill(&hanging);
        assert_eq!(ended.await.reason, ExitReason::Killed, "by its link");
        let hanging = place.spawn_fn(hang, ()).await.unwrap();
        let ended = a.monitor(&hanging);
        a.stop(&hanging, ExitReason::Shutdown);
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert_eq!(ended.unwrap().reason, ExitReason::Shutdown, "at its await point");
    }
}

#[tokio::test]
async fn the_down_of_a_spawned_function_has_the_true_reason() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    for there in [a.name(), b.name()] {
        let counter = a.spawn::<Counter>(0).await.unwrap();
        let args = (counter.clone(), "boom".to_owned());
        let booms = a.on(there).spawn_fn(meet_and_boom, args).await.unwrap();
        let ended = a.monitor(&booms);
        counter.add(1).unwrap();
        assert_eq!(ended.await.reason, ExitReason::Panic("boom".to_owned()));
        assert_eq!(a.monitor(&booms).await.reason, ExitReason::NoProc);
    }
    let caller = a.spawn::<Caller>(()).await.unwrap();
    let hanging = caller.hang_on(b.name().clone()).await.unwrap();
    let ended = b.monitor(&hanging);
    bridge.cut();
    assert_eq!(ended.await.reason, ExitReason::NoConnection, "linked to a node that is gone");
}
