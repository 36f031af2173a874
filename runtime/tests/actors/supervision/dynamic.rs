//! Supervisors of many children without ids.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{
    AnyPid, ChildCounts, ChildError, ExitReason, Node, Pid, Shutdown, SpawnError, SpecError,
    StartChildError, Supervisor, SupervisorMethods as _, spec,
};
use tokio::sync::Notify;

use super::worker::{Log, Plan, Start, Worker, WorkerMethods as _, pids, worker, written};
use crate::fixture::{Counter, eventually, node};

async fn start(supervisor: &Pid<Supervisor>, log: &Log) -> AnyPid {
    supervisor.start_child(worker("a", log)).await.unwrap()
}

fn crash(node: &Node, pid: &AnyPid) {
    node.pid::<Worker>(pid).crash().unwrap();
}

/// supervisor_SUITE: simple_one_for_one
#[tokio::test]
async fn dynamic_children_are_added_without_ids_and_restarted_one_by_one() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::dynamic().start(&node).await.unwrap();
    let (one, two) = (start(&supervisor, &log).await, start(&supervisor, &log).await);
    crash(&node, &one);
    eventually("it is restarted", async || {
        let pids = pids(&supervisor).await;
        pids.len() == 2 && !pids.contains(&one)
    })
    .await;
    assert!(pids(&supervisor).await.contains(&two));
}

/// supervisor_SUITE: simple_one_for_one_escalation
#[tokio::test]
async fn a_dynamic_supervisor_gives_up_and_takes_all_along() {
    let (node, log) = (node("a@h"), Log::default());
    let spec = Supervisor::dynamic().intensity(0, Duration::from_secs(60));
    let supervisor = spec.start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    let one = start(&supervisor, &log).await;
    start(&supervisor, &log).await;
    crash(&node, &one);
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(node.actors_count(), 0);
}

/// supervisor_SUITE: child_adm_simple, count_children
#[tokio::test]
async fn dynamic_children_are_terminated_by_pid_and_then_forgotten() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::dynamic().start(&node).await.unwrap();
    let (one, two) = (start(&supervisor, &log).await, start(&supervisor, &log).await);
    assert_eq!(supervisor.terminate_pid(one.clone()).await.unwrap(), Ok(()));
    assert_eq!(pids(&supervisor).await, [two]);
    let again = supervisor.terminate_pid(one.clone()).await.unwrap();
    assert_eq!(again, Err(ChildError::NotFound(one.to_string())));
    let counts = ChildCounts { specs: 1, active: 1, supervisors: 0, workers: 1 };
    assert_eq!(supervisor.count_children().await, Ok(counts));
    for refused in [
        supervisor.delete_child("a".to_owned()).await.unwrap(),
        supervisor.restart_child("a".to_owned()).await.unwrap().map(drop).map_err(refusal),
    ] {
        assert_eq!(refused, Err(ChildError::Dynamic));
    }
}

fn refusal(error: StartChildError) -> ChildError {
    let StartChildError::Refused(refused) = error else { panic!("{error}") };
    refused
}

/// supervisor_SUITE: sup_start_ignore_temporary_child_start_child_simple, and for a failed start
#[tokio::test]
async fn dynamic_children_that_do_not_start_are_not_there() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::dynamic().start(&node).await.unwrap();
    let ignoring = Plan::new("a", &log).starts([Start::Ignore]).child();
    assert_eq!(supervisor.start_child(ignoring).await, Err(StartChildError::Ignored));
    let failing = Plan::new("a", &log).starts([Start::Fail]).child();
    let failed = supervisor.start_child(failing).await;
    assert!(matches!(failed, Err(StartChildError::Failed(SpawnError::InitFailed(_)))));
    assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
}

#[tokio::test]
async fn a_child_beyond_the_bound_is_refused_until_another_ends() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::dynamic().max_children(2).start(&node).await.unwrap();
    let one = start(&supervisor, &log).await;
    start(&supervisor, &log).await;
    let refused = supervisor.start_child(worker("a", &log)).await;
    assert_eq!(refused, Err(ChildError::MaxChildren(2).into()));
    supervisor.terminate_pid(one).await.unwrap().unwrap();
    start(&supervisor, &log).await;
}

#[tokio::test]
async fn a_dynamic_supervisor_begins_without_children() {
    let node = node("a@h");
    let spec = Supervisor::dynamic().child(spec::<Counter>(1).id("one"));
    assert_eq!(spec.check(), Err(SpecError::ChildOfDynamic));
    assert!(matches!(spec.start(&node).await, Err(SpawnError::BadArguments(_))));
    assert_eq!(node.actors_count(), 0);
}

/// OTP: "the children of a simple_one_for_one supervisor are stopped concurrently".
#[tokio::test]
async fn dynamic_children_are_stopped_all_at_once() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::new(Notify::new()));
    let supervisor = Supervisor::dynamic().start(&node).await.unwrap();
    let holding = Plan::new("held", &log).holds(&gate).child().shutdown(Shutdown::Infinity);
    for _ in 0..10 {
        start(&supervisor, &log).await;
    }
    supervisor.start_child(holding).await.unwrap();
    let ended = node.monitor(&supervisor);
    node.stop(&supervisor, ExitReason::Shutdown);
    eventually("the others have ended", async || node.actors_count() == 2).await;
    gate.notify_one();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(written(&log).last().unwrap(), "-held");
}

/// More than are stopped for one input; told to end, and by giving up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_children_end_with_their_supervisor() {
    for gives_up in [false, true] {
        let (node, log) = (node("a@h"), Log::default());
        let (gate, shut) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let spec = Supervisor::dynamic().intensity(0, Duration::from_secs(60));
        let supervisor = spec.start(&node).await.unwrap();
        let held = Plan::new("held", &log).holds(&gate).child().shutdown(Shutdown::Infinity);
        let late = Plan::new("late", &log).holds(&shut).child();
        let late = late.shutdown(Shutdown::After(Duration::from_millis(20)));
        let first = start(&supervisor, &log).await;
        supervisor.start_child(held).await.unwrap();
        supervisor.start_child(late).await.unwrap();
        for _ in 0..2500 {
            start(&supervisor, &log).await;
        }
        let ended = node.monitor(&supervisor);
        if gives_up {
            crash(&node, &first);
        } else {
            node.stop(&supervisor, ExitReason::Shutdown);
        }
        eventually("all but one have ended", async || node.actors_count() == 2).await;
        gate.notify_one();
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
        assert_eq!(written(&log).last().unwrap(), "-held");
        assert_eq!(node.actors_count(), 0);
    }
}

/// supervisor_SUITE: simple_one_for_one_scale_many_temporary_children
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_temporary_children_come_and_go() {
    let node = node("a@h");
    let supervisor = Supervisor::dynamic().start(&node).await.unwrap();
    let child = spec::<Counter>(1).temporary();
    let mut pids = Vec::new();
    for _ in 0..5000 {
        pids.push(supervisor.start_child(child.clone()).await.unwrap());
    }
    assert_eq!(supervisor.count_children().await.unwrap().active, 5000);
    let (ended, kept) = pids.split_at(2500);
    ended.iter().for_each(|pid| node.kill(pid));
    eventually("they are forgotten", async || {
        supervisor.count_children().await.unwrap().specs == kept.len() as u64
    })
    .await;
    let down = node.monitor(&supervisor);
    node.stop(&supervisor, ExitReason::Shutdown);
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    assert_eq!(node.actors_count(), 0);
}
