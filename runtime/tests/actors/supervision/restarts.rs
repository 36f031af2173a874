//! When a child is restarted, and that a restart that hangs or fails holds up nobody.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{
    Backoff, ChildError, ChildInfo, ChildState, ExitReason, Pid, Restart, StartChildError,
    Supervisor, SupervisorMethods as _, SupervisorSpec,
};
use tokio::sync::Notify;

use super::worker::{
    Log, Plan, Start, Worker, WorkerMethods as _, child, eventually_written, states, up, worker,
    written,
};
use crate::fixture::{eventually, node};

const MINUTE: Duration = Duration::from_secs(60);

fn strategies() -> [(&'static str, SupervisorSpec); 4] {
    [
        ("one for one", Supervisor::one_for_one()),
        ("one for all", Supervisor::one_for_all()),
        ("rest for one", Supervisor::rest_for_one()),
        ("dynamic", Supervisor::dynamic()),
    ]
}

/// The only child; dynamic ones have no ids.
async fn only(supervisor: &Pid<Supervisor>) -> Option<ChildInfo> {
    supervisor.which_children().await.unwrap().pop()
}

/// How a child that ended by itself with `reason` is seen afterwards; `None` if it is forgotten.
async fn after(
    restart: Restart,
    reason: ExitReason,
    strategy: SupervisorSpec,
) -> Option<(ChildState, u64)> {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = strategy.start(&node).await.unwrap();
    let child = worker("a", &log).restart(restart);
    let a = node.pid::<Worker>(&supervisor.start_child(child).await.unwrap());
    a.end(reason).unwrap();
    eventually("it ends", async || !node.is_alive(a.any())).await;
    eventually("that is dealt with", async || match only(&supervisor).await {
        None => true,
        Some(now) if now.pid.is_none() => now.state == ChildState::Stopped,
        Some(now) => now.pid.as_ref() != Some(a.any()),
    })
    .await;
    only(&supervisor).await.map(|child| (child.state, child.restarts))
}

fn reasons() -> [(ExitReason, bool); 5] {
    [
        (ExitReason::Normal, false),
        (ExitReason::Shutdown, false),
        (ExitReason::Killed, true),
        (ExitReason::error("bad"), true),
        (ExitReason::custom("own", "reason"), true),
    ]
}

/// supervisor_SUITE: permanent_normal, permanent_shutdown, permanent_abnormal
#[tokio::test]
async fn a_permanent_child_is_always_restarted() {
    for (reason, _) in reasons() {
        for (name, strategy) in strategies() {
            let after = after(Restart::Permanent, reason.clone(), strategy).await;
            assert_eq!(after, Some((ChildState::Running, 1)), "{name} {reason}");
        }
    }
}

/// supervisor_SUITE: transient_normal, transient_shutdown, transient_abnormal
#[tokio::test]
async fn a_transient_child_is_restarted_after_an_abnormal_end_and_else_kept_stopped() {
    for (reason, abnormal) in reasons() {
        for (name, strategy) in strategies() {
            let expected = match (abnormal, name) {
                (true, _) => Some((ChildState::Running, 1)),
                (false, "dynamic") => None,
                (false, _) => Some((ChildState::Stopped, 0)),
            };
            let after = after(Restart::Transient, reason.clone(), strategy).await;
            assert_eq!(after, expected, "{name} {reason}");
        }
    }
}

/// supervisor_SUITE: temporary_normal, temporary_shutdown, temporary_abnormal
#[tokio::test]
async fn a_temporary_child_is_forgotten_whatever_its_reason() {
    for (reason, _) in reasons() {
        for (name, strategy) in strategies() {
            let after = after(Restart::Temporary, reason.clone(), strategy).await;
            assert_eq!(after, None, "{name} {reason}");
        }
    }
}

/// supervisor_SUITE: hanging_restart_loop
#[tokio::test]
async fn a_restart_that_hangs_holds_up_neither_requests_nor_siblings() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::new(Notify::new()));
    let plan = Plan::new("a", &log).starts([Start::Up, Start::Hang(Arc::clone(&gate))]);
    let spec = Supervisor::one_for_one().child(plan.child()).child(worker("b", &log));
    let supervisor = spec.start(&node).await.unwrap();
    up(&node, &supervisor, "a", None).await.crash().unwrap();
    let hanging = ("a".to_owned(), ChildState::Starting);
    eventually("it hangs", async || states(&supervisor).await.contains(&hanging)).await;
    let b = up(&node, &supervisor, "b", None).await;
    b.crash().unwrap();
    up(&node, &supervisor, "b", Some(&b)).await;
    supervisor.start_child(worker("c", &log)).await.unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().active, 2);
    gate.notify_one();
    up(&node, &supervisor, "a", None).await;
}

