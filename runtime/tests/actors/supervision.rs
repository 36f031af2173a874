//! Supervisors: first what they promise at a glance, then by part what OTP's supervisor_SUITE asks.

mod api;
mod departures;
mod drops;
mod dynamic;
mod handover;
mod logs;
mod placement;
mod restarts;
mod shutdown;
mod significant;
mod strategies;
mod worker;

use std::time::Duration;

use starlings_runtime::{
    ChildError, ChildInfo, ExitReason, Node, Pid, Placement, Restart, Supervisor,
    SupervisorMethods as _, SupervisorSpec, spec, spec_on,
};

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, eventually, node};

async fn child(supervisor: &Pid<Supervisor>, id: &str) -> Option<ChildInfo> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().find(|child| child.id == id)
}

async fn running(node: &Node, supervisor: &Pid<Supervisor>, id: &str) -> Pid<Counter> {
    let pid = async || child(supervisor, id).await.and_then(|child| child.pid);
    eventually("the child runs", async || pid().await.is_some_and(|pid| node.is_alive(&pid))).await;
    node.pid(&pid().await.unwrap())
}

fn two_counters() -> SupervisorSpec {
    SupervisorSpec::one_for_one()
        .child(spec::<Counter>(1).id("one"))
        .child(spec::<Counter>(2).id("two").restart(Restart::Transient))
}

#[tokio::test]
async fn only_the_child_that_ended_is_restarted() {
    let node = node("a@h");
    let supervisor = two_counters().start(&node).await.unwrap();
    let (one, two) =
        (running(&node, &supervisor, "one").await, running(&node, &supervisor, "two").await);
    one.crash("boom".to_owned()).unwrap();
    eventually("it ends", async || !node.is_alive(one.any())).await;
    let again = running(&node, &supervisor, "one").await;
    assert_ne!(again, one);
    assert_eq!(running(&node, &supervisor, "two").await, two);
    assert_eq!(child(&supervisor, "one").await.unwrap().restarts, 1);
}

#[tokio::test]
async fn a_transient_child_is_restarted_only_after_an_abnormal_end() {
    let node = node("a@h");
    let supervisor = two_counters().start(&node).await.unwrap();
    running(&node, &supervisor, "two").await.fail("bad".to_owned()).unwrap();
    eventually("restarted", async || child(&supervisor, "two").await.unwrap().restarts == 1).await;
    running(&node, &supervisor, "two").await.finish().unwrap();
    eventually("stopped", async || child(&supervisor, "two").await.unwrap().pid.is_none()).await;
    assert_eq!(child(&supervisor, "two").await.unwrap().restarts, 1);
}

#[tokio::test]
async fn a_temporary_child_is_forgotten() {
    let node = node("a@h");
    let spec = SupervisorSpec::one_for_one().child(spec::<Counter>(1).id("one").temporary());
    let supervisor = spec.start(&node).await.unwrap();
    running(&node, &supervisor, "one").await.crash("boom".to_owned()).unwrap();
    eventually("it is gone", async || child(&supervisor, "one").await.is_none()).await;
}

#[tokio::test]
async fn more_restarts_than_the_intensity_end_the_supervisor_and_its_children() {
    let node = node("a@h");
    let spec = two_counters().intensity(2, Duration::from_secs(60));
    let supervisor = spec.start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    for _ in 0..3 {
        let one = running(&node, &supervisor, "one").await;
        one.crash("boom".to_owned()).unwrap();
        eventually("it ends", async || !node.is_alive(one.any())).await;
    }
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(node.actors_count(), 0);
}

#[tokio::test]
async fn children_start_in_order_and_a_failure_stops_those_before_it() {
    let node = node("a@h");
    let spec = two_counters().child(spec::<Counter>(-1).id("bad"));
    assert!(spec.start(&node).await.is_err());
    eventually("nothing is left", async || node.actors_count() == 0).await;
}

#[tokio::test]
async fn children_can_be_added_stopped_restarted_and_deleted() {
    let node = node("a@h");
    let supervisor = two_counters().start(&node).await.unwrap();
    supervisor.start_child(spec::<Counter>(3).id("three")).await.unwrap();
    let twice = supervisor.start_child(spec::<Counter>(3).id("three")).await;
    assert_eq!(twice, Err(ChildError::AlreadyPresent("three".to_owned()).into()));
    let running = supervisor.delete_child("three".to_owned()).await.unwrap();
    assert_eq!(running, Err(ChildError::Running("three".to_owned())));
    supervisor.terminate_child("three".to_owned()).await.unwrap().unwrap();
    assert_eq!(child(&supervisor, "three").await.unwrap().pid, None);
    supervisor.restart_child("three".to_owned()).await.unwrap().unwrap();
    supervisor.terminate_child("three".to_owned()).await.unwrap().unwrap();
    supervisor.delete_child("three".to_owned()).await.unwrap().unwrap();
    let unknown = supervisor.terminate_child("three".to_owned()).await.unwrap();
    assert_eq!(unknown, Err(ChildError::NotFound("three".to_owned())));
}

#[tokio::test]
async fn a_child_on_another_node_is_restarted_on_the_next_when_that_goes() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let placement = Placement::FirstOf(vec![b.name().clone(), a.name().clone()]);
    let spec = SupervisorSpec::one_for_one().child(spec_on::<Counter>(placement, 9).id("one"));
    let supervisor = spec.start(&a).await.unwrap();
    let there = running(&a, &supervisor, "one").await;
    assert_eq!(there.any().node(), b.name());
    bridge.cut();
    eventually("it moved", async || {
        child(&supervisor, "one").await.unwrap().pid.is_some_and(|pid| pid.node() == a.name())
    })
    .await;
    assert_eq!(running(&a, &supervisor, "one").await.get().await, Ok(9));
}

#[tokio::test]
async fn a_killed_supervisor_takes_the_supervisors_below_it_along() {
    let node = node("a@h");
    let below = SupervisorSpec::one_for_one().child(spec::<Counter>(1).id("one"));
    let above = SupervisorSpec::one_for_one().child(below.into_child("below"));
    let supervisor = above.start(&node).await.unwrap();
    assert_eq!(node.actors_count(), 3);
    node.kill(&supervisor);
    eventually("all are gone", async || node.actors_count() == 0).await;
}

#[tokio::test]
async fn a_kill_is_never_lost_however_early_it_comes() {
    let node = node("a@h");
    for _ in 0..200 {
        let spec = SupervisorSpec::one_for_one().child(spec::<Counter>(1).id("one"));
        let supervisor = spec.start(&node).await.unwrap();
        let one = child(&supervisor, "one").await.unwrap().pid.unwrap();
        node.kill(&one);
        node.kill(&supervisor);
    }
    eventually("all are gone", async || node.actors_count() == 0).await;
}
