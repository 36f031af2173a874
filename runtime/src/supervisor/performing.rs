//! The driver of `proto::supervision`: hands it inputs and performs what comes out.

use super::adopted::Adopted;
use super::child::ChildSpec;
use super::reports::Kind;
use super::stopping::stop;
use super::{Asker, Supervisor, tell};
use crate::actor::context::Cx;
use crate::node::Node;
use crate::proto::supervision::{ChildKey, EndCause, Input, Output, Request, RequestId};

/// The moment that the decisions wait for has come.
#[derive(Debug)]
pub(super) struct Elapsed;

impl Supervisor {
    pub(super) fn adopt(&mut self, spec: ChildSpec) -> ChildKey {
        let key = self.state.next_key();
        self.specs.insert(key, Adopted::new(spec));
        key
    }

    /// What a child is called in logs.
    pub(super) fn id_of(&self, key: ChildKey) -> Option<&str> {
        self.specs.get(&key).map(|adopted| adopted.spec.id.as_str())
    }

    pub(super) fn ask(&mut self, what: Request, asker: Asker, cx: &Cx<Self>) {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.asking.insert(request, asker);
        self.decide(Input::Asked(request, what), cx);
    }

    /// Hands over one input, and performs what comes of it.
    pub(super) fn decide(&mut self, input: Input, cx: &Cx<Self>) {
        let about = self.state.child_of(&input);
        let mut outbox = Vec::new();
        self.state.handle(self.started.elapsed(), input, &mut outbox);
        // First, so that whoever is started next may have its place.
        if let Some(key) = about.filter(|key| !self.takes_a_place(*key)) {
            self.give_place_back(key);
        }
        for output in outbox {
            self.perform(output, cx);
        }
        self.set_alarm(cx);
    }

    /// Hands over what the tasks have reported.
    pub(super) fn take_reports(&mut self, cx: &Cx<Self>) {
        for input in self.reports.take() {
            let born =
                if let Input::Started { pid, .. } = &input { Some(pid.clone()) } else { None };
            if self.take_start_report(&input, cx) {
                self.decide(input, cx);
            }
            if let Some(child) = born {
                cx.release_exit(&child);
            }
        }
    }

    /// Waits for reports until all children that it begins with are up; or until it has ended.
    pub(super) async fn begin(&mut self, cx: &Cx<Self>) {
        while !self.state.has_begun() && !self.state.has_ended() {
            self.reports.wait().await;
            self.take_reports(cx);
        }
    }

    /// Waits for reports until all children have ended.
    pub(super) async fn end(&mut self, cx: &Cx<Self>) {
        while !self.state.has_ended() {
            self.reports.wait().await;
            self.take_reports(cx);
        }
    }

    fn perform(&mut self, output: Output, cx: &Cx<Self>) {
        match output {
            Output::Start { key } => self.start_child_task(key, cx),
            Output::Cancel { key, shutdown } => {
                if let Some(cancel) = self.cancels.remove(&key) {
                    let _ = cancel.send(shutdown);
                }
            }
            Output::Stop { key, pid, shutdown } => {
                let reporter = self.reports.of(key, Kind::Stop(pid.clone()));
                let (node, supervisor) = (cx.node().clone(), cx.pid());
                let child = self.id_of(key).map(ToOwned::to_owned);
                cx.node().run(async move {
                    let late = || {
                        let node = node.name();
                        tracing::warn!(
                            %node, %supervisor, child, %pid,
                            "killed: it did not stop in time"
                        );
                    };
                    stop(&node, &pid, shutdown, late).await;
                    reporter.stopped();
                });
            }
            Output::Forget { key } => {
                self.give_place_back(key);
                if let Some(adopted) = self.specs.remove(&key) {
                    adopted.let_go(cx.pid().any());
                }
            }
            Output::Answer { request, answer } => {
                if let Some(asker) = self.asking.remove(&request) {
                    asker.answer(answer);
                }
            }
            Output::End { reason, cause } => {
                let (node, supervisor) = (cx.node().name(), cx.pid());
                if cause == EndCause::Intensity {
                    tracing::warn!(%node, %supervisor, "more restarts than allowed");
                }
                tracing::info!(%node, %supervisor, %reason, ?cause, "supervisor ends");
                self.ended = Some(reason.clone());
                cx.stop(reason);
            }
        }
    }

    fn takes_a_place(&self, key: ChildKey) -> bool {
        self.state.children().get(key).is_some_and(|child| child.life.takes_a_place())
    }

    /// Has the deadline of the decisions said to this actor.
    fn set_alarm(&self, cx: &Cx<Self>) {
        let (at, me) = (self.state.deadline().map(|at| self.started + at), cx.pid());
        self.alarm.set(cx.node(), at, move || {
            let _ = tell(me.any(), Elapsed);
        });
    }
}

/// A seed for jitter, from what the system gives to hash tables.
pub(super) fn seed(node: &Node) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(node.instance())
}
