//! Ends at every moment of a life, and what an actor holds when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use starlings_runtime::{CallError, ExitReason, Node, Pid, RegisterError, SpawnError};
use tokio::sync::Notify;

use crate::fixture::{asked, eventually, node};
use crate::links::bind;
use crate::puppet::{
    ENDS, End, Puppet, PuppetMethods as _, Script, Seen, both, busy, end, here, links, on, puppet,
    script, trapper, watchers,
};

/// A spawn under way.
trait Spawned: Future<Output = Result<Pid<Puppet>, SpawnError>> + Send + Unpin + 'static {}

impl<F> Spawned for F where
    F: Future<Output = Result<Pid<Puppet>, SpawnError>> + Send + Unpin + 'static
{
}

/// Begins to spawn a puppet with a name, and gives it before its `init` has run.
fn begin(node: &Node, first: Script) -> (impl Spawned + use<>, Pid<Puppet>) {
    let spawning = asked(node.spawn::<Puppet>(first).name("young"));
    (spawning, node.pid(&node.whereis("young").unwrap()))
}

/// An `init` that says when it has begun, and then waits.
fn waiting() -> (Script, Arc<Notify>, Arc<Notify>) {
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&gate));
    let first = script(move |_| {
        Box::pin(async move {
            begins.notify_one();
            waits.notified().await;
            Ok(())
        })
    });
    (first, begun, gate)
}

fn no_child(spawned: &Result<Pid<Puppet>, SpawnError>, node: &Node, reason: ExitReason) {
    assert_eq!(*spawned, Err(SpawnError::InitFailed(reason)));
    assert_eq!((node.actors_count(), node.registered()), (0, vec![]));
}

/// process_SUITE: t_exit_1, in `init`
#[tokio::test]
async fn an_init_that_fails_or_panics_leaves_nothing() {
    let node = node("a@h");
    let fails = script(|_| Box::pin(async { Err(ExitReason::custom("Odd", "start")) }));
    let spawned = node.spawn::<Puppet>(fails).name("young").await;
    no_child(&spawned, &node, ExitReason::custom("Odd", "start"));
    let panics = script(|_| Box::pin(async { panic!("boom") }));
    let spawned = node.spawn::<Puppet>(panics).name("young").await;
    no_child(&spawned, &node, ExitReason::Panic("boom".to_owned()));
}

/// process_SUITE: t_exit_2_catch: a kill, and an exit, while it starts
#[tokio::test]
async fn a_kill_and_an_exit_reach_an_init() {
    for (kills, reason) in [(true, ExitReason::Killed), (false, ExitReason::error("enough"))] {
        let node = node("a@h");
        let (first, begun, _gate) = waiting();
        let (spawning, young) = begin(&node, first);
        let spawning = tokio::spawn(spawning);
        begun.notified().await;
        let down = node.monitor(&young);
        if kills {
            node.kill(&young);
        } else {
            node.exit(&young, reason.clone());
        }
        assert_eq!(down.await.reason, reason, "who watched it early sees the end");
        no_child(&spawning.await.unwrap(), &node, reason);
    }
}

/// process_SUITE: exit_and_timeout: before it has run at all
#[tokio::test]
async fn a_kill_before_the_first_poll_lets_nothing_run() {
    let (node, ran) = (node("a@h"), Arc::new(AtomicBool::new(false)));
    let runs = Arc::clone(&ran);
    let first = script(move |_| {
        runs.store(true, Ordering::Release);
        Box::pin(async { Ok(()) })
    });
    let (spawning, young) = begin(&node, first);
    node.kill(&young);
    no_child(&spawning.await, &node, ExitReason::Killed);
    assert!(!ran.load(Ordering::Acquire));
}

/// gen_server: a stop while `init` runs
#[tokio::test]
async fn a_stop_during_init_takes_effect_after_it() {
    let node = node("a@h");
    let (first, begun, gate) = waiting();
    let (spawning, young) = begin(&node, first);
    let spawning = tokio::spawn(spawning);
    begun.notified().await;
    node.stop(&young, ExitReason::custom("Moved", ""));
    young.hear(1).unwrap();
    let down = node.monitor(&young);
    gate.notify_one();
    assert_eq!(spawning.await.unwrap(), Ok(young));
    assert_eq!(down.await.reason, ExitReason::custom("Moved", ""));
}

