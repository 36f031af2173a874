//! Children on a node that goes: in order, or all at once.

use std::time::Duration;

use starlings_runtime::{
    Candidate, ChildState, Node, NodeId, Pid, Placement, Restart, StartChildError, Supervisor,
    SupervisorMethods as _, SupervisorSpec, spec_on,
};

use super::placement::places;
use super::worker::{child, pids, states};
use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, eventually, node, node_at};

const MINUTE: Duration = Duration::from_secs(60);

const IDS: [&str; 4] = ["one", "two", "three", "four"];

fn first_of(nodes: &[&Node]) -> Placement {
    Placement::FirstOf(nodes.iter().map(|node| node.name().clone()).collect())
}

fn four(strategy: SupervisorSpec, placement: &Placement, restart: Restart) -> SupervisorSpec {
    let child = |id: &str| spec_on::<Counter>(placement.clone(), 1).id(id).restart(restart);
    IDS.iter().fold(strategy, |spec, id| spec.child(child(id)))
}

async fn eventually_at(supervisor: &Pid<Supervisor>, expected: &[&str]) {
    eventually("they have moved", async || places(supervisor).await == expected).await;
}

async fn assert_all_answer(node: &Node, supervisor: &Pid<Supervisor>) {
    for pid in pids(supervisor).await {
        assert_eq!(node.pid::<Counter>(&pid).get().await, Ok(1));
    }
}

async fn restarts(supervisor: &Pid<Supervisor>) -> Vec<u64> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().map(|child| child.restarts).collect()
}

#[tokio::test]
async fn children_of_a_node_that_shuts_down_move_while_it_is_still_connected() {
    let strategies =
        [Supervisor::one_for_one(), Supervisor::one_for_all(), Supervisor::rest_for_one()];
    for strategy in strategies {
        for restart in [Restart::Permanent, Restart::Transient] {
            let (a, b) = (node("a@h"), node("b@h"));
            let _bridge = Bridge::between(&a, &b);
            let spec = four(strategy.clone(), &first_of(&[&b, &a]), restart);
            let supervisor = spec.intensity(1, MINUTE).start(&a).await.unwrap();
            assert_eq!(places(&supervisor).await, ["b@h"; 4]);
            b.shutdown().await;
            assert_eq!(a.connected_instance(b.name()).as_ref(), Some(b.instance()));
            eventually_at(&supervisor, &["a@h"; 4]).await;
            assert_all_answer(&a, &supervisor).await;
        }
    }
}

#[tokio::test]
async fn spread_children_of_a_node_that_shuts_down_go_to_the_others() {
    let (a, b, c) = (node("a@h"), node("b@h"), node("c@h"));
    let _bridges = [Bridge::between(&a, &b), Bridge::between(&a, &c), Bridge::between(&b, &c)];
    let supervisor = Supervisor::dynamic().intensity(1, MINUTE).start(&a).await.unwrap();
    for restart in [Restart::Permanent, Restart::Transient, Restart::Permanent].repeat(2) {
        let child = spec_on::<Counter>(Placement::Spread, 1).restart(restart);
        supervisor.start_child(child).await.unwrap();
    }
    assert_eq!(places(&supervisor).await, ["a@h", "a@h", "b@h", "b@h", "c@h", "c@h"]);
    b.shutdown().await;
    eventually_at(&supervisor, &["a@h", "a@h", "a@h", "c@h", "c@h", "c@h"]).await;
    assert_all_answer(&a, &supervisor).await;
    assert_eq!(restarts(&supervisor).await.iter().sum::<u64>(), 2);
}

#[tokio::test]
async fn a_node_that_shuts_down_is_no_candidate_until_it_is_another_instance() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let supervisor = Supervisor::dynamic().start(&a).await.unwrap();
    b.shutdown().await;
    let start = async |placement: Placement| {
        let pid = supervisor.start_child(spec_on::<Counter>(placement, 1)).await.unwrap();
        pid.instance().clone()
    };
    assert_eq!(start(first_of(&[&b, &a])).await, *a.instance(), "and nobody sees it fail");
    let elsewhere = |candidates: &[Candidate]| -> Option<NodeId> {
        let others: Vec<_> = candidates.iter().filter(|one| !one.is_own).collect();
        assert!(others.is_empty(), "{others:?}");
        candidates.first().map(|one| one.node.clone())
    };
    assert_eq!(start(Placement::choose(elsewhere)).await, *a.instance());
    assert_eq!(start(Placement::Spread).await, *a.instance());
    bridge.cut();
    let again = node_at("b@h", 2);
    let _bridge = Bridge::between(&a, &again);
    assert_eq!(start(first_of(&[&again, &a])).await, *again.instance());
    assert_eq!(start(Placement::Spread).await, *again.instance());
}

