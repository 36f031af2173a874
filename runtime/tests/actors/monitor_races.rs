//! Monitors when the watcher goes first, when sessions are lost, in circles, and in numbers.

use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{ExitReason, MonitorRef, Pid};

use crate::bridge::Bridge;
use crate::fixture::eventually;
use crate::puppet::{
    End, Puppet, PuppetMethods as _, Seen, both, busy, end, here, on, puppet, script, there,
    watchers,
};

/// Has one puppet monitor another.
async fn watch(watcher: &Pid<Puppet>, target: &Pid<Puppet>) -> MonitorRef {
    let watched = target.any().clone();
    on(watcher, move |cx| cx.monitor(&watched)).await
}

/// monitor_SUITE: case_1, list_cleanup
#[tokio::test]
async fn a_watcher_that_ends_first_leaves_nothing() {
    for how in [End::Normal, End::Panic, End::Kill] {
        for places in both() {
            let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
            watch(&watcher, &target).await;
            watch(&watcher, &target).await;
            assert_eq!(watchers(&places.b, &target), 2);
            end(&places.a, &watcher, how).await;
            assert_eq!(watchers(&places.b, &target), 0, "{how:?}");
        }
    }
}

/// monitor_SUITE: case_1: "A monitors B, B kills A and then exits"
#[tokio::test]
async fn the_target_may_kill_its_watcher() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        watch(&watcher, &target).await;
        let (victim, ended) = (watcher.any().clone(), places.a.monitor(&watcher));
        on(&target, move |cx| {
            cx.exit(&victim, ExitReason::error("foo"));
            cx.stop(ExitReason::Normal);
        })
        .await;
        assert_eq!(ended.await.reason, ExitReason::error("foo"));
        eventually("both are gone", async || {
            places.a.actors_count() + places.b.actors_count() == 0
        })
        .await;
    }
}

/// monitor_SUITE: demon_2: `monitor(process, self())`
#[tokio::test]
async fn an_actor_that_monitors_itself_gets_nothing_and_leaves_nothing() {
    let places = here();
    let puppet = puppet(&places.a).await;
    let watched = puppet.any().clone();
    let monitors = on(&puppet, move |cx| [cx.monitor(&watched), cx.monitor(&watched)]).await;
    assert!(on(&puppet, move |cx| cx.demonitor(monitors[0])).await);
    assert_eq!(puppet.seen().await, Ok(vec![]));
    end(&places.a, &puppet, End::Error).await;
    assert_eq!(places.a.actors_count(), 0);
}

/// erl_link_SUITE: dist_process_monitors
#[tokio::test]
async fn a_cut_session_is_one_down_for_each_monitor() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    let monitors = [watch(&watcher, &target).await, watch(&watcher, &target).await];
    places.bridge().cut();
    let expected = monitors.map(|monitor| Seen::Down(monitor, ExitReason::NoConnection));
    assert_eq!(watcher.seen().await.unwrap(), expected);
    assert_eq!(watchers(&places.b, &target), 0, "the other side forgot the watcher");
    end(&places.b, &target, End::Kill).await;
    let _again = Bridge::between(&places.a, &places.b);
    assert_eq!(watcher.seen().await.unwrap(), expected, "and nothing comes with the next session");
}

/// distribution_SUITE, erl_link_SUITE: otp_5772_dist_monitor: the end is told, then the session goes
#[tokio::test]
async fn a_down_that_came_before_the_cut_is_the_only_one() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    let monitor = watch(&watcher, &target).await;
    let go = busy(&watcher, |_| {}).await;
    let reason = end(&places.b, &target, End::Panic).await;
    places.bridge().cut();
    drop(go);
    assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, reason)]));
}

/// erl_link_SUITE: otp_5772_dist_monitor: the session goes while the end is on its way
#[tokio::test]
async fn a_down_that_is_lost_with_its_session_is_one_no_connection() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    let monitor = watch(&watcher, &target).await;
    places.bridge().hold(&places.b);
    end(&places.b, &target, End::Panic).await;
    assert_eq!(places.bridge().held(&places.b), 1);
    assert_eq!(watcher.seen().await, Ok(vec![]));
    places.bridge().cut();
    let expected = vec![Seen::Down(monitor, ExitReason::NoConnection)];
    assert_eq!(watcher.seen().await, Ok(expected));
}