/// process_SUITE: spawn_request_link_child_exit: a stop of its own from `init`
#[tokio::test]
async fn an_actor_may_end_itself_from_init() {
    let node = node("a@h");
    let first = script(|cx| {
        cx.stop(ExitReason::custom("Brief", ""));
        Box::pin(async { Ok(()) })
    });
    let (spawning, young) = begin(&node, first);
    let down = node.monitor(&young);
    assert_eq!(spawning.await, Ok(young));
    assert_eq!(down.await.reason, ExitReason::custom("Brief", ""));
    let me = script(|cx| {
        let me = cx.pid();
        cx.exit(&me, ExitReason::error("me"));
        Box::pin(std::future::pending())
    });
    let spawned = node.spawn::<Puppet>(me).await;
    no_child(&spawned, &node, ExitReason::error("me"));
}

/// process_SUITE: spawn_request_link_parent_exit: a link made in `init`
#[tokio::test]
async fn whom_an_init_links_to_takes_it_along() {
    for places in both() {
        for traps in [false, true] {
            let other = puppet(&places.b).await;
            let (to, begun) = (other.any().clone(), Arc::new(Notify::new()));
            let (gate, begins) = (Arc::new(Notify::new()), Arc::clone(&begun));
            let waits = Arc::clone(&gate);
            let first = script(move |cx| {
                cx.trap_exits(traps);
                cx.link(&to);
                Box::pin(async move {
                    begins.notify_one();
                    waits.notified().await;
                    Ok(())
                })
            });
            let spawning = tokio::spawn(places.a.spawn::<Puppet>(first).into_future());
            begun.notified().await;
            let reason = end(&places.b, &other, End::Error).await;
            gate.notify_one();
            let spawned = spawning.await.unwrap();
            if traps {
                let expected = vec![Seen::Exit(other.any().clone(), reason)];
                assert_eq!(spawned.unwrap().seen().await, Ok(expected));
            } else {
                assert_eq!(spawned, Err(SpawnError::InitFailed(reason)));
            }
        }
    }
}

/// signal_SUITE: pending_exit_exit: a panic while it ends is why it ended
#[tokio::test]
async fn a_panic_in_terminate_becomes_the_reason() {
    for places in both() {
        let (one, wary) = (puppet(&places.b).await, trapper(&places.a).await);
        bind(&wary, &one).await;
        one.at_last(Some(Box::new(|| panic!("late"))), None).await.unwrap();
        let down = places.a.monitor(&one);
        End::Normal.befall(&places.b, &one);
        let late = ExitReason::Panic("late".to_owned());
        assert_eq!(down.await.reason, late);
        assert_eq!(wary.seen().await, Ok(vec![Seen::Exit(one.any().clone(), late)]));
    }
}

/// signal_SUITE: pending_exit_gc: a panic while its state goes
#[tokio::test]
async fn a_panic_while_the_state_is_dropped_leaves_nothing() {
    for how in [End::Normal, End::Error, End::Panic, End::Kill, End::Exit] {
        for places in both() {
            let (one, wary) = (puppet(&places.b).await, trapper(&places.a).await);
            bind(&wary, &one).await;
            places.b.register("one", &one).unwrap();
            one.at_last(None, Some(Box::new(|| panic!("in drop")))).await.unwrap();
            let (down, parked) = (places.a.monitor(&one), one.park().send());
            let own = how.befall(&places.b, &one);
            let cut_off = matches!(how, End::Kill | End::Exit);
            let reason = if cut_off { own } else { ExitReason::Panic("in drop".to_owned()) };
            assert_eq!(down.await.reason, reason, "{how:?}");
            assert_eq!(parked.await, Err(CallError::Down(reason.clone())));
            assert_eq!(wary.seen().await, Ok(vec![Seen::Exit(one.any().clone(), reason)]));
            assert_eq!((places.b.whereis("one"), places.b.is_alive(one.any())), (None, false));
        }
    }
}

