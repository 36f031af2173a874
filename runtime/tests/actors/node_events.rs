//! Those who hear of nodes do not hear of each other.

use std::sync::Arc;

use starlings_runtime::{Cx, ExitReason, Node, NodeEvent, actor};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::bridge::Bridge;
use crate::fixture::{eventually, node};

/// More events than are kept for one that lags.
const ROUNDS: usize = 600;

/// Notes how nodes come (true) and go; may be held up.
#[derive(Debug)]
struct Subscriber {
    seen: Vec<bool>,
    gate: Arc<Notify>,
}

#[actor(name = "test.subscriber", spawnable = false, crate = starlings_runtime)]
impl Subscriber {
    fn init(gate: Arc<Notify>, cx: &mut Cx<Self>) -> Self {
        cx.monitor_nodes();
        Self { seen: Vec::new(), gate }
    }

    #[cast]
    async fn wait(&mut self) {
        self.gate.notified().await;
    }

    #[call]
    fn seen(&self) -> Vec<bool> {
        self.seen.clone()
    }

    #[info]
    fn node_event(&mut self, event: NodeEvent) {
        self.seen.push(matches!(event, NodeEvent::Up { .. }));
    }
}

fn meet_and_part(a: &Node, b: &Node, times: usize) {
    for _ in 0..times {
        Bridge::between(a, b).cut();
    }
}

/// Ups and downs in turns.
fn turns(times: usize) -> Vec<bool> {
    [true, false].repeat(times)
}

/// Goal: a subscriber that is held up and one that has ended change nothing for another
/// one, which sees every event at once; the one that was held up sees all of them later.
#[tokio::test]
async fn actors_that_monitor_nodes_are_independent_of_each_other() {
    let (a, b) = (node("a@h"), node("b@h"));
    let gate = Arc::<Notify>::default();
    let spawn = async || a.spawn::<Subscriber>(Arc::clone(&gate)).await.unwrap();
    // The first in order is not the one that is looked at.
    let (ends, slow, quick) = (spawn().await, spawn().await, spawn().await);
    slow.wait().unwrap();
    eventually("it is held up", async || {
        a.actor_info(slow.any()).is_some_and(|info| info.handled == 1)
    })
    .await;
    meet_and_part(&a, &b, 1);
    assert_eq!(quick.seen().await, Ok(turns(1)));
    assert_eq!(ends.seen().await, Ok(turns(1)));
    a.stop(&ends, ExitReason::Normal);
    assert_eq!(a.monitor(&ends).await.pid, *ends.any());
    meet_and_part(&a, &b, ROUNDS);
    assert_eq!(quick.seen().await, Ok(turns(1 + ROUNDS)));
    gate.notify_one();
    assert_eq!(slow.seen().await, Ok(turns(1 + ROUNDS)), "late, and without a gap");
}

/// Goal: of receivers outside of actors too; one that lags is told how many it has missed.
#[tokio::test]
async fn receivers_of_node_events_are_independent_of_each_other() {
    let (a, b) = (node("a@h"), node("b@h"));
    let (mut lags, gone, mut reads) = (a.node_events(), a.node_events(), a.node_events());
    drop(gone);
    for _ in 0..ROUNDS {
        meet_and_part(&a, &b, 1);
        assert!(matches!(reads.try_recv(), Ok(NodeEvent::Up { .. })));
        assert!(matches!(reads.try_recv(), Ok(NodeEvent::Down { .. })));
        assert_eq!(reads.try_recv(), Err(TryRecvError::Empty));
    }
    let Err(RecvError::Lagged(missed)) = lags.recv().await else { panic!("it did not lag") };
    let mut kept = 0;
    while lags.try_recv().is_ok() {
        kept += 1;
    }
    assert_eq!(missed + kept, 2 * ROUNDS as u64);
    meet_and_part(&a, &b, 1);
    for receiver in [&mut lags, &mut reads] {
        assert!(matches!(receiver.try_recv(), Ok(NodeEvent::Up { .. })));
        assert!(matches!(receiver.try_recv(), Ok(NodeEvent::Down { .. })));
    }
}
