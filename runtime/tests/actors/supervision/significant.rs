//! Supervisors that end with their significant children.

use starlings_runtime::{
    AutoShutdown, ChildError, ChildSpec, ExitReason, Node, Pid, Restart, SpawnError, SpecError,
    Supervisor, SupervisorMethods as _,
};

use super::worker::{Log, WorkerMethods as _, child, states, up, worker, written};
use crate::fixture::{eventually, node};

fn significant(name: &str, log: &Log, restart: Restart) -> ChildSpec {
    worker(name, log).restart(restart).significant()
}

async fn end(node: &Node, supervisor: &Pid<Supervisor>, id: &str, reason: ExitReason) {
    let pid = up(node, supervisor, id, None).await;
    pid.end(reason).unwrap();
    eventually("it ends", async || !node.is_alive(pid.any())).await;
}

async fn start(node: &Node, log: &Log, when: AutoShutdown, restart: Restart) -> Pid<Supervisor> {
    let spec = Supervisor::one_for_one().auto_shutdown(when).child(worker("bystander", log));
    let spec = spec.child(significant("a", log, restart)).child(significant("b", log, restart));
    spec.start(node).await.unwrap()
}

/// supervisor_SUITE: auto_shutdown any_significant; significant_temporary, significant_transient
#[tokio::test]
async fn any_significant_child_that_ends_for_good_ends_the_supervisor() {
    let cases = [
        (Restart::Temporary, ExitReason::Normal),
        (Restart::Temporary, ExitReason::error("bad")),
        (Restart::Transient, ExitReason::Normal),
        (Restart::Transient, ExitReason::Shutdown),
    ];
    for (restart, reason) in cases {
        let (node, log) = (node("a@h"), Log::default());
        let supervisor = start(&node, &log, AutoShutdown::AnySignificant, restart).await;
        let ended = node.monitor(&supervisor);
        end(&node, &supervisor, "a", reason).await;
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
        assert_eq!(written(&log)[3..], ["-a", "-b", "-bystander"]);
    }
}

/// supervisor_SUITE: significant_transient, with an abnormal end
#[tokio::test]
async fn a_significant_child_that_is_restarted_has_not_ended() {
    let (node, log) = (node("a@h"), Log::default());
    let supervisor = start(&node, &log, AutoShutdown::AnySignificant, Restart::Transient).await;
    let a = up(&node, &supervisor, "a", None).await;
    a.crash().unwrap();
    up(&node, &supervisor, "a", Some(&a)).await;
}

/// supervisor_SUITE: auto_shutdown all_significant
#[tokio::test]
async fn the_last_significant_child_ends_the_supervisor() {
    for restart in [Restart::Temporary, Restart::Transient] {
        let (node, log) = (node("a@h"), Log::default());
        let supervisor = start(&node, &log, AutoShutdown::AllSignificant, restart).await;
        let ended = node.monitor(&supervisor);
        end(&node, &supervisor, "a", ExitReason::Normal).await;
        eventually("that is dealt with", async || {
            child(&supervisor, "a").await.is_none_or(|child| child.pid.is_none())
        })
        .await;
        up(&node, &supervisor, "b", None).await;
        end(&node, &supervisor, "b", ExitReason::Normal).await;
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
    }
}

/// supervisor_SUITE: significant_bystander, and children that are not significant
#[tokio::test]
async fn children_that_are_not_significant_or_are_terminated_by_hand_end_nothing() {
    let (node, log) = (node("a@h"), Log::default());
    let spec = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
    let spec = spec.child(worker("plain", &log).temporary());
    let spec = spec.child(significant("a", &log, Restart::Transient));
    let supervisor = spec.start(&node).await.unwrap();
    end(&node, &supervisor, "plain", ExitReason::Normal).await;
    eventually("it is forgotten", async || states(&supervisor).await.len() == 1).await;
    supervisor.terminate_child("a".to_owned()).await.unwrap().unwrap();
    supervisor.restart_child("a".to_owned()).await.unwrap().unwrap();
    assert!(node.is_alive(supervisor.any()));
}

/// supervisor_SUITE: nested_auto_shutdown; external_start_no_progress_log aside
#[tokio::test]
async fn a_supervisor_can_be_a_significant_child() {
    let (node, log) = (node("a@h"), Log::default());
    let below = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant).name("below");
    let below = below.child(significant("a", &log, Restart::Transient)).into_child("below");
    let above = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AllSignificant);
    let above = above.child(below.transient().significant()).child(worker("b", &log));
    let root = above.start(&node).await.unwrap();
    let ended = node.monitor(&root);
    let below: Pid<Supervisor> = node.pid(&node.whereis("below").unwrap());
    end(&node, &below, "a", ExitReason::Normal).await;
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(written(&log), ["+a", "+b", "-a", "-b"]);
}

/// supervisor_SUITE: significant_bystander start errors: {bad_combination, ..}
#[tokio::test]
async fn significant_children_that_cannot_be_are_refused() {
    let (node, log) = (node("a@h"), Log::default());
    let never = SpecError::SignificantUnderNever("a".to_owned());
    let permanent = SpecError::SignificantPermanent("a".to_owned());
    let cases = [
        (AutoShutdown::Never, Restart::Transient, never),
        (AutoShutdown::AnySignificant, Restart::Permanent, permanent.clone()),
        (AutoShutdown::AllSignificant, Restart::Permanent, permanent),
    ];
    for (when, restart, why) in cases {
        let spec = Supervisor::one_for_one().auto_shutdown(when);
        let bad = spec.clone().child(significant("a", &log, restart));
        assert_eq!(bad.check(), Err(why.clone()));
        assert_eq!(bad.start(&node).await, Err(SpawnError::BadArguments(why.to_string())));
        let supervisor = spec.start(&node).await.unwrap();
        let refused = supervisor.start_child(significant("a", &log, restart)).await;
        assert_eq!(refused, Err(ChildError::BadSpec(why).into()));
        assert_eq!(states(&supervisor).await, []);
    }
    assert_eq!(written(&log), Vec::<String>::new());
}
