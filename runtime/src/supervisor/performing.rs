//! The driver of `proto::supervision`: hands it inputs and performs what comes out.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::oneshot;

use super::child::{Birthplace, ChildSpec};
use super::handover::Slot;
use super::reports::Kind;
use super::stopping::stop;
use super::{Asker, Supervisor, tell};
use crate::actor::context::Cx;
use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::proto::supervision::{ChildKey, EndCause, Input, Output, Request, RequestId, Shutdown};
use crate::reason::ExitReason;

/// A child's spec, and what its supervisor keeps for it.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) spec: ChildSpec,
    slot: Option<Slot>,
    /// Where its latest start was placed.
    place: Option<NodeId>,
}

/// The moment that the decisions wait for has come.
#[derive(Debug)]
pub(super) struct Elapsed;

impl Supervisor {
    pub(super) fn adopt(&mut self, spec: ChildSpec) -> ChildKey {
        let key = self.state.next_key();
        let slot = spec.handover.then(Slot::default);
        self.specs.insert(key, Adopted { spec, slot, place: None });
        key
    }

    pub(super) fn ask(&mut self, what: Request, asker: Asker, cx: &Cx<Self>) {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.asking.insert(request, asker);
        self.decide(Input::Asked(request, what), cx);
    }

    /// Hands over one input, and performs what comes of it.
    pub(super) fn decide(&mut self, input: Input, cx: &Cx<Self>) {
        let mut outbox = Vec::new();
        self.state.handle(self.started.elapsed(), input, &mut outbox);
        for output in outbox {
            self.perform(output, cx);
        }
        self.set_alarm(cx);
    }

    /// Hands over what the tasks have reported.
    pub(super) fn take_reports(&mut self, cx: &Cx<Self>) {
        for input in self.reports.take() {
            if let Input::Started { key, .. }
            | Input::Ignored { key }
            | Input::StartFailed { key, .. } = &input
            {
                self.cancels.remove(key);
            }
            self.decide(input, cx);
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
            Output::Start { key } => self.start_task(key, cx),
            Output::Cancel { key, shutdown } => {
                if let Some(cancel) = self.cancels.remove(&key) {
                    let _ = cancel.send(shutdown);
                }
            }
            Output::Stop { key, pid, shutdown } => {
                let reporter = self.reports.of(key, Kind::Stop(pid.clone()));
                let node = cx.node().clone();
                cx.node().run(async move {
                    stop(&node, &pid, shutdown).await;
                    reporter.stopped();
                });
            }
            Output::Forget { key } => {
                if let Some(place) = self.specs.remove(&key).and_then(|adopted| adopted.place) {
                    self.placed.remove(&place);
                }
            }
            Output::Answer { request, answer } => {
                if let Some(asker) = self.asking.remove(&request) {
                    asker.answer(answer);
                }
            }
            Output::End { reason, cause } => {
                let supervisor = cx.pid();
                if cause == EndCause::Intensity {
                    tracing::warn!(%supervisor, "more restarts than allowed");
                }
                tracing::info!(%supervisor, %reason, ?cause, "supervisor ends");
                self.ended = Some(reason.clone());
                cx.stop(reason);
            }
        }
    }

    fn start_task(&mut self, key: ChildKey, cx: &Cx<Self>) {
        let reporter = self.reports.of(key, Kind::Start);
        let Some(adopted) = self.specs.get_mut(&key) else { return };
        let spec = &adopted.spec;
        if let Some(before) = adopted.place.take() {
            self.placed.remove(&before);
        }
        if let Some(placement) = &spec.placement {
            match placement.find(cx.node(), spec.type_name, &self.placed) {
                Ok(place) => adopted.place = Some(place),
                Err(error) => return reporter.started(Err(error)),
            }
        }
        if let Some(place) = &adopted.place {
            self.placed.add(place.clone());
        }
        let birth = Birthplace {
            node: cx.node().clone(),
            supervisor: cx.pid().into(),
            place: adopted.place.clone(),
            slot: adopted.slot.as_ref().map(Slot::lend),
            timeout: spec.start_timeout,
        };
        let (cancel, cancelled) = oneshot::channel();
        self.cancels.insert(key, cancel);
        let start = std::sync::Arc::clone(&spec.start);
        cx.node().run(async move {
            // The future is dropped before the report: a child that was given up is killed.
            let outcome = start_unless(async move { start(birth).await }, cancelled).await;
            reporter.started(outcome);
        });
    }

    /// Has the deadline of the decisions said to this actor.
    fn set_alarm(&self, cx: &Cx<Self>) {
        let (at, me) = (self.state.deadline().map(|at| self.started + at), cx.pid());
        self.alarm.set(cx.node(), at, move || {
            let _ = tell(me.any(), Elapsed);
        });
    }
}

/// Starts a child, unless that is cancelled and then takes longer than its shutdown time; or its
/// supervisor is gone.
async fn start_unless(
    start: impl Future<Output = Result<AnyPid, SpawnError>>,
    cancelled: oneshot::Receiver<Shutdown>,
) -> Result<AnyPid, SpawnError> {
    let given_up = async {
        match cancelled.await {
            Ok(Shutdown::Brutal) | Err(_) => {}
            Ok(Shutdown::After(time)) => tokio::time::sleep(time).await,
            Ok(Shutdown::Infinity) => std::future::pending().await,
        }
    };
    let (mut start, mut given_up) = (pin!(start), pin!(given_up));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = start.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        let failed = |()| Err(SpawnError::InitFailed(ExitReason::Killed));
        given_up.as_mut().poll(cx).map(failed)
    })
    .await
}

/// A seed for jitter, from what the system gives to hash tables.
pub(super) fn seed(node: &Node) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(node.instance())
}
