//! Supervision trees and the shutdown of their node.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{Shutdown, Supervisor};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::worker::{Log, Plan, worker, written};
use crate::fixture::node;

const MINUTE: Duration = Duration::from_secs(60);

/// Lets go of what holds on, after a time.
fn open_after(gate: &Arc<Notify>, time: Duration) {
    let gate = Arc::clone(gate);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
        gate.notify_one();
    });
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_supervisors_as_long_as_their_children_may_take() {
    for shutdown in [Shutdown::After(2 * MINUTE), Shutdown::Infinity] {
        let (node, log, gate) = (node("a@h"), Log::default(), Arc::default());
        let held = Plan::new("held", &log).holds(&gate).child().shutdown(shutdown);
        let below = Supervisor::one_for_one().child(worker("first", &log)).child(held);
        let above = Supervisor::one_for_one().child(below.into_child("below"));
        above.start(&node).await.unwrap();
        open_after(&gate, MINUTE);
        let began = Instant::now();
        node.shutdown().await;
        assert!(began.elapsed() >= MINUTE);
        assert_eq!(written(&log), ["+first", "+held", "-held", "-first"]);
        assert_eq!(node.actors_count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_without_a_supervisor_has_five_seconds_and_keeps_no_tree_waiting() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::default());
    let held = Plan::new("held", &log).holds(&Arc::default());
    node.spawn::<super::worker::Worker>(held).await.unwrap();
    let slow = Plan::new("slow", &log).holds(&gate).child().shutdown(Shutdown::Infinity);
    Supervisor::one_for_one().child(slow).start(&node).await.unwrap();
    open_after(&gate, Duration::from_secs(8));
    let began = Instant::now();
    node.shutdown().await;
    let took = began.elapsed();
    assert!((Duration::from_secs(8)..Duration::from_secs(9)).contains(&took), "{took:?}");
    assert_eq!(written(&log), ["+held", "+slow", "-slow"], "the other one was killed");
}

#[tokio::test(start_paused = true)]
async fn shutdown_within_kills_what_is_left_after_its_time() {
    let (node, log) = (node("a@h"), Log::default());
    let held = Plan::new("held", &log).holds(&Arc::default()).child();
    let spec = Supervisor::one_for_one().child(held.shutdown(Shutdown::Infinity));
    spec.start(&node).await.unwrap();
    let began = Instant::now();
    node.shutdown_within(MINUTE).await;
    assert!((MINUTE..2 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(node.actors_count(), 0);
    assert_eq!(written(&log), ["+held"]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_within_hastens_a_shutdown_that_waits() {
    let (node, log) = (node("a@h"), Log::default());
    let held = Plan::new("held", &log).holds(&Arc::default()).child();
    let spec = Supervisor::one_for_one().child(held.shutdown(Shutdown::Infinity));
    spec.start(&node).await.unwrap();
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.shutdown().await }
    });
    tokio::task::yield_now().await;
    node.shutdown_within(MINUTE).await;
    waiting.await.unwrap();
    assert_eq!(node.actors_count(), 0);
}
