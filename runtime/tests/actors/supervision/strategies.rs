//! Who is restarted with whom, and what happens when that does not work.

use std::time::Duration;

use starlings_runtime::{
    ChildState, ExitReason, Intensity, Node, Pid, Restart, Supervisor, SupervisorMethods as _,
    SupervisorSpec,
};

use super::worker::{
    Log, Plan, Start, WorkerMethods as _, child, eventually_written, states, up, worker, written,
};
use crate::fixture::{eventually, node};

const MINUTE: Duration = Duration::from_secs(60);

async fn three(node: &Node, log: &Log, spec: SupervisorSpec) -> Pid<Supervisor> {
    let spec = spec.child(worker("a", log)).child(worker("b", log)).child(worker("c", log));
    let supervisor = spec.intensity(2, MINUTE).start(node).await.unwrap();
    assert_eq!(written(log), ["+a", "+b", "+c"]);
    log.lock().clear();
    supervisor
}

/// supervisor_SUITE: one_for_one
#[tokio::test]
async fn one_for_one_restarts_the_one_that_ended() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = three(&node, &log, Supervisor::one_for_one()).await;
    let b = up(&node, &supervisor, "b", None).await;
    b.crash().unwrap();
    up(&node, &supervisor, "b", Some(&b)).await;
    assert_eq!(written(&log), ["-b", "+b"]);
}

/// supervisor_SUITE: one_for_all
#[tokio::test]
async fn one_for_all_stops_the_others_in_reverse_order_and_starts_all_in_order() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = three(&node, &log, Supervisor::one_for_all()).await;
    up(&node, &supervisor, "b", None).await.crash().unwrap();
    eventually_written(&log, "+c", 1).await;
    assert_eq!(written(&log), ["-b", "-c", "-a", "+a", "+b", "+c"]);
    assert_eq!(child(&supervisor, "b").await.unwrap().restarts, 1);
}

/// supervisor_SUITE: rest_for_one
#[tokio::test]
async fn rest_for_one_leaves_those_before_alone() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = three(&node, &log, Supervisor::rest_for_one()).await;
    let a = up(&node, &supervisor, "a", None).await;
    up(&node, &supervisor, "b", None).await.crash().unwrap();
    eventually_written(&log, "+c", 1).await;
    assert_eq!(written(&log), ["-b", "-c", "+b", "+c"]);
    assert!(node.is_alive(a.any()));
}

/// supervisor_SUITE: one_for_one_escalation, one_for_all_escalation, rest_for_one_escalation
#[tokio::test]
async fn too_many_restarts_end_the_children_in_reverse_order_and_then_the_supervisor() {
    let strategies =
        [Supervisor::one_for_one(), Supervisor::one_for_all(), Supervisor::rest_for_one()];
    for strategy in strategies {
        let (node, log) = (node("a@h"), Log::default());
        let supervisor = three(&node, &log, strategy.intensity(2, MINUTE)).await;
        let ended = node.monitor(&supervisor);
        let mut before = None;
        for _ in 0..3 {
            log.lock().clear();
            let b = up(&node, &supervisor, "b", before.as_ref()).await;
            b.crash().unwrap();
            eventually("it ends", async || !node.is_alive(b.any())).await;
            before = Some(b);
        }
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
        assert!(written(&log).ends_with(&["-b", "-c", "-a"].map(str::to_owned)));
        assert_eq!(node.actors_count(), 0);
    }
}

/// supervisor_SUITE: one_for_all_other_child_fails_restart
#[tokio::test]
async fn one_for_all_restarts_all_again_when_another_child_fails_to_start() {
    let (node, log) = (node("a@h"), Log::default());
    let b = Plan::new("b", &log).starts([Start::Up, Start::Fail]).child();
    let spec = Supervisor::one_for_all().intensity(2, MINUTE);
    let spec = spec.child(worker("a", &log)).child(b).child(worker("c", &log));
    let supervisor = spec.start(&node).await.unwrap();
    log.lock().clear();
    up(&node, &supervisor, "a", None).await.crash().unwrap();
    eventually_written(&log, "+c", 1).await;
    let expected = ["-a", "-c", "-b", "+a", "-a", "+a", "+b", "+c"];
    assert_eq!(written(&log), expected);
    assert_eq!(child(&supervisor, "b").await.unwrap().restarts, 1, "it counts");
}

