//! What a supervisor logs: each event names its node, since several may live in one process.

use std::time::Duration;

use starlings_runtime::{
    ExitReason, Placement, Shutdown, Supervisor, SupervisorMethods as _, spec_on,
};

use super::worker::{self, Plan, Start, WorkerMethods as _, up};
use crate::bridge::Bridge;
use crate::fixture::{Counter, eventually, node};
use crate::logs::{Log, assert_one, said};

#[tokio::test]
async fn restarts_and_starts_that_fail_are_logged_with_node_child_and_error() {
    let (node, log, listener) = (node("a@h"), worker::Log::default(), Log::default());
    let _listening = listener.listen();
    let starts = [Start::Up, Start::Up, Start::Fail, Start::Fail];
    let child = Plan::new("job", &log).starts(starts).child();
    let spec = Supervisor::one_for_one().intensity(2, Duration::from_secs(60)).child(child);
    let supervisor = spec.start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    let first = up(&node, &supervisor, "job", None).await;
    first.end(ExitReason::error("bad")).unwrap();
    let second = up(&node, &supervisor, "job", Some(&first)).await;
    let of = |pid: &str| format!("node=a@h supervisor={supervisor} child=\"job\"{pid}");
    assert_one(&listener, "INFO", "child ended", &of(&format!(" pid={first} reason=Error: bad")));
    assert_one(&listener, "INFO", "child restarted", &of(&format!(" pid={second}")));
    assert!(second.to_string().starts_with("<0."), "{second}");
    second.crash().unwrap();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    let error = of(" error=init failed: Error: told to fail");
    assert_one(&listener, "WARN", "child did not start again", &error);
    let supervisor = format!("node=a@h supervisor={supervisor}");
    assert_one(&listener, "WARN", "more restarts than allowed", &supervisor);
    let end = format!("{supervisor} reason=Shutdown cause=Intensity");
    assert_one(&listener, "INFO", "supervisor ends", &end);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_killed_since_it_did_not_stop_is_logged_with_its_node() {
    let (node, log, listener) = (node("a@h"), worker::Log::default(), Log::default());
    let held = Plan::new("held", &log).holds(&std::sync::Arc::default()).child();
    let held = held.shutdown(Shutdown::After(Duration::from_secs(1)));
    let supervisor = Supervisor::one_for_one().child(held).start(&node).await.unwrap();
    let pid = up(&node, &supervisor, "held", None).await;
    let _listening = listener.listen();
    supervisor
        .terminate_child("held".to_owned())
        .timeout(Duration::from_secs(9))
        .await
        .unwrap()
        .unwrap();
    let fields = format!("node=a@h supervisor={supervisor} child=\"held\" pid={pid}");
    assert_one(&listener, "WARN", "killed: it did not stop in time", &fields);
}

#[tokio::test]
async fn that_a_node_starts_no_more_children_is_logged() {
    let (a, b, listener) = (node("a@h"), node("b@h"), Log::default());
    let _bridge = Bridge::between(&a, &b);
    let placement = Placement::FirstOf(vec![b.name().clone(), a.name().clone()]);
    let child = spec_on::<Counter>(placement, 1).id("one");
    let supervisor = Supervisor::one_for_one().child(child).start(&a).await.unwrap();
    let _listening = listener.listen();
    b.shutdown().await;
    eventually("it is logged", async || !said(&listener, "child restarted").is_empty()).await;
    let fields = format!("node=a@h supervisor={supervisor} child=\"one\" peer=b@h");
    assert_one(&listener, "INFO", "the node is shutting down: the child goes elsewhere", &fields);
}

/// What is dropped here panics, and says so.
#[tokio::test]
async fn a_drop_that_panics_is_logged() {
    let (node, listener) = (node("a@h"), Log::default());
    let supervisor = Supervisor::one_for_one().start(&node).await.unwrap();
    supervisor.start_child(super::drops::armed("armed").temporary()).await.unwrap();
    let _listening = listener.listen();
    supervisor.terminate_child("armed".to_owned()).await.unwrap().unwrap();
    let fields = format!("node=a@h supervisor={supervisor} child=\"armed\"");
    assert_one(
        &listener,
        "WARN",
        "what was kept for a child panicked when it was dropped",
        &fields,
    );
}
