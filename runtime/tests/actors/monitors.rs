//! Monitors against every end, and against what crosses it.

use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{AnyPid, Cx, ExitReason};

use crate::bridge::Bridge;
use crate::fixture::{node, node_at};
use crate::puppet::{
    ENDS, End, Puppet, PuppetMethods as _, Seen, both, busy, end, here, on, puppet, there, watchers,
};

/// monitor_SUITE: mon_1, mon_2
#[tokio::test]
async fn a_monitor_made_before_the_end_has_its_reason() {
    for (places, how) in ENDS.into_iter().flat_map(|how| both().map(|places| (places, how))) {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        assert_eq!(watchers(&places.b, &target), 1);
        let reason = end(&places.b, &target, how).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, reason)]), "{how:?}");
        assert_eq!(places.a.actor_info(watcher.any()).unwrap().monitors, 0);
    }
}

/// monitor_SUITE: mon_1, "Monitor fails because process is dead"
#[tokio::test]
async fn a_monitor_made_after_the_end_is_no_proc_whatever_the_end_was() {
    for (places, how) in ENDS.into_iter().flat_map(|how| both().map(|places| (places, how))) {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        end(&places.b, &target, how).await;
        let watched = target.any().clone();
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        let seen = watcher.seen().await;
        assert_eq!(seen, Ok(vec![Seen::Down(monitor, ExitReason::NoProc)]), "{how:?}");
    }
}

/// monitor_SUITE: mon_2
#[tokio::test]
async fn a_monitor_that_arrives_after_the_end_is_no_proc() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    places.bridge().hold(&places.a);
    let watched = target.any().clone();
    let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
    assert_eq!(places.bridge().held(&places.a), 1);
    end(&places.b, &target, End::Panic).await;
    places.bridge().let_go(&places.a);
    assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, ExitReason::NoProc)]));
}

/// monitor_SUITE: mon_1
#[tokio::test]
async fn a_monitor_made_while_the_target_ends_gets_the_reason() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let go = busy(&target, |cx| cx.stop(ExitReason::error("late"))).await;
        places.b.stop(&target, ExitReason::Shutdown);
        let watched = target.any().clone();
        // It is told to stop, and is at its last message.
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        let ended = places.b.monitor(&target);
        drop(go);
        assert_eq!(ended.await.reason, ExitReason::Shutdown, "the first stop counts");
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, ExitReason::Shutdown)]));
    }
}

/// monitor_SUITE: mon_1
#[tokio::test]
async fn a_monitor_made_in_terminate_has_the_reason() {
    let places = here();
    let target = puppet(&places.b).await;
    let (node, told) = (places.a.clone(), Arc::new(Mutex::new(None)));
    let (watched, tell) = (target.any().clone(), Arc::clone(&told));
    let last = Box::new(move || *tell.lock() = Some(node.monitor(&watched)));
    target.at_last(Some(last), None).await.unwrap();
    end(&places.b, &target, End::Custom).await;
    let monitor = told.lock().take().unwrap();
    assert_eq!(monitor.await.reason, ExitReason::custom("Moved", "elsewhere"));
}

/// monitor_SUITE: mon_e_1
#[tokio::test]
async fn a_monitor_of_a_pid_never_used_is_no_proc() {
    for places in both() {
        let watcher = puppet(&places.a).await;
        let nobody = places.a.parse_pid(&format!("<{}.999999>", places.b.name())).unwrap();
        let monitor = on(&watcher, move |cx| cx.monitor(&nobody)).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, ExitReason::NoProc)]));
    }
}

/// distribution_SUITE: pids of an earlier life of a node
#[tokio::test]
async fn a_monitor_of_an_earlier_incarnation_is_no_proc() {
    let (a, old, new) = (node("a@h"), node_at("b@h", 1), node_at("b@h", 2));
    let (watcher, before, after) = (puppet(&a).await, puppet(&old).await, puppet(&new).await);
    let _bridge = Bridge::between(&a, &new);
    assert_eq!(before.any().serial(), after.any().serial());
    let gone = before.any().clone();
    let monitor = on(&watcher, move |cx| cx.monitor(&gone)).await;
    assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, ExitReason::NoProc)]));
    assert_eq!(watchers(&new, &after), 0);
}

/// monitor_SUITE: mon_2, "Monitor fails because other node is dead"
#[tokio::test]
async fn a_monitor_of_a_node_that_is_not_connected_is_no_connection() {
    let (a, b) = (node("a@h"), node("b@h"));
    let (watcher, target) = (puppet(&a).await, puppet(&b).await);
    let unknown: AnyPid = "<c@h#7.3>".parse().unwrap();
    for pid in [target.any().clone(), unknown] {
        let monitor = on(&watcher, move |cx| cx.monitor(&pid)).await;
        let seen = watcher.seen().await.unwrap();
        assert_eq!(seen.last(), Some(&Seen::Down(monitor, ExitReason::NoConnection)));
    }
    assert_eq!(watcher.seen().await.unwrap().len(), 2);
}