/// The cut and the end on two threads: one down, whichever is first.
///
/// erl_link_SUITE: otp_5772_dist_monitor
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_that_races_the_end_is_one_down() {
    for _ in 0..50 {
        let places = there();
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let monitors = [watch(&watcher, &target).await, watch(&watcher, &target).await];
        let (node, victim) = (places.b.clone(), target.clone());
        let killing = tokio::spawn(async move { node.kill(&victim) });
        places.bridge().cut();
        killing.await.unwrap();
        eventually("it is gone", async || !places.b.is_alive(target.any())).await;
        let seen = watcher.seen().await.unwrap();
        let downs = seen.iter().filter_map(|seen| match seen {
            Seen::Down(monitor, ExitReason::Killed | ExitReason::NoConnection) => Some(*monitor),
            Seen::Down(..) | Seen::Heard(_) | Seen::Exit(..) => None,
        });
        assert_eq!((downs.collect::<Vec<_>>(), seen.len()), (monitors.to_vec(), 2));
    }
}

/// A monitor that is on its way when the session goes.
///
/// monitor_SUITE: mon_2, "Other node goes down"
#[tokio::test]
async fn a_monitor_that_never_arrives_is_no_connection_and_is_not_known_there() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    places.bridge().hold(&places.a);
    let monitor = watch(&watcher, &target).await;
    places.bridge().cut();
    let expected = vec![Seen::Down(monitor, ExitReason::NoConnection)];
    assert_eq!(watcher.seen().await, Ok(expected));
    assert_eq!(watchers(&places.b, &target), 0);
}

/// erl_link_SUITE: process_monitors
#[tokio::test]
async fn a_monitor_from_outside_that_is_dropped_leaves_nothing() {
    for places in both() {
        let target = puppet(&places.b).await;
        let watched = target.any().clone();
        let early = places.a.monitor(&watched);
        let late = places.a.monitor(&watched);
        assert_eq!(watchers(&places.b, &target), 2);
        drop(early);
        assert_eq!(watchers(&places.b, &target), 1);
        end(&places.b, &target, End::Custom).await;
        assert_eq!(late.await.reason, ExitReason::custom("Moved", "elsewhere"));
    }
}

/// monitor_SUITE: mon_2, from outside of actors
#[tokio::test]
async fn a_monitor_from_outside_ends_once_with_its_session() {
    let places = there();
    let target = puppet(&places.b).await;
    let mut down = places.a.monitor(&target);
    places.bridge().hold(&places.b);
    end(&places.b, &target, End::Panic).await;
    places.bridge().cut();
    assert_eq!((&mut down).await.reason, ExitReason::NoConnection);
    let gone = places.a.monitor(&target).await;
    assert_eq!(gone.reason, ExitReason::NoConnection, "and so does one made after it");
}

/// signal_SUITE: contended_signal_handling; monitor_SUITE: mixer
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_watchers_hear_of_the_end_once_each() {
    for places in both() {
        let target = puppet(&places.b).await;
        let downs: Vec<_> = (0..10_000).map(|_| places.a.monitor(&target)).collect();
        assert_eq!(watchers(&places.b, &target), 10_000);
        let reason = End::Error.befall(&places.b, &target);
        for down in downs {
            assert_eq!(down.await.reason, reason);
        }
        assert_eq!(places.b.actors_count(), 0);
    }
}

/// process_SUITE: spawn_request_monitor_demonitor: a monitor from the first moment on
#[tokio::test]
async fn a_monitor_made_in_init_holds() {
    for places in both() {
        let target = puppet(&places.b).await;
        let (watched, told) = (target.any().clone(), Arc::new(Mutex::new(None)));
        let tell = Arc::clone(&told);
        let first = script(move |cx| {
            *tell.lock() = Some(cx.monitor(&watched));
            Box::pin(async { Ok(()) })
        });
        let watcher = places.a.spawn::<Puppet>(first).await.unwrap();
        let monitor = told.lock().unwrap();
        let reason = end(&places.b, &target, End::Shutdown).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, reason)]));
    }
}

