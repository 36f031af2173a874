//! What a supervisor keeps for its children is of the program's types, whose drops may panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use starlings_runtime::{
    ChildSpec, Cx, ExitReason, Node, Pid, Supervisor, SupervisorMethods as _, actor, spec,
};

use super::worker::{Log, up, worker};
use crate::fixture::{eventually, node};

/// Panics when it is dropped, and counts that; its copies do not.
#[derive(Debug)]
struct Bomb(Option<Arc<AtomicUsize>>);

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(dropped) = &self.0 {
            dropped.fetch_add(1, Ordering::SeqCst);
            panic!("dropped");
        }
    }
}

#[derive(Debug)]
struct Holder;

#[actor(crate = starlings_runtime)]
impl Holder {
    fn init(_args: Bomb) -> Self {
        Self
    }
}

/// Leaves such a value for its next life.
#[derive(Debug)]
struct Leaver;

#[actor(crate = starlings_runtime)]
impl Leaver {
    fn init(dropped: Arc<AtomicUsize>, cx: &mut Cx<Self>) -> Self {
        cx.hand_over(Bomb(Some(dropped)));
        Self
    }
}

/// A child whose arguments panic when they are dropped.
pub(super) fn armed(id: &str) -> ChildSpec {
    spec::<Holder>(Bomb(Some(Arc::default()))).id(id)
}

fn children(dropped: &Arc<AtomicUsize>) -> [ChildSpec; 2] {
    let holder = spec::<Holder>(Bomb(Some(Arc::clone(dropped)))).id("holder");
    [holder, spec::<Leaver>(Arc::clone(dropped)).id("leaver").handover()]
}

async fn start(node: &Node, log: &Log, dropped: &Arc<AtomicUsize>) -> Pid<Supervisor> {
    let spec = Supervisor::one_for_one().child(worker("sibling", log));
    let supervisor = spec.start(node).await.unwrap();
    for child in children(dropped) {
        supervisor.start_child(child).await.unwrap();
    }
    supervisor
}

#[tokio::test]
async fn arguments_and_values_handed_over_whose_drop_panics_do_not_end_their_supervisor() {
    let (node, log, dropped) = (node("a@h"), Log::default(), Arc::default());
    let supervisor = start(&node, &log, &dropped).await;
    let sibling = up(&node, &supervisor, "sibling", None).await;
    for (id, count) in [("holder", 1), ("leaver", 2)] {
        supervisor.terminate_child(id.to_owned()).await.unwrap().unwrap();
        assert_eq!(supervisor.delete_child(id.to_owned()).await.unwrap(), Ok(()));
        assert_eq!(dropped.load(Ordering::SeqCst), count);
    }
    assert_eq!(up(&node, &supervisor, "sibling", None).await, sibling);
}

#[tokio::test]
async fn drops_that_panic_do_not_change_the_reason_for_which_a_supervisor_ends() {
    let (node, log, dropped) = (node("a@h"), Log::default(), Arc::default());
    let supervisor = start(&node, &log, &dropped).await;
    let ended = node.monitor(&supervisor);
    node.stop(&supervisor, ExitReason::Shutdown);
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    eventually("both are dropped", async || dropped.load(Ordering::SeqCst) == 2).await;
    assert_eq!(node.actors_count(), 0);
}