/// supervisor_SUITE: hanging_restart_loop
#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_in_its_restart_can_be_terminated() {
    let (node, log) = (node("a@h"), Log::default());
    let plan = Plan::new("a", &log).starts([Start::Up, Start::Hang(Arc::default())]);
    let child = plan.child().start_timeout(10 * MINUTE);
    let supervisor = Supervisor::one_for_one().child(child).start(&node).await.unwrap();
    up(&node, &supervisor, "a", None).await.crash().unwrap();
    let hanging = [("a".to_owned(), ChildState::Starting)];
    eventually("it hangs", async || states(&supervisor).await == hanging).await;
    let terminated = supervisor.terminate_child("a".to_owned()).timeout(MINUTE).await.unwrap();
    assert_eq!(terminated, Ok(()));
    assert_eq!(states(&supervisor).await, [("a".to_owned(), ChildState::Stopped)]);
}

/// supervisor_SUITE: hanging_restart_loop_rest_for_one
#[tokio::test(start_paused = true)]
async fn a_group_that_hangs_in_its_restart_lets_the_supervisor_answer_and_end() {
    let (node, log) = (node("a@h"), Log::default());
    let plan = Plan::new("b", &log).starts([Start::Up, Start::Hang(Arc::default())]);
    let spec = Supervisor::rest_for_one().child(worker("a", &log));
    let hangs = plan.child().start_timeout(10 * MINUTE);
    let spec = spec.child(hangs).child(worker("c", &log));
    let supervisor = spec.start(&node).await.unwrap();
    up(&node, &supervisor, "b", None).await.crash().unwrap();
    let state = |id: &str, state| (id.to_owned(), state);
    let hanging = [
        state("a", ChildState::Running),
        state("b", ChildState::Starting),
        state("c", ChildState::Stopped),
    ];
    eventually("it hangs", async || states(&supervisor).await == hanging).await;
    assert_eq!(supervisor.count_children().await.unwrap().active, 1);
    let ended = node.monitor(&supervisor);
    let began = tokio::time::Instant::now();
    node.stop(&supervisor, ExitReason::Shutdown);
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert!(began.elapsed() < 2 * Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(written(&log).last().unwrap(), "-a");
}

/// supervisor_SUITE: hanging_restart_loop_simple
#[tokio::test]
async fn a_dynamic_child_that_cannot_be_restarted_is_tried_until_the_intensity_is_spent() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = Supervisor::dynamic().intensity(5, MINUTE).start(&node).await.unwrap();
    let ended = node.monitor(&supervisor);
    let fails = std::iter::once(Start::Up).chain(std::iter::repeat_n(Start::Fail, 100));
    let plan = Plan::new("a", &log).starts(fails);
    let pid = supervisor.start_child(plan.child()).await.unwrap();
    node.pid::<Worker>(&pid).crash().unwrap();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(node.counters().read().spawned, 7);
}

/// Delays of 1, 2 and 4 s, without jitter; and requests between them.
#[tokio::test(start_paused = true)]
async fn a_backoff_delays_restarts_longer_and_longer() {
    let (node, log) = (node("a@h"), Log::default());
    let second = Duration::from_secs(1);
    let backoff = Backoff::new(second, MINUTE).jitter(0.0);
    let fails = [Start::Up, Start::Fail, Start::Fail];
    let plan = Plan::new("a", &log).starts(fails).child().backoff(backoff);
    let supervisor = Supervisor::one_for_one().child(plan).start(&node).await.unwrap();
    let a = up(&node, &supervisor, "a", None).await;
    let began = tokio::time::Instant::now();
    a.crash().unwrap();
    let waiting = [("a".to_owned(), ChildState::Restarting)];
    eventually("it waits", async || states(&supervisor).await == waiting).await;
    let refused = supervisor.restart_child("a".to_owned()).await.unwrap();
    let restarting = StartChildError::Refused(ChildError::Restarting("a".to_owned()));
    assert_eq!(refused, Err(restarting));
    // Time passes only while nobody polls.
    tokio::time::timeout(7 * second - Duration::from_millis(10), std::future::pending::<()>())
        .await
        .unwrap_err();
    assert_eq!(written(&log), ["+a", "-a"]);
    tokio::time::timeout(second, std::future::pending::<()>()).await.unwrap_err();
    eventually_written(&log, "+a", 2).await;
    assert!(began.elapsed() >= 7 * second);
    assert_eq!(child(&supervisor, "a").await.unwrap().restarts, 3);
}