/// monitor_SUITE: mixer, list_cleanup
#[tokio::test]
async fn monitors_stack_and_each_ends_in_one_down_in_their_order() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let monitors = on(&watcher, move |cx| [(); 100].map(|()| cx.monitor(&watched))).await;
        assert_eq!(watchers(&places.b, &target), 100);
        let reason = end(&places.b, &target, End::Error).await;
        let expected = monitors.map(|monitor| Seen::Down(monitor, reason.clone()));
        assert_eq!(watcher.seen().await.unwrap(), expected);
    }
}

/// monitor_SUITE: demon_2, "Demonitor before 'DOWN'"
#[tokio::test]
async fn after_demonitor_no_down_comes() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let was_there = on(&watcher, move |cx| {
            let monitor = cx.monitor(&watched);
            cx.demonitor(monitor)
        })
        .await;
        assert!(was_there);
        assert_eq!(watchers(&places.b, &target), 0);
        end(&places.b, &target, End::Kill).await;
        assert_eq!(watcher.seen().await, Ok(vec![]));
    }
}

/// monitor_SUITE: demonitor_flush
#[tokio::test]
async fn demonitor_takes_back_the_down_that_waits_and_no_other() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let [first, second, third] =
            on(&watcher, move |cx| [(); 3].map(|()| cx.monitor(&watched))).await;
        let go = busy(&watcher, move |cx| assert!(cx.demonitor(second))).await;
        let reason = end(&places.b, &target, End::Error).await;
        drop(go);
        let expected = vec![Seen::Down(first, reason.clone()), Seen::Down(third, reason)];
        assert_eq!(watcher.seen().await, Ok(expected));
    }
}

/// monitor_SUITE: demon_3, "'DOWN' before demonitor", with the session lost
#[tokio::test]
async fn demonitor_takes_back_the_down_of_a_lost_session() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    let watched = target.any().clone();
    let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
    let go = busy(&watcher, move |cx| assert!(cx.demonitor(monitor))).await;
    places.bridge().cut();
    drop(go);
    assert_eq!(watcher.seen().await, Ok(vec![]));
}

/// monitor_SUITE: remove_monitor, with the down and the demonitor under way at once
#[tokio::test]
async fn a_demonitor_that_crosses_the_down_wins() {
    let places = there();
    let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
    let watched = target.any().clone();
    let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
    places.bridge().hold(&places.a);
    places.bridge().hold(&places.b);
    end(&places.b, &target, End::Panic).await;
    assert!(on(&watcher, move |cx| cx.demonitor(monitor)).await);
    assert_eq!((places.bridge().held(&places.a), places.bridge().held(&places.b)), (1, 1));
    places.bridge().let_go(&places.b);
    places.bridge().let_go(&places.a);
    assert_eq!(watcher.seen().await, Ok(vec![]));
}

/// monitor_SUITE: demon_2, "Extra demonitor"
#[tokio::test]
async fn a_second_demonitor_and_one_after_the_down_say_that_there_is_none() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        let twice = on(&watcher, move |cx| [cx.demonitor(monitor), cx.demonitor(monitor)]).await;
        assert_eq!(twice, [true, false]);
        let watched = target.any().clone();
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        let reason = end(&places.b, &target, End::Kill).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, reason)]));
        assert!(!on(&watcher, move |cx| cx.demonitor(monitor)).await);
    }
}

/// monitor_SUITE: demon_e_1, case_2: a ref of the other end, and of a third
#[tokio::test]
async fn demonitor_of_anothers_ref_does_nothing() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let (third, watched) = (puppet(&places.a).await, target.any().clone());
        let monitor = on(&watcher, move |cx| cx.monitor(&watched)).await;
        for other in [&third, &target] {
            assert!(!on(other, move |cx| cx.demonitor(monitor)).await);
        }
        let reason = end(&places.b, &target, End::Normal).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(monitor, reason)]));
    }
}

/// Refs are unique per node only: the same number from another node is another monitor.
///
/// monitor_SUITE: demon_e_1, "Demonitor with ref created at other node"
#[tokio::test]
async fn the_same_ref_of_two_nodes_names_two_monitors() {
    let places = there();
    let target = puppet(&places.b).await;
    let (far, near) = (puppet(&places.a).await, puppet(&places.b).await);
    let watched = target.any().clone();
    let mut theirs = on(&far, move |cx| cx.monitor(&watched)).await;
    let watched = target.any().clone();
    let mut ours = on(&near, move |cx| cx.monitor(&watched)).await;
    while theirs != ours {
        let (behind, watched) = (if theirs < ours { &far } else { &near }, target.any().clone());
        let old = theirs.min(ours);
        let next = move |cx: &mut Cx<Puppet>| (cx.demonitor(old), cx.monitor(&watched)).1;
        let next = on(behind, next).await;
        *if theirs < ours { &mut theirs } else { &mut ours } = next;
    }
    assert_eq!(watchers(&places.b, &target), 2);
    assert!(on(&near, move |cx| cx.demonitor(ours)).await);
    let reason = end(&places.b, &target, End::Error).await;
    assert_eq!(far.seen().await, Ok(vec![Seen::Down(theirs, reason)]));
    assert_eq!(near.seen().await, Ok(vec![]));
}