#[tokio::test]
async fn a_child_that_may_live_only_where_nothing_starts_is_under_the_restart_rules() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let only_there = spec_on::<Counter>(first_of(&[&b]), 1);
    let spec = Supervisor::one_for_one().child(only_there.clone());
    let supervisor = spec.start(&a).await.unwrap();
    let ended = a.monitor(&supervisor);
    b.shutdown().await;
    assert_eq!(ended.await.reason, starlings_runtime::ExitReason::Shutdown);
    let other = Supervisor::one_for_one().start(&a).await.unwrap();
    let failed = other.start_child(only_there).await;
    let why = starlings_runtime::SpawnError::ShuttingDown;
    assert_eq!(failed, Err(StartChildError::Failed(why)));
}

#[tokio::test]
async fn a_temporary_child_goes_with_its_node() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let spec = four(Supervisor::one_for_one(), &first_of(&[&b, &a]), Restart::Temporary);
    let supervisor = spec.start(&a).await.unwrap();
    b.shutdown().await;
    eventually("all are forgotten", async || states(&supervisor).await.is_empty()).await;
}

#[tokio::test]
async fn a_transient_child_elsewhere_that_is_terminated_or_has_done_its_work_stays_stopped() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let spec = four(Supervisor::one_for_one(), &first_of(&[&b, &a]), Restart::Transient);
    let supervisor = spec.start(&a).await.unwrap();
    supervisor.terminate_child("one".to_owned()).await.unwrap().unwrap();
    let two = child(&supervisor, "two").await.unwrap().pid.unwrap();
    a.pid::<Counter>(&two).finish().unwrap();
    let stopped = async |id| child(&supervisor, id).await.unwrap().state == ChildState::Stopped;
    eventually("it has ended", async || stopped("two").await).await;
    assert!(stopped("one").await);
    assert_eq!(places(&supervisor).await, ["b@h", "b@h"]);
}

#[tokio::test]
async fn the_loss_of_a_node_counts_as_one_restart_however_many_children_it_had() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let dynamic = Supervisor::dynamic().intensity(1, MINUTE).start(&a).await.unwrap();
    let spec = four(Supervisor::one_for_one(), &first_of(&[&b, &a]), Restart::Permanent);
    let fixed = spec.intensity(1, MINUTE).start(&a).await.unwrap();
    for _ in IDS {
        dynamic.start_child(spec_on::<Counter>(first_of(&[&b, &a]), 1)).await.unwrap();
    }
    assert_eq!((places(&dynamic).await, places(&fixed).await).0, ["b@h"; 4]);
    bridge.cut();
    for supervisor in [&dynamic, &fixed] {
        eventually_at(supervisor, &["a@h"; 4]).await;
        assert_all_answer(&a, supervisor).await;
        assert_eq!(restarts(supervisor).await, [1; 4], "each of them was restarted");
    }
    let ended = a.monitor(&fixed);
    a.kill(&child(&fixed, "one").await.unwrap().pid.unwrap());
    assert_eq!(ended.await.reason, starlings_runtime::ExitReason::Shutdown, "it did count");
}

#[tokio::test]
async fn a_child_that_has_ended_gives_its_place_back() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let spread = |id: &str| spec_on::<Counter>(Placement::Spread, 1).id(id).transient();
    let spec = Supervisor::one_for_one().child(spread("here")).child(spread("there"));
    let supervisor = spec.start(&a).await.unwrap();
    assert_eq!(places(&supervisor).await, ["a@h", "b@h"]);
    let there = child(&supervisor, "there").await.unwrap().pid.unwrap();
    a.pid::<Counter>(&there).finish().unwrap();
    eventually("it has ended", async || pids(&supervisor).await.len() == 1).await;
    let next = supervisor.start_child(spread("next")).await.unwrap();
    assert_eq!(next.node(), b.name(), "there are fewest");
    supervisor.terminate_child("next".to_owned()).await.unwrap().unwrap();
    let again = supervisor.start_child(spread("again")).await.unwrap();
    assert_eq!(again.node(), b.name(), "a place is given back once, and by who had it");
    let last = supervisor.start_child(spread("last")).await.unwrap();
    assert_eq!(last.node(), a.name(), "the supervisor's own of two that are equal");
}