/// supervisor_SUITE: rest_for_one_other_child_fails_restart
#[tokio::test]
async fn rest_for_one_goes_on_from_the_child_that_failed_to_start() {
    let (node, log) = (node("a@h"), Log::default());
    let c = Plan::new("c", &log).starts([Start::Up, Start::Panic]).child();
    let spec = Supervisor::rest_for_one().intensity(2, MINUTE);
    let spec = spec.child(worker("a", &log)).child(worker("b", &log)).child(c);
    let supervisor = spec.start(&node).await.unwrap();
    log.lock().clear();
    up(&node, &supervisor, "b", None).await.crash().unwrap();
    eventually_written(&log, "+c", 1).await;
    assert_eq!(written(&log), ["-b", "-c", "+b", "+c"], "b was not stopped again");
}

/// supervisor_SUITE: temporary_bystander
#[tokio::test]
async fn temporary_children_are_stopped_with_their_group_and_do_not_come_back() {
    for strategy in [Supervisor::one_for_all(), Supervisor::rest_for_one()] {
        let (node, log) = (node("a@h"), Log::default());
        let bystander = worker("t", &log).restart(Restart::Temporary);
        let spec = strategy.child(worker("a", &log)).child(bystander).child(worker("z", &log));
        let supervisor = spec.start(&node).await.unwrap();
        up(&node, &supervisor, "a", None).await.crash().unwrap();
        eventually_written(&log, "+z", 2).await;
        let running = |id: &str| (id.to_owned(), ChildState::Running);
        eventually("all is up", async || states(&supervisor).await == [running("a"), running("z")])
            .await;
        assert_eq!(written(&log)[3..], ["-a", "-z", "-t", "+a", "+z"]);
    }
}

/// supervisor_SUITE: tree
#[tokio::test]
async fn a_supervisor_that_gives_up_is_restarted_by_the_one_above_until_that_gives_up() {
    let (node, log) = (node("a@h"), Log::default());
    let below = Supervisor::one_for_one().intensity(0, MINUTE).child(worker("a", &log));
    let above = Supervisor::one_for_all().intensity(1, MINUTE);
    let above = above.child(below.name("below").into_child("below")).child(worker("b", &log));
    let root = above.start(&node).await.unwrap();
    let ended = node.monitor(&root);
    let below: Pid<Supervisor> = node.pid(&node.whereis("below").unwrap());
    let a = up(&node, &below, "a", None).await;
    a.crash().unwrap();
    eventually_written(&log, "+b", 2).await;
    assert_eq!(written(&log)[2..], ["-a", "-b", "+a", "+b"]);
    eventually("it is back", async || node.whereis("below").is_some()).await;
    let below: Pid<Supervisor> = node.pid(&node.whereis("below").unwrap());
    up(&node, &below, "a", Some(&a)).await.crash().unwrap();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(node.actors_count(), 0);
}

#[tokio::test]
async fn a_child_that_dies_in_a_tight_loop_is_started_as_often_as_the_intensity_says() {
    let (node, log) = (node("a@h"), Log::default());
    let fails = std::iter::once(Start::Up).chain(std::iter::repeat_n(Start::Fail, 1000));
    let plan = Plan::new("a", &log).starts(fails);
    let spec = Supervisor::one_for_one().intensity(10, MINUTE).child(plan.child());
    let supervisor = spec.start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    up(&node, &supervisor, "a", None).await.crash().unwrap();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(node.counters().read().spawned, 12, "the supervisor, the child, and ten tries");
}

/// Each start succeeds, and its end comes at any moment before or after the supervisor hears of that.
#[tokio::test]
async fn a_child_that_starts_well_and_dies_at_once_is_started_as_often_as_the_intensity_says() {
    let strategies = [
        Supervisor::one_for_one(),
        Supervisor::one_for_all(),
        Supervisor::rest_for_one(),
        Supervisor::dynamic(),
    ];
    for strategy in strategies {
        let (node, log) = (node("a@h"), Log::default());
        let supervisor = strategy.intensity(10, MINUTE).start(&node).await.unwrap();
        let ended = node.monitor(&supervisor);
        let plan = Plan::new("a", &log).starts(std::iter::repeat_n(Start::Crash, 1000));
        supervisor.start_child(plan.child()).await.unwrap();
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
        assert_eq!(written(&log), ["+a", "-a"].repeat(11), "once, and ten restarts");
        assert_eq!(node.actors_count(), 0);
    }
}

#[tokio::test]
async fn an_intensity_of_zero_allows_no_restart() {
    let (node, log) = (node("a@h"), Log::default());
    let Intensity { period, .. } = Intensity::default();
    let spec = Supervisor::one_for_one().intensity(0, period).child(worker("a", &log));
    let supervisor = spec.start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    up(&node, &supervisor, "a", None).await.crash().unwrap();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(written(&log), ["+a", "-a"]);
    assert!(supervisor.which_children().await.is_err());
}