/// process_SUITE: spawn_request_monitor_demonitor: whose asker does not come up
#[tokio::test]
async fn a_monitor_made_in_an_init_that_fails_leaves_nothing() {
    for places in both() {
        let target = puppet(&places.b).await;
        let watched = target.any().clone();
        let first = script(move |cx| {
            cx.monitor(&watched);
            Box::pin(async { Err(ExitReason::error("no")) })
        });
        places.a.spawn::<Puppet>(first).await.unwrap_err();
        assert_eq!(watchers(&places.b, &target), 0);
    }
}

/// signal_SUITE: monitor_order
#[tokio::test]
async fn a_down_comes_after_all_that_the_dead_sent_before() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let listener = places.a.spawn::<Ear>(()).await.unwrap();
        let to = listener.any().clone();
        let (watched, ear) = (target.any().clone(), listener.clone());
        ear.watch(watched).await.unwrap();
        let speak = script(move |cx| {
            let ear: Pid<Ear> = cx.node().pid(&to);
            (0..100).for_each(|n| ear.hear(n).unwrap());
            panic!("done");
        });
        target.play(speak).unwrap();
        eventually("the down", async || listener.heard().await.unwrap().contains(&u64::MAX)).await;
        let expected: Vec<_> = (0..100).chain([u64::MAX]).collect();
        assert_eq!(listener.heard().await, Ok(expected));
        drop(watcher);
    }
}

/// Notes numbers that it is told from anywhere, and a down as the greatest.
#[derive(Debug)]
struct Ear(Vec<u64>);

#[starlings_runtime::actor(name = "test.ear", crate = starlings_runtime)]
impl Ear {
    fn init() -> Self {
        Self(Vec::new())
    }

    #[cast]
    fn hear(&mut self, what: u64) {
        self.0.push(what);
    }

    #[call]
    fn watch(&mut self, whom: starlings_runtime::AnyPid, cx: &mut starlings_runtime::Cx<Self>) {
        cx.monitor(&whom);
    }

    #[call]
    fn heard(&self) -> Vec<u64> {
        self.0.clone()
    }

    #[info]
    fn down(&mut self, _down: starlings_runtime::Down) {
        self.0.push(u64::MAX);
    }
}

/// erl_link_SUITE: dist_process_monitors: both ways, and the session goes
#[tokio::test]
async fn two_that_watch_each_other_hear_once_of_the_cut() {
    let places = there();
    let (one, other) = (puppet(&places.a).await, puppet(&places.b).await);
    let (to, back) = (watch(&one, &other).await, watch(&other, &one).await);
    places.bridge().cut();
    let lost = |monitor| Ok(vec![Seen::Down(monitor, ExitReason::NoConnection)]);
    assert_eq!((one.seen().await, other.seen().await), (lost(to), lost(back)));
    assert_eq!((watchers(&places.a, &one), watchers(&places.b, &other)), (0, 0));
}

/// erl_link_SUITE: dist_process_monitors: both ways, and both end
#[tokio::test]
async fn two_that_watch_each_other_may_end_at_once() {
    for places in both() {
        let (one, other) = (puppet(&places.a).await, puppet(&places.b).await);
        watch(&one, &other).await;
        watch(&other, &one).await;
        let ends = [places.a.monitor(&one), places.b.monitor(&other)];
        End::Panic.befall(&places.a, &one);
        End::Kill.befall(&places.b, &other);
        let [first, second] = ends;
        assert_eq!(first.await.reason, ExitReason::Panic("boom".to_owned()));
        assert_eq!(second.await.reason, ExitReason::Killed);
        assert_eq!(places.a.actors_count() + places.b.actors_count(), 0);
    }
}

/// monitor_SUITE: large_exit
#[tokio::test]
async fn a_large_reason_is_cut_and_the_same_for_all() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let monitor = watch(&watcher, &target).await;
        let (near, text) = (places.b.monitor(&target), "é".repeat(100_000));
        places.b.stop(&target, ExitReason::Error(text.clone()));
        let cut = ExitReason::Error("é".repeat(starlings_runtime::REASON_BYTES_MAX / 2));
        assert_eq!(near.await.reason, cut);
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, cut)]));
        drop(text);
    }
}
