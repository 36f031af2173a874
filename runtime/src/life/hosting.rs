//! The one place that knows ractor: it hosts each actor as a task that can be killed at its next
//! await point and that reports a panic instead of spreading it.
//!
//! ractor sees actors without messages: a resident future runs inside `post_start` until the actor
//! ends, and mailbox, links, monitors, supervision and names are ours (`docs/decisions.md`, D2, D3).

use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};

use crate::remote::carrier::BoxFuture;

/// Ends a hosted future at its next await point.
#[derive(Debug)]
pub(crate) struct KillSwitch(ActorCell);

impl KillSwitch {
    pub(crate) fn kill(&self) {
        self.0.kill();
    }
}

/// Starts `resident` as an actor's task. If it cannot be started it is dropped, and its own guards
/// say so.
pub(crate) async fn host(resident: BoxFuture<'static, ()>) -> Option<KillSwitch> {
    let shell = Shell { resident: Mutex::new(Some(resident)) };
    match Actor::spawn(None, shell, ()).await {
        Ok((actor, _task)) => Some(KillSwitch(actor.get_cell())),
        Err(error) => {
            tracing::error!(%error, "an actor could not be hosted");
            None
        }
    }
}

struct Shell {
    resident: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Actor for Shell {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn post_start(
        &self,
        myself: ActorRef<()>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let resident = self.resident.lock().take();
        if let Some(resident) = resident {
            resident.await;
        }
        myself.stop(None);
        Ok(())
    }
}
