//! The two ends of an actor, told to who has to know: that it is born or is not, and that it has ended.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::actor::Actor;
use crate::error::SpawnError;
use crate::life::birth::Birth;
use crate::life::cell::{ActorCell, AnyCell};
use crate::life::spawn::SPAWN_TIMEOUT_DEFAULT;
use crate::node::Node;
use crate::node::timers::timeout;
use crate::reason::ExitReason;

/// Why there is no actor after all, and the reason it ends for.
pub(super) type Stillborn = (SpawnError, ExitReason);

/// Tells of the actor's birth or failure, and of its end. Dropped without either, the task was
/// killed.
pub(crate) struct Ending<A: Actor> {
    pub(super) node: Node,
    pub(super) cell: Arc<ActorCell<A>>,
    birth: Option<Birth>,
    is_told: bool,
}

impl<A: Actor> Ending<A> {
    pub(crate) fn new(node: Node, cell: Arc<ActorCell<A>>, birth: Birth) -> Self {
        Self { node, cell, birth: Some(birth), is_told: false }
    }

    /// Waits for `init`: `None` if its time is up, or who asked for the actor has given up.
    pub(super) async fn wait_for<T>(&mut self, init: impl Future<Output = T> + Unpin) -> Option<T> {
        let within = self.birth.as_ref().map_or(SPAWN_TIMEOUT_DEFAULT, |b| b.options.timeout);
        let mut init = timeout(Arc::clone(self.node.timers()), within, init);
        poll_fn(|task| match Pin::new(&mut init).poll(task) {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => self.poll_given_up(task).map(|()| None),
        })
        .await
    }

    /// Ready when who asked for it here has given up.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.birth {
            Some(birth) => birth.poll_given_up(cx),
            None => Poll::Pending,
        }
    }

    /// Its group is joined and the asker is told; or there is no child after all.
    pub(super) fn born(&mut self) -> Result<(), SpawnError> {
        if let Some(group) = self.birth.as_ref().and_then(|birth| birth.options.group.as_ref()) {
            self.node.join(group, self.cell.core().pid())?;
        }
        if let Some(birth) = self.birth.take() {
            birth.succeed(&self.node, &*self.cell);
        }
        Ok(())
    }

    /// There is no child: first everything of it is gone, then the asker is told.
    pub(crate) fn fail(&mut self, (error, reason): Stillborn) {
        self.tell(reason, Some(error));
    }

    pub(super) fn end(&mut self, reason: ExitReason) {
        self.tell(reason, None);
    }

    /// Once, and not before all tasks of the actor are gone.
    fn tell(&mut self, reason: ExitReason, error: Option<SpawnError>) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        let cell = Arc::clone(&self.cell) as Arc<dyn AnyCell>;
        let grave =
            Grave { node: self.node.clone(), cell, reason, birth: self.birth.take(), error };
        if let Some(mut gone) = self.cell.core().take_lingering() {
            self.node.run(async move {
                gone.recv().await;
                drop(grave);
            });
        }
    }
}

impl<A: Actor> Drop for Ending<A> {
    fn drop(&mut self) {
        self.tell(ExitReason::Killed, None);
    }
}

/// What is told of an actor's end, when this is dropped: also by a runtime that is shut down.
struct Grave {
    node: Node,
    cell: Arc<dyn AnyCell>,
    reason: ExitReason,
    /// Who waits for a child that there is not, and why.
    birth: Option<Birth>,
    error: Option<SpawnError>,
}

impl Drop for Grave {
    fn drop(&mut self) {
        let reason = std::mem::replace(&mut self.reason, ExitReason::Normal);
        if self.node.bury(&*self.cell, self.cell.core().lane(), reason) {
            self.node.counters().note_exited();
        }
        if let Some(birth) = self.birth.take() {
            let ended = || self.cell.core().ended().unwrap_or(ExitReason::Killed);
            birth.fail(self.error.take().unwrap_or_else(|| SpawnError::InitFailed(ended())));
        }
    }
}
