//! How supervisors start and stop, and what can be asked of them.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{
    ChildCounts, ChildError, ChildState, ExitReason, Node, Pid, Shutdown, SpawnError, SpecError,
    StartChildError, Supervisor, SupervisorMethods as _, SupervisorSpec,
};
use tokio::sync::Notify;

use super::worker::{Log, Plan, Start, WorkerMethods as _, child, states, up, worker, written};
use crate::bridge::Bridge;
use crate::fixture::{eventually, node};

fn id(text: &str) -> String {
    text.to_owned()
}

fn plan(start: Start, log: &Log) -> Plan {
    Plan::new("a", log).starts([start])
}

/// supervisor_SUITE: sup_start_ignore_child, sup_start_ignore_permanent_child_start_child
#[tokio::test]
async fn a_child_that_declines_to_start_is_kept_stopped() {
    let (node, log) = (node("a@h"), Log::default());
    let spec = Supervisor::one_for_one().child(plan(Start::Ignore, &log).child());
    let supervisor = spec.child(worker("b", &log)).start(&node).await.unwrap();
    let expected = [(id("a"), ChildState::Stopped), (id("b"), ChildState::Running)];
    assert_eq!(states(&supervisor).await, expected);
    let added = Plan::new("c", &log).starts([Start::Ignore]).child();
    assert_eq!(supervisor.start_child(added).await, Err(StartChildError::Ignored));
    assert_eq!(child(&supervisor, "c").await.unwrap().state, ChildState::Stopped);
    supervisor.restart_child(id("c")).await.unwrap().unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().active, 2);
}

/// supervisor_SUITE: sup_start_ignore_temporary_child, ..._start_child
#[tokio::test]
async fn a_temporary_child_that_declines_to_start_is_forgotten() {
    let (node, log) = (node("a@h"), Log::default());
    let ignoring = || plan(Start::Ignore, &log).child().temporary();
    let supervisor = Supervisor::one_for_one().child(ignoring()).start(&node).await.unwrap();
    assert_eq!(states(&supervisor).await, []);
    assert_eq!(supervisor.start_child(ignoring()).await, Err(StartChildError::Ignored));
    assert_eq!(states(&supervisor).await, []);
}

/// supervisor_SUITE: sup_start_error_return, sup_start_fail
#[tokio::test]
async fn a_supervisor_whose_child_does_not_start_does_not_start() {
    for start in [Start::Fail, Start::Panic] {
        let (node, log) = (node("a@h"), Log::default());
        let spec = Supervisor::one_for_one().child(worker("x", &log)).child(worker("y", &log));
        let spec = spec.child(plan(start, &log).child()).child(worker("z", &log));
        assert!(matches!(spec.start(&node).await, Err(SpawnError::InitFailed(_))));
        assert_eq!(written(&log), ["+x", "+y", "-y", "-x"]);
        assert_eq!(node.actors_count(), 0);
    }
}

/// supervisor_SUITE: sup_start_child_returns_error, do_sup_start_fail
#[tokio::test]
async fn a_child_that_fails_to_start_when_asked_for_is_as_it_was() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::one_for_one().start(&node).await.unwrap();
    let failed = supervisor.start_child(plan(Start::Fail, &log).child()).await;
    let why = SpawnError::InitFailed(ExitReason::error("told to fail"));
    assert_eq!(failed, Err(StartChildError::Failed(why)));
    assert_eq!(states(&supervisor).await, []);
    let twice = Plan::new("a", &log).starts([Start::Up, Start::Fail]).child();
    supervisor.start_child(twice).await.unwrap();
    supervisor.terminate_child(id("a")).await.unwrap().unwrap();
    assert!(supervisor.restart_child(id("a")).await.unwrap().is_err());
    assert_eq!(states(&supervisor).await, [(id("a"), ChildState::Stopped)]);
}

#[tokio::test]
async fn specs_that_cannot_be_are_refused_before_anything_starts() {
    let (node, log) = (node("a@h"), Log::default());
    let one = || Supervisor::one_for_one().child(worker("a", &log));
    let cases: [(SupervisorSpec, SpecError); 3] = [
        (one().child(worker("a", &log)), SpecError::DuplicateId(id("a"))),
        (one().intensity(1, Duration::ZERO), SpecError::ZeroPeriod),
        (one().max_children(0), SpecError::MaxChildren(0)),
    ];
    for (spec, why) in cases {
        assert_eq!(spec.check(), Err(why.clone()));
        assert_eq!(spec.start(&node).await, Err(SpawnError::BadArguments(why.to_string())));
    }
    assert_eq!(written(&log), Vec::<String>::new());
}

/// supervisor_SUITE: child_adm
#[tokio::test]
async fn children_are_administered_by_id() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::one_for_all().start(&node).await.unwrap();
    supervisor.start_child(worker("a", &log)).await.unwrap();
    let twice = supervisor.start_child(worker("a", &log)).await;
    assert_eq!(twice, Err(ChildError::AlreadyPresent(id("a")).into()));
    let running = Err(ChildError::Running(id("a")));
    assert_eq!(supervisor.delete_child(id("a")).await.unwrap(), running);
    supervisor.terminate_child(id("a")).await.unwrap().unwrap();
    supervisor.terminate_child(id("a")).await.unwrap().unwrap();
    supervisor.restart_child(id("a")).await.unwrap().unwrap();
    let running = Err(ChildError::Running(id("a")).into());
    assert_eq!(supervisor.restart_child(id("a")).await.unwrap(), running);
    supervisor.terminate_child(id("a")).await.unwrap().unwrap();
    supervisor.delete_child(id("a")).await.unwrap().unwrap();
    for unknown in [
        supervisor.terminate_child(id("a")).await.unwrap(),
        supervisor.delete_child(id("a")).await.unwrap(),
    ] {
        assert_eq!(unknown, Err(ChildError::NotFound(id("a"))));
    }
}

