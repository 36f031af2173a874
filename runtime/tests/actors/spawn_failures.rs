//! What is left of a spawn that fails, is given up, or is lost with its session: nothing.

use std::future::IntoFuture as _;
use std::task::{Context, Poll};
use std::time::Duration;

use starlings_runtime::{ExitReason, NAME_BYTES_MAX, Node, Pid, SpawnError};
use tokio::sync::oneshot;

use crate::fixture::{CounterMethods as _, asked, eventually};
use crate::puppet::{
    End, Places, Puppet, PuppetMethods as _, end, links, puppet, script, trapper, watchers,
};
use crate::young::{
    Plan, Young, YoungMethods as _, bear, bearing, bearing_within, both, gate, reached, there,
};

/// The parent sees nothing, and is bound to nobody.
async fn untouched(node: &Node, parent: &Pid<Puppet>) {
    assert_eq!(parent.seen().await, Ok(vec![]));
    let info = node.actor_info(parent.any()).unwrap();
    assert_eq!((info.links, info.monitors), (vec![], 0));
}

async fn alone_with(count: usize, places: &Places, parent: &Pid<Puppet>) {
    eventually("no child is left", async || places.b.actors_count() == count).await;
    untouched(&places.a, parent).await;
}

/// process_SUITE: spawn_request_bif: "on failure no child, no link, no monitor"
#[tokio::test]
async fn an_init_that_fails_leaves_its_parent_alone() {
    let plans = [
        (Plan::Fail(ExitReason::error("no")), ExitReason::error("no")),
        (Plan::Panic, ExitReason::Panic("boom".to_owned())),
        (Plan::Fail(ExitReason::Normal), ExitReason::Normal),
        (Plan::Fail(ExitReason::Killed), ExitReason::Killed),
    ];
    for ((plan, reason), trap) in plans.into_iter().flat_map(|p| [(p.clone(), true), (p, false)]) {
        for places in both() {
            let parent = if trap { trapper(&places.a).await } else { puppet(&places.a).await };
            let own = usize::from(places.a.name() == places.b.name());
            let born = bear(&parent, &places.b, plan.clone()).await;
            assert_eq!(born, Err(SpawnError::InitFailed(reason.clone())));
            alone_with(own, &places, &parent).await;
        }
    }
}

#[derive(Debug)]
struct Strange;

#[starlings_runtime::actor(name = "test.strange", crate = starlings_runtime)]
impl Strange {
    fn init() -> Self {
        Self
    }
}

/// The same wire name with other arguments, as another build of the program has it.
#[derive(Debug)]
struct Older;

#[starlings_runtime::actor(name = "test.young", crate = starlings_runtime)]
impl Older {
    fn init(_number: u64) -> Self {
        Self
    }
}

/// process_SUITE: spawn_request_against_old_node: what the other node does not know
#[tokio::test]
async fn an_unknown_type_and_another_schema_are_refused() {
    let places = there();
    let parent = trapper(&places.a).await;
    let (sender, outcome) = oneshot::channel();
    let place = places.b.name().clone();
    let bear = script(move |cx| {
        let strange = cx.node().on(&place).spawn::<Strange>(()).from(cx).linked().monitored();
        let older = cx.node().on(&place).spawn::<Older>(7).from(cx).linked().monitored();
        Box::pin(async move {
            let _ = sender.send((strange.await, older.await));
            Ok(())
        })
    });
    parent.play(bear).unwrap();
    let (strange, older) = outcome.await.unwrap();
    assert!(matches!(strange, Err(SpawnError::NotSpawnable { .. })), "{strange:?}");
    assert!(matches!(older, Err(SpawnError::BadArguments(_))), "{older:?}");
    alone_with(0, &places, &parent).await;
}

/// process_SUITE: spawn_request_bif: bad options
#[tokio::test]
async fn a_name_that_cannot_be_is_refused() {
    for places in both() {
        let place = places.a.on(places.b.name());
        for name in [String::new(), "x".repeat(NAME_BYTES_MAX + 1)] {
            let born = place.spawn::<Young>(Plan::Be(1)).name(name).await;
            assert!(matches!(born, Err(SpawnError::BadArguments(_))), "{born:?}");
        }
        let longest = "x".repeat(NAME_BYTES_MAX);
        let first = place.spawn::<Young>(Plan::Be(1)).name(&*longest).await.unwrap();
        let second = place.spawn::<Young>(Plan::Be(2)).name(&*longest).await;
        assert_eq!(second, Err(SpawnError::NameTaken(longest.clone())));
        assert_eq!(places.b.actors_count(), 1);
        assert_eq!(places.b.whereis(&longest), Some(first.any().clone()));
        let failed = place.spawn::<Young>(Plan::Panic).name("free").await;
        assert!(matches!(failed, Err(SpawnError::InitFailed(_))));
        assert_eq!(places.b.whereis("free"), None);
    }
}

