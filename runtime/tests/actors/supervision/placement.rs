//! Children on other nodes.

use starlings_runtime::{
    Candidate, Incarnation, Node, NodeId, NodeInstance, NodeParts, Pid, Placement, SpawnError,
    Spawnable, StartChildError, Supervisor, SupervisorMethods as _, spec_on,
};

use super::worker::pids;
use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, Watcher, eventually, node};

/// A node that knows one type.
pub(super) fn node_with<A: Spawnable>(name: &str) -> Node {
    let incarnation = Incarnation(1);
    let mut parts = NodeParts::new(NodeInstance { node: name.parse().unwrap(), incarnation });
    parts.add_spawnable::<A>().unwrap();
    parts.start()
}

pub(super) async fn places(supervisor: &Pid<Supervisor>) -> Vec<String> {
    let mut places: Vec<_> =
        pids(supervisor).await.iter().map(|pid| pid.node().to_string()).collect();
    places.sort();
    places
}

async fn start(supervisor: &Pid<Supervisor>, placement: &Placement) {
    supervisor.start_child(spec_on::<Counter>(placement.clone(), 1)).await.unwrap();
}

#[tokio::test]
async fn spread_children_go_where_there_are_fewest_and_move_when_a_node_goes() {
    let (a, b, c) = (node("a@h"), node("b@h"), node_with::<Watcher>("c@h"));
    let bridge = Bridge::between(&a, &b);
    let _other = Bridge::between(&a, &c);
    let supervisor = Supervisor::dynamic().intensity(10, std::time::Duration::from_secs(60));
    let supervisor = supervisor.start(&a).await.unwrap();
    for _ in 0..4 {
        start(&supervisor, &Placement::Spread).await;
    }
    assert_eq!(places(&supervisor).await, ["a@h", "a@h", "b@h", "b@h"], "c does not know the type");
    bridge.cut();
    eventually("they have moved", async || places(&supervisor).await == ["a@h"; 4]).await;
    for pid in pids(&supervisor).await {
        assert_eq!(a.pid::<Counter>(&pid).get().await, Ok(1));
    }
}

#[tokio::test]
async fn a_function_chooses_among_the_candidates() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let supervisor = Supervisor::dynamic().start(&a).await.unwrap();
    let not_here = |candidates: &[Candidate]| -> Option<NodeId> {
        assert_eq!(candidates.len(), 2);
        candidates.iter().find(|one| !one.is_own && one.children < 2).map(|one| one.node.clone())
    };
    let placement = Placement::choose(not_here);
    start(&supervisor, &placement).await;
    start(&supervisor, &placement).await;
    assert_eq!(places(&supervisor).await, ["b@h", "b@h"]);
    let third = supervisor.start_child(spec_on::<Counter>(placement, 1)).await;
    let no_place = SpawnError::NoPlace { name: "test.counter".to_owned() };
    assert_eq!(third, Err(StartChildError::Failed(no_place.clone())));
    let panics = Placement::choose(|_| panic!("boom"));
    let failed = supervisor.start_child(spec_on::<Counter>(panics, 1)).await;
    assert_eq!(failed, Err(StartChildError::Failed(no_place)));
    assert_eq!(supervisor.count_children().await.unwrap().specs, 2);
}

#[tokio::test]
async fn a_type_that_is_unknown_there_is_a_typed_error() {
    let (a, b) = (node("a@h"), node_with::<Watcher>("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let supervisor = Supervisor::one_for_one().start(&a).await.unwrap();
    let there = Placement::FirstOf(vec![b.name().clone()]);
    let failed = supervisor.start_child(spec_on::<Counter>(there, 1)).await;
    let expected = SpawnError::NotSpawnable {
        node: b.name().clone(),
        name: "test.counter".to_owned(),
        known: vec!["test.watcher".to_owned()],
    };
    assert_eq!(failed, Err(StartChildError::Failed(expected)));
}

#[tokio::test]
async fn a_child_that_cannot_be_placed_again_is_under_the_restart_rules() {
    let (a, b) = (node_with::<Watcher>("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let child = spec_on::<Counter>(Placement::Spread, 1);
    let supervisor = Supervisor::one_for_one().child(child).start(&a).await.unwrap();
    assert_eq!(places(&supervisor).await, ["b@h"]);
    let ended = a.monitor(&supervisor);
    bridge.cut();
    assert_eq!(ended.await.reason, starlings_runtime::ExitReason::Shutdown);
}