/// supervisor_SUITE: count_children
#[tokio::test]
async fn children_are_counted() {
    let (node, log) = (node("a@h"), Log::default());
    let below = Supervisor::one_for_one().into_child("below");
    let spec = Supervisor::one_for_one().child(worker("a", &log)).child(worker("b", &log));
    let supervisor = spec.child(below).start(&node).await.unwrap();
    supervisor.terminate_child(id("b")).await.unwrap().unwrap();
    let counts = ChildCounts { specs: 3, active: 2, supervisors: 1, workers: 2 };
    assert_eq!(supervisor.count_children().await, Ok(counts));
}

/// supervisor_SUITE: child_unlink
#[tokio::test]
async fn a_child_that_left_its_link_can_still_be_terminated() {
    let (node, log) = (node("a@h"), Log::default());
    let spec = Supervisor::one_for_one().child(Plan::new("a", &log).unlinks().child());
    let supervisor = spec.start(&node).await.unwrap();
    let a = up(&node, &supervisor, "a", None).await;
    eventually("it has left", async || {
        node.actor_info(a.any()).is_some_and(|info| info.links.is_empty())
    })
    .await;
    supervisor.terminate_child(id("a")).await.unwrap().unwrap();
    assert!(!node.is_alive(a.any()));
    supervisor.restart_child(id("a")).await.unwrap().unwrap();
    up(&node, &supervisor, "a", Some(&a)).await.crash().unwrap();
}

/// How long a supervisor took to stop its one child, which holds on in `terminate`.
async fn stop(node: &Node, shutdown: Shutdown, gate: &Arc<Notify>, log: &Log) -> Duration {
    let held = Plan::new("a", log).holds(gate).child().shutdown(shutdown);
    let supervisor = Supervisor::one_for_one().child(held).start(node).await.unwrap();
    let (ended, began) = (node.monitor(&supervisor), tokio::time::Instant::now());
    node.stop(&supervisor, ExitReason::Shutdown);
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    began.elapsed()
}

/// supervisor_SUITE: sup_stop_infinity
#[tokio::test(start_paused = true)]
async fn a_child_with_infinity_is_waited_for() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::new(Notify::new()));
    let (opens, hour) = (Arc::clone(&gate), Duration::from_secs(3600));
    let opener = async move {
        let _ = tokio::time::timeout(hour, std::future::pending::<()>()).await;
        opens.notify_one();
    };
    let opener = tokio::spawn(opener);
    assert!(stop(&node, Shutdown::Infinity, &gate, &log).await >= hour);
    assert_eq!(written(&log), ["+a", "-a"]);
    opener.await.unwrap();
}

/// supervisor_SUITE: sup_stop_timeout, sup_stop_brutal_kill
#[tokio::test(start_paused = true)]
async fn a_child_that_takes_too_long_to_stop_is_killed() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::default());
    let time = Duration::from_secs(3);
    let took = stop(&node, Shutdown::After(time), &gate, &log).await;
    assert!((time..2 * time).contains(&took), "{took:?}");
    let took = stop(&node, Shutdown::Brutal, &gate, &log).await;
    assert!(took < time, "{took:?}");
    assert_eq!(written(&log), ["+a", "+a"], "neither came to its end");
}

#[tokio::test]
async fn children_are_added_only_to_a_supervisor_of_this_node_that_lives() {
    let (a, b, log) = (node("a@h"), node("b@h"), Log::default());
    let _bridge = Bridge::between(&a, &b);
    let supervisor = Supervisor::one_for_one().start(&b).await.unwrap();
    let from_there: Pid<Supervisor> = a.pid(supervisor.any());
    assert_eq!(from_there.which_children().await, Ok(Vec::new()), "it can be asked from there");
    let gone = Err(StartChildError::NoSupervisor);
    assert_eq!(from_there.start_child(worker("a", &log)).await, gone);
    let hangs = plan(Start::Hang(Arc::default()), &log).child();
    let waits = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.start_child(hangs).await }
    });
    eventually("it hangs", async || states(&supervisor).await.len() == 1).await;
    b.kill(&supervisor);
    assert_eq!(waits.await.unwrap(), gone, "it ended before it answered");
    assert_eq!(supervisor.start_child(worker("a", &log)).await, gone);
    assert_eq!(written(&log), Vec::<String>::new());
}

/// Unlike OTP, where an exit by hand cannot be told from an end.
#[tokio::test]
async fn exits_sent_by_hand_do_not_count_as_ends_of_children() {
    let (node, log) = (node("a@h"), Log::default());
    let spec = Supervisor::one_for_one().child(worker("a", &log));
    let supervisor: Pid<Supervisor> = spec.start(&node).await.unwrap();
    let a = up(&node, &supervisor, "a", None).await;
    a.exit_by_hand(supervisor.any().clone()).await.unwrap();
    node.exit(&supervisor, ExitReason::error("by hand"));
    // The question comes after the exits, so the answer knows of them.
    let now = child(&supervisor, "a").await.unwrap();
    assert_eq!(
        (now.pid.as_ref(), now.state, now.restarts),
        (Some(a.any()), ChildState::Running, 0)
    );
    a.crash().unwrap();
    up(&node, &supervisor, "a", Some(&a)).await;
}