/// process_SUITE: spawn_request_bif: a timeout of nothing
#[tokio::test(start_paused = true)]
async fn a_zero_timeout_is_a_timeout_and_leaves_nothing() {
    for places in both() {
        let parent = trapper(&places.a).await;
        let (gate, plan) = gate(&places.b).await;
        let own = 1 + usize::from(places.a.name() == places.b.name());
        let born = bearing_within(&parent, &places.b, plan, Duration::ZERO).await.unwrap();
        assert_eq!(born, Err(SpawnError::Timeout));
        gate.release().unwrap();
        alone_with(own, &places, &parent).await;
    }
}

/// erpc_SUITE: call_reqtmo; process_SUITE: spawn_request_reply_option
#[tokio::test(start_paused = true)]
async fn an_init_that_hangs_is_given_up_in_time() {
    for places in both() {
        let (parent, began) = (trapper(&places.a).await, tokio::time::Instant::now());
        let (_gate, plan) = gate(&places.b).await;
        let own = 1 + usize::from(places.a.name() == places.b.name());
        let born = bearing_within(&parent, &places.b, plan, Duration::from_secs(2)).await.unwrap();
        assert_eq!(born, Err(SpawnError::Timeout));
        let took = began.elapsed();
        assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
        alone_with(own, &places, &parent).await;
    }
}

/// process_SUITE: spawn_request_abandon: the request comes when nobody waits any more
#[tokio::test(start_paused = true)]
async fn a_request_that_arrives_after_the_timeout_leaves_no_child() {
    let places = there();
    let parent = trapper(&places.a).await;
    places.bridge().hold(&places.a);
    let born = bearing_within(&parent, &places.b, Plan::Be(1), Duration::from_secs(1));
    assert_eq!(born.await.unwrap(), Err(SpawnError::Timeout));
    places.bridge().let_go(&places.a);
    eventually("it came", async || places.b.counters().read().spawned == 1).await;
    alone_with(0, &places, &parent).await;
}

/// process_SUITE: spawn_request_abandon: the reply comes when nobody waits any more
#[tokio::test(start_paused = true)]
async fn a_reply_that_arrives_after_the_timeout_leaves_no_child() {
    let places = there();
    let parent = trapper(&places.a).await;
    places.bridge().hold(&places.b);
    let born = bearing_within(&parent, &places.b, Plan::Be(1), Duration::from_secs(1));
    assert_eq!(born.await.unwrap(), Err(SpawnError::Timeout));
    assert_eq!((places.b.actors_count(), places.bridge().held(&places.b)), (1, 1));
    places.bridge().let_go(&places.b);
    alone_with(0, &places, &parent).await;
}

/// process_SUITE: spawn_request_link_parent_exit_nodedown: the session goes while the child starts
#[tokio::test]
async fn a_session_lost_during_init_ends_a_linked_child() {
    let places = there();
    let (parent, (gate, plan)) = (trapper(&places.a).await, gate(&places.b).await);
    let born = bearing(&parent, &places.b, plan);
    reached(&places.b, &gate).await;
    places.bridge().cut();
    let lost = SpawnError::NoConnection(places.b.name().clone());
    assert_eq!(born.await.unwrap(), Err(lost));
    alone_with(1, &places, &parent).await;
}

/// process_SUITE: spawn_request_link_parent_exit_nodedown: the reply is lost with the session
#[tokio::test]
async fn a_reply_that_is_lost_with_its_session_ends_a_linked_child() {
    let places = there();
    let parent = trapper(&places.a).await;
    places.bridge().hold(&places.b);
    let born = bearing(&parent, &places.b, Plan::Be(1));
    eventually("the reply is held", async || places.bridge().held(&places.b) == 1).await;
    places.bridge().cut();
    let lost = SpawnError::NoConnection(places.b.name().clone());
    assert_eq!(born.await.unwrap(), Err(lost));
    alone_with(0, &places, &parent).await;
}

/// process_SUITE: spawn_request_link_parent_exit_nodedown: the request is lost with the session
#[tokio::test]
async fn a_request_that_is_lost_with_its_session_is_no_connection() {
    let places = there();
    let parent = trapper(&places.a).await;
    places.bridge().hold(&places.a);
    let born = bearing(&parent, &places.b, Plan::Be(1));
    eventually("the request is held", async || places.bridge().held(&places.a) == 1).await;
    places.bridge().cut();
    let lost = SpawnError::NoConnection(places.b.name().clone());
    assert_eq!(born.await.unwrap(), Err(lost));
    assert_eq!(places.b.counters().read().spawned, 0);
    untouched(&places.a, &parent).await;
}

