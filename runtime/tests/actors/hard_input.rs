//! Programs that misbehave: what they do to themselves, and not to others.

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use starlings_runtime::{
    AnyPid, CallError, CastError, ExitReason, Node, Pid, Reply, SupervisorMethods as _,
    SupervisorSpec, actor, spec,
};
use tokio::sync::oneshot;

use crate::fixture::{Counter, CounterMethods as _, eventually, node};
use crate::links::bind;
use crate::puppet::{
    End, PuppetMethods as _, Seen, both, end, here, on, puppet, script, trapper, watchers,
};

/// process_SUITE: low_prio, yield
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_never_yields_holds_up_no_other_and_can_be_killed_later() {
    let places = here();
    let (stuck, wary) = (puppet(&places.a).await, trapper(&places.a).await);
    bind(&wary, &stuck).await;
    let (goes_on, stands) = (Arc::new(AtomicBool::new(false)), oneshot::channel());
    let (held, (enters, entered)) = (Arc::clone(&goes_on), stands);
    let spin = script(move |_| {
        let _ = enters.send(());
        while !held.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        Box::pin(std::future::pending())
    });
    stuck.play(spin).unwrap();
    entered.await.unwrap();
    for n in 0..1000 {
        let other = places.a.spawn::<Counter>(n).await.unwrap();
        assert_eq!(other.get().await, Ok(n));
        places.a.kill(&other);
    }
    let down = places.a.monitor(&stuck);
    places.a.kill(&stuck);
    assert_eq!(wary.seen().await, Ok(vec![]), "it still has its thread");
    goes_on.store(true, Ordering::Release);
    assert_eq!(down.await.reason, ExitReason::Killed);
    assert_eq!(wary.seen().await, Ok(vec![Seen::Exit(stuck.any().clone(), ExitReason::Killed)]));
}

/// Panics whatever it is told.
#[derive(Debug)]
struct Doomed;

#[actor(crate = starlings_runtime)]
impl Doomed {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn hear(&mut self) {
        panic!("cast");
    }

    #[call]
    fn answer(&mut self) {
        panic!("call");
    }

    #[info]
    fn happen(&mut self, _: u8) {
        panic!("info");
    }
}

/// supervisor_SUITE: permanent_abnormal: a child that fails whatever it is told
#[tokio::test]
async fn a_child_that_panics_in_every_handler_makes_its_supervisor_give_up() {
    let node = node("a@h");
    let spec = SupervisorSpec::one_for_one().child(spec::<Doomed>(()).id("bad"));
    let supervisor = spec.start(&node).await.unwrap();
    let mut down = node.monitor(&supervisor);
    let (mut crashed, mut reasons) = (Vec::<AnyPid>::new(), Vec::new());
    let reason = loop {
        tokio::select! {
            down = &mut down => break down.reason,
            children = supervisor.which_children() => {
                let running = children.ok().and_then(|children| children[0].pid.clone());
                if let Some(child) = running.filter(|child| !crashed.contains(child)) {
                    let (ended, doomed) = (node.monitor(&child), node.pid::<Doomed>(&child));
                    match crashed.len() % 3 {
                        0 => doomed.hear().unwrap(),
                        1 => drop(tokio::spawn(doomed.answer().send())),
                        _ => assert!(node.notify(&child, 1_u8)),
                    }
                    crashed.push(child);
                    reasons.push(ended.await.reason);
                }
            }
        }
    };
    assert_eq!(reason, ExitReason::Shutdown);
    let panics = ["cast", "call", "info", "cast"].map(|what| ExitReason::Panic(what.to_owned()));
    assert_eq!(reasons, panics, "three restarts, and no more");
    assert_eq!(node.actors_count(), 0);
}

/// process_SUITE: spawn_opt_heap_size, with the least there can be
#[tokio::test]
async fn a_mailbox_of_no_capacity_holds_one_message() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).capacity(0).await.unwrap();
    let sent = [counter.add(1), counter.add(1), counter.add(1)];
    assert_eq!(sent, [Ok(()), Err(CastError::Overloaded), Err(CastError::Overloaded)]);
    eventually("there is room", async || counter.get().await == Ok(1)).await;
}

