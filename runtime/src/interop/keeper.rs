//! The ractor supervisor of one ractor actor: it hears how that ends, and tells us.

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};

use crate::actor::Result;
use crate::interop::watched::Panicked;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// The event with which our actor hears of the end of ractor's.
#[derive(Debug)]
pub(super) struct Ended(pub(super) ExitReason);

/// A keeper, which ends when this is dropped, and kills what it supervises.
#[derive(Debug)]
pub(super) struct Kept(ActorCell);

impl Kept {
    pub(super) fn cell(&self) -> ActorCell {
        self.0.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Starts a keeper that tells `pid`.
pub(super) async fn start(node: Node, pid: AnyPid, panicked: Panicked) -> Result<Kept> {
    let (keeper, _task) = Actor::spawn(None, Keeper { node, pid, panicked }, ()).await?;
    Ok(Kept(keeper.get_cell()))
}

/// Has the end of an actor that runs already told to `pid`, by its keeper if that can be its
/// supervisor.
pub(super) fn watch(node: &Node, pid: &AnyPid, actor: &ActorCell, keeper: &Kept) -> Result<()> {
    if actor.get_status() >= ActorStatus::Stopping {
        return Err(ExitReason::NoProc);
    }
    if actor.try_get_supervisor().is_none() {
        actor.link(keeper.cell());
    }
    // An actor that drains takes no supervisor any more.
    let supervisor = actor.try_get_supervisor().map(|supervisor| supervisor.get_id());
    if supervisor != Some(keeper.0.get_id()) {
        let (here, pid, actor) = (node.clone(), pid.clone(), actor.clone());
        node.run(async move {
            // Without a timeout it does not fail.
            let _ = actor.wait(None).await;
            let reason = ExitReason::custom("Unknown", "only its ractor supervisor was told why");
            here.notify(&pid, Ended(reason));
        });
    }
    Ok(())
}

struct Keeper {
    node: Node,
    pid: AnyPid,
    panicked: Panicked,
}

impl Actor for Keeper {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let reason = if let SupervisionEvent::ActorTerminated(_, _, why) = event {
            of_stop(why)
        } else if let SupervisionEvent::ActorFailed(_, error) = event {
            self.panicked.reason_of(&error)
        } else {
            return Ok(());
        };
        self.node.notify(&self.pid, Ended(reason));
        Ok(())
    }
}

/// What the text means that an actor of ractor stops with.
fn of_stop(why: Option<String>) -> ExitReason {
    match why.as_deref() {
        None | Some("normal") => ExitReason::Normal,
        Some("shutdown") => ExitReason::Shutdown,
        // What ractor itself says of a kill, and of a task that its runtime dropped.
        Some("killed" | "actor_task_cancelled") => ExitReason::Killed,
        Some(text) => ExitReason::custom("Stopped", text),
    }
}
