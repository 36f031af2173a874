//! The starts of children: where, as tasks that report, and elsewhere if a node goes.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;

use super::Supervisor;
use super::adopted::Adopted;
use super::child::Birthplace;
use super::handover::Slot;
use super::placement::Place;
use crate::actor::context::Cx;
use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::pid::AnyPid;
use crate::proto::supervision::{ChildKey, Input, Shutdown};
use crate::reason::ExitReason;

impl Supervisor {
    /// Starts a child where its placement says.
    pub(super) fn start_child_task(&mut self, key: ChildKey, cx: &Cx<Self>) {
        self.give_place_back(key);
        match self.find_place(key, cx) {
            Ok(place) => self.start_at(key, place, cx),
            Err(error) => self.reports.of(key).started(Err(error)),
        }
    }

    /// Takes the report of a start; `false` if the child is being started elsewhere, since the node
    /// that was to start it is shutting down.
    pub(super) fn take_start_report(&mut self, report: &Input, cx: &Cx<Self>) -> bool {
        let key = match report {
            Input::Started { key, .. }
            | Input::Ignored { key }
            | Input::StartFailed { key, .. } => *key,
            Input::Begin(_)
            | Input::Asked(..)
            | Input::Exited { .. }
            | Input::Stopped { .. }
            | Input::Elapsed
            | Input::End(_) => return true,
        };
        let is_wanted = self.cancels.remove(&key).is_some();
        let refused = matches!(report, Input::StartFailed { error: SpawnError::ShuttingDown, .. });
        if refused && is_wanted && self.start_elsewhere(key, cx) {
            return false;
        }
        if self.state.is_restarting(key) {
            self.log_restart(key, report);
        }
        true
    }

    /// The child has ended: its place is free.
    pub(super) fn give_place_back(&mut self, key: ChildKey) {
        let place = self.specs.get_mut(&key).and_then(|adopted| adopted.place.take());
        if let Some(place) = place {
            self.placed.remove(&place.node);
        }
    }

    /// The node that was to start a child is shutting down, and is tried no more: the child is placed
    /// again, and nothing counts for it. `false` if there is no other place.
    fn start_elsewhere(&mut self, key: ChildKey, cx: &Cx<Self>) -> bool {
        let Some(adopted) = self.specs.get(&key) else { return false };
        let Some(Place { node: peer, instance }) = adopted.place.clone() else { return false };
        let Some(instance) = instance.or_else(|| cx.node().connected_instance(&peer)) else {
            return false;
        };
        self.placed.note_leaving(cx.node(), instance.clone());
        self.give_place_back(key);
        let Ok(Some(place)) = self.find_place(key, cx) else { return false };
        let is_newer = || cx.node().connected_instance(&peer).is_some_and(|now| now != instance);
        let is_other = place != peer || is_newer();
        if !is_other || self.placed.is_leaving(cx.node(), &place) {
            return false;
        }
        tracing::info!(
            node = %cx.node().name(),
            supervisor = %cx.pid(),
            child = self.id_of(key),
            %peer,
            "the node is shutting down: the child goes elsewhere"
        );
        self.start_at(key, Some(place), cx);
        true
    }

    /// `None` for a child that is not placed.
    fn find_place(&self, key: ChildKey, cx: &Cx<Self>) -> Result<Option<NodeId>, SpawnError> {
        let Some(Adopted { spec, .. }) = self.specs.get(&key) else { return Ok(None) };
        let Some(placement) = &spec.placement else { return Ok(None) };
        placement.find(cx.node(), spec.type_name, &self.placed).map(Some)
    }

    fn start_at(&mut self, key: ChildKey, place: Option<NodeId>, cx: &Cx<Self>) {
        let reporter = self.reports.of(key);
        let Some(adopted) = self.specs.get_mut(&key) else { return };
        let birth = Birthplace {
            node: cx.node().clone(),
            supervisor: cx.pid().into(),
            place: place.clone(),
            slot: adopted.slot.as_ref().map(Slot::lend),
            timeout: adopted.spec.start_timeout,
        };
        if let Some(node) = place {
            self.placed.add(node.clone());
            let instance = cx.node().connected_instance(&node);
            adopted.place = Some(Place { node, instance });
        }
        let (cancel, cancelled) = oneshot::channel();
        self.cancels.insert(key, cancel);
        let start = Arc::clone(&adopted.spec.start);
        cx.node().run(async move {
            // The future is dropped before the report: a child that was given up is killed.
            let outcome = start_unless(async move { start(birth).await }, cancelled).await;
            reporter.started(outcome);
        });
    }

    fn log_restart(&self, key: ChildKey, report: &Input) {
        let (supervisor, child) = (self.reports.supervisor(), self.id_of(key));
        let node = supervisor.node();
        match report {
            Input::Started { pid, .. } => {
                tracing::info!(%node, %supervisor, child, %pid, "child restarted");
            }
            Input::Ignored { .. } => {
                tracing::info!(%node, %supervisor, child, "child declined to start again");
            }
            Input::StartFailed { error, .. } => {
                tracing::warn!(%node, %supervisor, child, %error, "child did not start again");
            }
            Input::Begin(_)
            | Input::Asked(..)
            | Input::Exited { .. }
            | Input::Stopped { .. }
            | Input::Elapsed
            | Input::End(_) => {}
        }
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