/// monitor_SUITE: list_cleanup, mixer
#[tokio::test]
async fn a_hundred_thousand_monitors_and_demonitors_leave_nothing() {
    for places in both() {
        let (watcher, target) = (puppet(&places.a).await, puppet(&places.b).await);
        let watched = target.any().clone();
        let most = on(&watcher, move |cx| {
            for _ in 0..100 {
                let monitors: Vec<_> = (0..1000).map(|_| cx.monitor(&watched)).collect();
                assert!(monitors.into_iter().all(|monitor| cx.demonitor(monitor)));
            }
            cx.monitor(&watched)
        })
        .await;
        assert_eq!(watchers(&places.b, &target), 1);
        assert_eq!(places.a.actor_info(watcher.any()).unwrap().monitors, 1);
        let reason = end(&places.b, &target, End::Error).await;
        assert_eq!(watcher.seen().await, Ok(vec![Seen::Down(most, reason)]));
    }
}

/// erpc_SUITE: call_reqtmo, a hundred thousand times
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_calls_that_time_out_leave_no_timers_and_no_slots() {
    for places in both() {
        let hung = places.b.spawn::<Counter>(0).capacity(200_000).await.unwrap();
        let seen: Pid<Counter> = places.a.pid(hung.any());
        let call = || Box::pin(seen.hang().timeout(Duration::from_secs(1)).send());
        let mut calls: Vec<_> = (0..100_000).map(|_| call()).collect();
        let pending = std::future::poll_fn(|cx| {
            let pending = calls.iter_mut().filter_map(|call| match call.as_mut().poll(cx) {
                Poll::Pending => Some(()),
                Poll::Ready(_) => None,
            });
            Poll::Ready(pending.count())
        });
        assert_eq!(pending.await, 100_000);
        let slots = if places.a.name() == places.b.name() { 0 } else { 100_000 };
        assert_eq!((places.a.timers_count(), places.a.answers_awaited()), (100_000, slots));
        for call in calls {
            assert_eq!(call.await, Err(CallError::Timeout));
        }
        assert_eq!((places.a.timers_count(), places.a.answers_awaited()), (0, 0));
        places.b.kill(&hung);
        eventually("it ends", async || places.b.actors_count() == 0).await;
        assert_eq!(places.b.timers_count(), 0);
    }
}

/// A value that panics when it is dropped.
struct Bomb(u64);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb {}", self.0);
    }
}

/// Gets bombs.
#[derive(Debug)]
struct Target;

#[actor(crate = starlings_runtime)]
impl Target {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn bomb(&mut self, bomb: Bomb) {
        drop(bomb);
    }

    #[call]
    fn ask(&mut self) -> u64 {
        1
    }

    #[cast]
    async fn wait(&mut self, gate: oneshot::Receiver<()>, entered: oneshot::Sender<()>) {
        let _ = entered.send(());
        let _ = gate.await;
    }
}

async fn target(node: &Node) -> (Pid<Target>, oneshot::Sender<()>) {
    let target = node.spawn::<Target>(()).name("target").await.unwrap();
    let ((go, gate), (enters, entered)) = (oneshot::channel(), oneshot::channel());
    target.wait(gate, enters).unwrap();
    entered.await.unwrap();
    (target, go)
}

/// process_SUITE: otp_6237: queued messages that cannot be dropped in peace
#[tokio::test]
async fn messages_that_panic_when_they_are_dropped_keep_no_end_from_being_told() {
    for how in [ExitReason::Shutdown, ExitReason::Killed, ExitReason::error("by hand")] {
        let node = node("a@h");
        let (target, go) = target(&node).await;
        (0..3).for_each(|n| target.bomb(Bomb(n)).unwrap());
        let (asked, down) = (target.ask().send(), node.monitor(&target));
        if how == ExitReason::Shutdown {
            node.stop(&target, how.clone());
        } else if how == ExitReason::Killed {
            node.kill(&target);
        } else {
            node.exit(&target, how.clone());
        }
        drop(go);
        assert_eq!(down.await.reason, how);
        assert_eq!(asked.await, Err(CallError::Down(how.clone())), "{how:?}");
        assert_eq!((node.whereis("target"), node.actors_count()), (None, 0));
    }
}

