//! A ractor actor of which it is noted whether it panicked: ractor reports panics and errors alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};

use crate::reason::ExitReason;

/// Does what `actor` does.
pub(super) struct Watched<T> {
    pub(super) actor: T,
    pub(super) panicked: Panicked,
}

/// Whether code of the actor has panicked. Shared with who reports its end, after the fact.
#[derive(Debug, Clone, Default)]
pub(super) struct Panicked(Arc<AtomicBool>);

impl Panicked {
    /// Why an actor ended that ractor says failed.
    pub(super) fn reason_of(&self, error: &ActorProcessingErr) -> ExitReason {
        let reason = ExitReason::error(error);
        match (self.0.load(Ordering::Acquire), reason) {
            (true, ExitReason::Error(message)) => ExitReason::Panic(message),
            (_, reason) => reason,
        }
    }

    /// Why an actor did not start.
    pub(super) fn reason_of_start(&self, error: SpawnErr) -> ExitReason {
        match error {
            SpawnErr::StartupFailed(error) => self.reason_of(&error),
            error @ (SpawnErr::ActorAlreadyStarted | SpawnErr::ActorAlreadyRegistered(_)) => {
                ExitReason::error(error)
            }
        }
    }

    fn note(&self) -> Note<'_> {
        Note(self)
    }
}

/// Stands on the stack while code of the actor runs: a panic drops it on its way.
struct Note<'a>(&'a Panicked);

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.store(true, Ordering::Release);
        }
    }
}

impl<T: Actor> Actor for Watched<T> {
    type Msg = T::Msg;
    type State = T::State;
    type Arguments = T::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<T::Msg>,
        args: T::Arguments,
    ) -> Result<T::State, ActorProcessingErr> {
        let _note = self.panicked.note();
        self.actor.pre_start(myself, args).await
    }

    async fn post_start(
        &self,
        myself: ActorRef<T::Msg>,
        state: &mut T::State,
    ) -> Result<(), ActorProcessingErr> {
        let _note = self.panicked.note();
        self.actor.post_start(myself, state).await
    }

    async fn post_stop(
        &self,
        myself: ActorRef<T::Msg>,
        state: &mut T::State,
    ) -> Result<(), ActorProcessingErr> {
        let _note = self.panicked.note();
        self.actor.post_stop(myself, state).await
    }

    async fn handle(
        &self,
        myself: ActorRef<T::Msg>,
        message: T::Msg,
        state: &mut T::State,
    ) -> Result<(), ActorProcessingErr> {
        let _note = self.panicked.note();
        self.actor.handle(myself, message, state).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<T::Msg>,
        event: SupervisionEvent,
        state: &mut T::State,
    ) -> Result<(), ActorProcessingErr> {
        let _note = self.panicked.note();
        self.actor.handle_supervisor_evt(myself, event, state).await
    }
}