/// process_SUITE: dist_spawn_monitor: a child that is only monitored outlives its session
#[tokio::test]
async fn a_session_lost_during_init_leaves_no_watcher_behind() {
    let places = there();
    let (parent, (gate, plan)) = (trapper(&places.a).await, gate(&places.b).await);
    let (sender, born) = oneshot::channel();
    let place = places.b.name().clone();
    let bear = script(move |cx| {
        let spawn = cx.node().on(&place).spawn::<Young>(plan).from(cx).name("child");
        Box::pin(async move {
            let _ = sender.send(spawn.monitored().await);
            Ok(())
        })
    });
    parent.play(bear).unwrap();
    reached(&places.b, &gate).await;
    places.bridge().cut();
    assert_eq!(born.await.unwrap(), Err(SpawnError::NoConnection(places.b.name().clone())));
    gate.release().unwrap();
    let child: Pid<Young> = places.b.pid(&places.b.whereis("child").unwrap());
    assert_eq!(child.number().await, Ok(0));
    assert_eq!(watchers(&places.b, &child), 0);
    untouched(&places.a, &parent).await;
}

/// process_SUITE: spawn_request_abandon: the asker goes on while the child starts
#[tokio::test]
async fn a_spawn_that_is_abandoned_leaves_no_child_and_no_bonds() {
    for (places, trap) in
        both().into_iter().zip([true, true]).chain(both().into_iter().zip([false, false]))
    {
        let parent = if trap { trapper(&places.a).await } else { puppet(&places.a).await };
        let (gate, plan) = gate(&places.b).await;
        let own = 1 + usize::from(places.a.name() == places.b.name());
        let (place, (go, abandons)) = (places.b.name().clone(), oneshot::channel::<()>());
        let bear = script(move |cx| {
            let spawn =
                cx.node().on(&place).spawn::<Young>(plan).from(cx).timeout(crate::young::LONG);
            Box::pin(async move {
                tokio::select! {
                    born = spawn.linked().monitored() => panic!("{born:?}"),
                    _ = abandons => Ok(()),
                }
            })
        });
        parent.play(bear).unwrap();
        reached(&places.b, &gate).await;
        drop(go);
        untouched(&places.a, &parent).await;
        gate.release().unwrap();
        alone_with(own, &places, &parent).await;
    }
}

/// process_SUITE: spawn_request_abandon: the child is up, and its reply is not looked at
#[tokio::test]
async fn a_spawn_that_is_abandoned_when_the_child_is_up_leaves_nothing_either() {
    for (places, trap) in
        both().into_iter().zip([true, true]).chain(both().into_iter().zip([false, false]))
    {
        let parent = if trap { trapper(&places.a).await } else { puppet(&places.a).await };
        let own = usize::from(places.a.name() == places.b.name());
        let (place, (go, abandons)) = (places.b.name().clone(), oneshot::channel::<()>());
        let bear = script(move |cx| {
            let spawn = cx.node().on(&place).spawn::<Young>(Plan::Be(1)).from(cx);
            let spawning = asked(spawn.linked().monitored());
            Box::pin(async move {
                let _ = abandons.await;
                drop(spawning);
                Ok(())
            })
        });
        parent.play(bear).unwrap();
        eventually("it is bound", async || links(&places.a, &parent).len() == 1).await;
        drop(go);
        alone_with(own, &places, &parent).await;
    }
}

/// process_SUITE: spawn_request_abandon: many at once, given up at any moment
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawns_that_are_abandoned_at_any_moment_leave_nothing() {
    for places in both() {
        let parent = puppet(&places.a).await;
        let own = usize::from(places.a.name() == places.b.name());
        let place = places.b.name().clone();
        let bear = script(move |cx| {
            Box::pin(async move {
                for n in 0..500 {
                    let spawn = cx.node().on(&place).spawn::<Young>(Plan::Be(1)).from(cx);
                    let mut spawning = spawn.linked().monitored().into_future();
                    let polled = |cx: &mut Context<'_>| Poll::Ready(spawning.as_mut().poll(cx));
                    if let Poll::Ready(born) = std::future::poll_fn(polled).await {
                        // It was too quick to be abandoned.
                        let (child, monitor) = born.unwrap();
                        cx.unlink(&child);
                        cx.demonitor(monitor);
                        cx.node().kill(&child);
                    }
                    for _ in 0..n % 7 {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(())
            })
        });
        parent.play(bear).unwrap();
        alone_with(own, &places, &parent).await;
        end(&places.a, &parent, End::Normal).await;
    }
}