/// process_SUITE: otp_6237: those that it has in hand
#[tokio::test]
async fn messages_in_hand_that_panic_when_they_are_dropped_end_their_actor_alone() {
    let node = node("a@h");
    let (target, go) = target(&node).await;
    (0..3).for_each(|n| target.bomb(Bomb(n)).unwrap());
    let (asked, down) = (target.ask().send(), node.monitor(&target));
    go.send(()).unwrap();
    let reason = ExitReason::Panic("bomb 0".to_owned());
    assert_eq!(down.await.reason, reason);
    assert_eq!(asked.await, Err(CallError::Down(reason)));
    assert_eq!((node.whereis("target"), node.actors_count()), (None, 0));
}

/// process_SUITE: process_info_lock_reschedule: killed within a lock over the answers of another
#[tokio::test]
async fn a_kill_frees_the_lock_that_its_victim_held() {
    for places in both() {
        let holder = puppet(&places.b).await;
        let shelf = Arc::new(tokio::sync::Mutex::new(Vec::<Reply<u64>>::new()));
        let (reply, answered) = asking(&places.b, &shelf).await;
        let (held, (enters, entered)) = (Arc::clone(&shelf), oneshot::channel());
        let hold = script(move |_| {
            Box::pin(async move {
                let _lock = held.lock().await;
                let _ = enters.send(());
                std::future::pending().await
            })
        });
        holder.play(hold).unwrap();
        entered.await.unwrap();
        assert!(shelf.try_lock().is_err());
        end(&places.b, &holder, End::Kill).await;
        shelf.lock().await.remove(0).send(7);
        assert_eq!(answered.await.unwrap(), Ok(7));
        drop(reply);
    }
}

/// Puts a question to a new actor, which lays it on the shelf.
async fn asking(
    node: &Node,
    shelf: &Arc<tokio::sync::Mutex<Vec<Reply<u64>>>>,
) -> (Pid<Shelver>, tokio::task::JoinHandle<Result<u64, CallError>>) {
    let shelver = node.spawn::<Shelver>(Arc::clone(shelf)).await.unwrap();
    let asked = tokio::spawn(shelver.shelve().send());
    eventually("it is asked", async || shelf.lock().await.len() == 1).await;
    (shelver, asked)
}

#[derive(Debug)]
struct Shelver(Arc<tokio::sync::Mutex<Vec<Reply<u64>>>>);

#[actor(crate = starlings_runtime)]
impl Shelver {
    fn init(shelf: Arc<tokio::sync::Mutex<Vec<Reply<u64>>>>) -> Self {
        Self(shelf)
    }

    #[call]
    async fn shelve(&mut self, reply: Reply<u64>) {
        self.0.lock().await.push(reply);
    }
}

/// process_SUITE: down_aliasmonitor: a question in the hand of another that is killed
#[tokio::test(start_paused = true)]
async fn a_question_that_dies_with_another_actor_is_a_timeout_or_the_end_of_who_was_asked() {
    for ends in [false, true] {
        let places = here();
        let (holder, shelf) = (puppet(&places.a).await, Arc::default());
        let (shelver, answered) = asking(&places.a, &shelf).await;
        let reply = shelf.lock().await.remove(0);
        let hold = script(move |_| {
            Box::pin(async move {
                let _reply = reply;
                std::future::pending().await
            })
        });
        holder.play(hold).unwrap();
        end(&places.a, &holder, End::Kill).await;
        if ends {
            places.a.kill(&shelver);
            let down = CallError::Down(ExitReason::Killed);
            assert_eq!(answered.await.unwrap(), Err(down));
        } else {
            assert_eq!(answered.await.unwrap(), Err(CallError::Timeout));
        }
    }
}
