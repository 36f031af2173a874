//! The driver of `proto::supervision`: hands it inputs and performs what comes out.

use std::time::Duration;

use tokio::time::Instant;

use super::adopted::Adopted;
use super::child::ChildSpec;
use super::reports::Report;
use super::{Asker, Supervisor, tell};
use crate::actor::context::Cx;
use crate::node::Node;
use crate::node::timers::moment;
use crate::proto::supervision::{ChildKey, EndCause, Input, Output, Request, RequestId, StopInput};

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

    /// Hands over what was reported.
    pub(super) fn take_reports(&mut self, cx: &Cx<Self>) {
        for report in self.reports.take() {
            match report {
                Report::Ended(pid) => self.decide_stop(StopInput::Ended(pid), cx),
                Report::Start(input) => {
                    let started = if let Input::Started { pid, .. } = &input {
                        Some(pid.clone())
                    } else {
                        None
                    };
                    if self.take_start_report(&input, cx) {
                        self.decide(input, cx);
                    }
                    if let Some(child) = started {
                        cx.release_exit(&child);
                    }
                }
            }
        }
    }

    /// Waits for reports and deadlines until all children that it begins with are up; or until it has
    /// ended.
    pub(super) async fn begin(&mut self, cx: &Cx<Self>) {
        while !self.state.has_begun() && !self.state.has_ended() {
            self.wait(cx).await;
        }
    }

    /// Waits for reports and deadlines until all children have ended.
    pub(super) async fn end(&mut self, cx: &Cx<Self>) {
        while !self.state.has_ended() {
            self.wait(cx).await;
        }
    }

    async fn wait(&mut self, cx: &Cx<Self>) {
        match self.deadline() {
            Some(_) if self.is_due() => tokio::task::yield_now().await,
            Some(at) => drop(tokio::time::timeout_at(at, self.reports.wait()).await),
            None => self.reports.wait().await,
        }
        self.take_reports(cx);
        self.ring(cx);
    }

    /// The alarm has rung: does what is due. If that is very much, another turn for it comes behind what
    /// has come meanwhile.
    pub(super) fn rang(&mut self, cx: &Cx<Self>) {
        self.rings_at = None;
        self.ring(cx);
        self.set_alarm(cx);
        if self.is_due() {
            let _ = tell(self.reports.supervisor(), Elapsed);
        }
    }

    /// Does what is due, or the first part of very much.
    fn ring(&mut self, cx: &Cx<Self>) {
        let now = self.started.elapsed();
        let is_due = |deadline: Option<Duration>| deadline.is_some_and(|at| at <= now);
        if is_due(self.state.deadline()) {
            self.decide(Input::Elapsed, cx);
        }
        if is_due(self.stops.deadline()) {
            self.decide_stop(StopInput::Elapsed, cx);
        }
    }

    fn is_due(&self) -> bool {
        self.deadline().is_some_and(|at| at <= Instant::now())
    }

    fn perform(&mut self, output: Output, cx: &Cx<Self>) {
        match output {
            Output::Start { key } => self.start_child_task(key, cx),
            Output::Cancel { key, shutdown } => {
                if let Some(cancel) = self.cancels.remove(&key) {
                    let _ = cancel.send(shutdown);
                }
            }
            Output::Stop { key, pid, shutdown } => self.stop_child(key, pid, shutdown, cx),
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

    /// When something is due, of the decisions and of the stops.
    fn deadline(&self) -> Option<Instant> {
        let first = self.state.deadline().into_iter().chain(self.stops.deadline()).min();
        first.map(|at| moment(self.started, at))
    }

    /// Has the deadline said to this actor. One that has moved away is found out when it rings: with many
    /// stops under way it moves with each end.
    pub(super) fn set_alarm(&mut self, cx: &Cx<Self>) {
        let (at, me) = (self.deadline(), cx.pid());
        if at.is_some() && self.rings_at.is_some_and(|set| at >= Some(set)) {
            return;
        }
        self.rings_at = at;
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