/// process_SUITE: processes_bif, otp_7738: nothing of the dead is left. Groups are the registry's, which
/// has its own tests of what a death leaves.
#[tokio::test]
async fn an_actor_that_ends_frees_all_it_held() {
    for (places, how) in ENDS.into_iter().flat_map(|how| both().map(|places| (places, how))) {
        let timers = places.a.timers_count();
        let (one, other) = (puppet(&places.a).await, trapper(&places.b).await);
        let (watched, task) = (other.any().clone(), Arc::new(()));
        let held = Arc::clone(&task);
        on(&one, move |cx| {
            cx.monitor(&watched);
            cx.link(&watched);
            cx.monitor_nodes();
            cx.send_after(Duration::from_secs(3600), 1_u8);
            cx.send_every(Duration::from_secs(3600), || 2_u8);
            cx.task(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        })
        .await;
        places.a.register("one", &one).unwrap();
        assert_eq!((places.a.timers_count(), Arc::strong_count(&task)), (timers + 2, 2));
        let parked = [one.park().send(), one.park().send()];
        let go = busy(&one, |_| {}).await;
        let queued = one.park().send();
        let outside = places.a.monitor(&one);
        let reason = how.befall(&places.a, &one);
        drop(go);
        assert_eq!(outside.await.reason, reason, "{how:?}");
        for call in parked.into_iter().chain([queued]) {
            assert_eq!(call.await, Err(CallError::Down(reason.clone())), "{how:?}");
        }
        assert_eq!(one.seen().await, Err(CallError::NoProc));
        assert_eq!((watchers(&places.b, &other), links(&places.b, &other)), (0, vec![]));
        assert_eq!(other.seen().await, Ok(vec![Seen::Exit(one.any().clone(), reason)]));
        assert_eq!((places.a.timers_count(), Arc::strong_count(&task)), (timers, 1), "{how:?}");
        assert_eq!(places.a.register("one", &one), Err(RegisterError::NoProc));
        let heir = puppet(&places.a).await;
        places.a.register("one", &heir).unwrap();
    }
}

/// process_SUITE: bad_register, otp_4725: who hears of an end finds it over
#[tokio::test]
async fn who_hears_of_an_end_finds_the_name_free() {
    let places = here();
    let (one, heir) = (puppet(&places.a).await, puppet(&places.a).await);
    places.a.register("one", &one).unwrap();
    let (watched, node, taken) = (one.any().clone(), places.a.clone(), Arc::new(Notify::new()));
    let (heirs, takes) = (heir.clone(), Arc::clone(&taken));
    on(&heir, move |cx| {
        let down = cx.node().monitor(&watched);
        cx.task(async move {
            down.await;
            node.register("one", &heirs).unwrap();
            takes.notify_one();
        });
    })
    .await;
    end(&places.a, &one, End::Kill).await;
    taken.notified().await;
    assert_eq!(places.a.whereis("one").as_ref(), Some(heir.any()));
}

/// process_SUITE: spawn_request_link_parent_exit: while the child starts
#[tokio::test]
async fn a_parent_that_ends_takes_a_child_along_that_is_still_starting() {
    for how in [End::Kill, End::Exit] {
        let node = node("a@h");
        let parent = puppet(&node).await;
        let (first, begun, _gate) = waiting();
        let spawns = script(move |cx| {
            let child = cx.spawn::<Puppet>(first).linked().timeout(Duration::from_secs(3600));
            Box::pin(async move {
                let _ = child.await;
                Ok(())
            })
        });
        parent.play(spawns).unwrap();
        begun.notified().await;
        assert_eq!(node.actors_count(), 2);
        end(&node, &parent, how).await;
        eventually("the child is gone", async || node.actors_count() == 0).await;
    }
}

/// signal_SUITE: exit_before_pending_exit: an end of its own and an exit meet
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_its_own_that_races_an_exit_has_one_of_the_two_reasons() {
    let places = here();
    for _ in 0..200 {
        let (one, other) = (puppet(&places.a).await, trapper(&places.a).await);
        bind(&other, &one).await;
        let (node, victim) = (places.a.clone(), one.clone());
        let exiting = tokio::spawn(async move { End::Exit.befall(&node, &victim) });
        let own = End::Custom.befall(&places.a, &one);
        let by_hand = exiting.await.unwrap();
        let seen = || async { other.seen().await.unwrap() };
        eventually("an exit", async || !seen().await.is_empty()).await;
        let reasons = [own, by_hand].map(|reason| vec![Seen::Exit(one.any().clone(), reason)]);
        let seen = seen().await;
        assert!(reasons.contains(&seen), "{seen:?}");
    }
}
