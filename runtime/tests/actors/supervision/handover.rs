//! State that a child leaves for its next life.

use std::sync::Arc;

use starlings_runtime::{
    ChildSpec, Cx, ExitReason, Node, Pid, Placement, Supervisor, SupervisorMethods as _, actor,
    spec, spec_on,
};

use super::worker::child;
use crate::bridge::Bridge;
use crate::fixture::{eventually, node};

/// Counts on from what its earlier life left.
#[derive(Debug)]
struct Keeper(Arc<u64>);

#[actor(name = "test.keeper", crate = starlings_runtime)]
impl Keeper {
    fn init(cx: &mut Cx<Self>) -> Self {
        assert_eq!(cx.handed_over::<String>(), None, "a value of another type stays");
        Self(cx.handed_over::<Arc<u64>>().unwrap_or_default())
    }

    #[call]
    fn count(&mut self) -> u64 {
        self.0 = Arc::new(*self.0 + 1);
        *self.0
    }

    #[cast]
    fn leave_and_be_killed(&mut self, cx: &mut Cx<Self>) {
        cx.hand_over(Arc::clone(&self.0));
        cx.node().kill(&cx.pid());
    }

    #[cast]
    fn crash(&mut self) {
        panic!("boom");
    }

    fn terminate(&mut self, _reason: &ExitReason, cx: &mut Cx<Self>) {
        cx.hand_over(Arc::clone(&self.0));
    }
}

async fn keeper(node: &Node, supervisor: &Pid<Supervisor>, restarts: u64) -> Pid<Keeper> {
    let found = async || {
        let found = child(supervisor, "keeper").await.filter(|child| child.restarts == restarts);
        found.and_then(|child| child.pid).filter(|pid| node.is_alive(pid))
    };
    eventually("it runs", async || found().await.is_some()).await;
    node.pid(&found().await.unwrap())
}

async fn start(node: &Node, child: ChildSpec) -> Pid<Supervisor> {
    Supervisor::one_for_one().child(child.id("keeper")).start(node).await.unwrap()
}

#[tokio::test]
async fn what_a_child_hands_over_is_taken_by_its_next_life() {
    let node = node("a@h");
    let supervisor = start(&node, spec::<Keeper>(()).handover()).await;
    let first = keeper(&node, &supervisor, 0).await;
    assert_eq!(first.count().await, Ok(1));
    first.crash().unwrap();
    let second = keeper(&node, &supervisor, 1).await;
    assert_eq!(second.count().await, Ok(2), "left in terminate");
    second.leave_and_be_killed().unwrap();
    let third = keeper(&node, &supervisor, 2).await;
    assert_eq!(third.count().await, Ok(3), "left in a handler");
    supervisor.terminate_child("keeper".to_owned()).await.unwrap().unwrap();
    supervisor.restart_child("keeper".to_owned()).await.unwrap().unwrap();
    assert_eq!(keeper(&node, &supervisor, 2).await.count().await, Ok(4));
}

#[tokio::test]
async fn without_handover_nothing_is_kept() {
    let node = node("a@h");
    let supervisor = start(&node, spec::<Keeper>(())).await;
    let first = keeper(&node, &supervisor, 0).await;
    assert_eq!(first.count().await, Ok(1));
    first.crash().unwrap();
    assert_eq!(keeper(&node, &supervisor, 1).await.count().await, Ok(1));
}

/// Leaves a value that tells when it is dropped.
#[derive(Debug)]
struct Leaver;

#[actor(crate = starlings_runtime)]
impl Leaver {
    fn init(value: Arc<()>, cx: &mut Cx<Self>) -> Self {
        cx.hand_over(value);
        Self
    }
}

#[tokio::test]
async fn what_was_handed_over_goes_with_the_child_and_with_the_supervisor() {
    let (node, value) = (node("a@h"), Arc::new(()));
    let supervisor = Supervisor::one_for_one().start(&node).await.unwrap();
    let leaver = |value: &Arc<()>| spec::<Leaver>(Arc::clone(value)).id("leaver").handover();
    let pid = supervisor.start_child(leaver(&value)).await.unwrap();
    let kept = node.pid::<Leaver>(&pid);
    supervisor.terminate_child("leaver".to_owned()).await.unwrap().unwrap();
    assert!(Arc::strong_count(&value) > 1);
    supervisor.delete_child("leaver".to_owned()).await.unwrap().unwrap();
    eventually("it is dropped", async || Arc::strong_count(&value) == 1).await;
    supervisor.start_child(leaver(&value)).await.unwrap();
    node.stop(&supervisor, ExitReason::Shutdown);
    eventually("it is dropped", async || Arc::strong_count(&value) == 1).await;
    drop(kept);
}

#[tokio::test]
async fn a_child_on_another_node_hands_nothing_over() {
    let (a, b) = (node("a@h"), super::placement::node_with::<Keeper>("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let placement = Placement::FirstOf(vec![b.name().clone()]);
    let supervisor = start(&a, spec_on::<Keeper>(placement, ()).handover()).await;
    let first = keeper(&a, &supervisor, 0).await;
    assert_eq!(first.any().node(), b.name());
    assert_eq!(first.count().await, Ok(1));
    first.crash().unwrap();
    eventually("it is restarted", async || {
        child(&supervisor, "keeper")
            .await
            .is_some_and(|now| now.restarts == 1 && now.pid.is_some_and(|pid| pid != *first.any()))
    })
    .await;
    assert_eq!(keeper(&a, &supervisor, 1).await.count().await, Ok(1));
}
