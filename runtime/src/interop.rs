//! Actors of ractor with pids of ours: any plain [`ractor::Actor`] takes part in links, monitors, names
//! and groups.
//!
//! ```text
//!   Pid<Hosted<M>> ──cast──▶ Hosted (ours) ──message──▶ the ractor actor
//!   links, monitors ◀──end── Hosted ◀──event── Keeper ◀──ractor's event── (its ractor supervisor)
//! ```
//!
//! [`Hosted`] is an actor of ours that stands in front of one of ractor's. [`spawn`] starts both,
//! [`adopt`] stands in front of one that runs already. When either ends, so does the other:
//!
//! | the ractor actor | ends the pid with |
//! |---|---|
//! | stops without a reason, or with `"normal"` | `Normal` |
//! | stops with `"shutdown"` | `Shutdown` |
//! | stops with another reason | `Custom`, kind `Stopped` |
//! | returns an error | `Error` |
//! | panics | `Panic`; `Error` if it was adopted |
//! | is killed | `Killed` |
//!
//! | the pid | does to the ractor actor |
//! |---|---|
//! | is stopped | stops it, with the reason as text, and waits until `post_stop` has run |
//! | gets an exit, or is killed | kills it |
//!
//! Messages keep their order on each of the two ways to the actor, the pid and its own reference; between
//! them there is none.
//!
//! This is the only public place that shows types of ractor, in the version at [`ractor`]. Its names,
//! groups and registry are not used: they belong to the process, and not to a node. What this does
//! not do: carry messages of such an actor to other nodes (a pid that travels can be linked, monitored
//! and killed from there), or bound the queue of ractor, which has no bound.

mod keeper;
mod watched;

use std::fmt;

use ::ractor::{ActorRef, Message};
use tokio::sync::oneshot;

use crate::actor::context::Cx;
use crate::actor::info::Info;
use crate::actor::{Actor, Result};
use crate::error::SpawnError;
use crate::node::Node;
use crate::pid::{AnyPid, Pid};
use crate::reason::ExitReason;
use crate::remote::carrier::BoxFuture;
use keeper::Ended;
use watched::{Panicked, Watched};

/// ractor itself, in the version whose actors these are.
pub use ::ractor;

/// Starts a ractor actor, and gives it a pid of this node.
///
/// Nothing of ractor is seen by others: it has no name there. Its own children and its
/// `handle_supervisor_evt` work as ever.
///
/// # Errors
/// [`SpawnError::InitFailed`] if `pre_start` fails or panics, [`SpawnError::Timeout`] if it takes longer
/// than 5 s, [`SpawnError::ShuttingDown`]. There is then neither actor.
///
/// # Cancel safety
/// If the future is dropped, both actors are killed as soon as `pre_start` has ended or timed out.
///
/// # Examples
///
/// ```
/// use starlings_runtime::interop::{self, ractor::{Actor, ActorProcessingErr, ActorRef}};
///
/// struct Printer;
///
/// impl Actor for Printer {
///     type Msg = String;
///     type State = usize;
///     type Arguments = ();
///
///     async fn pre_start(&self, _: ActorRef<String>, (): ()) -> Result<usize, ActorProcessingErr> {
///         Ok(0)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use starlings_runtime::{Incarnation, NodeInstance, NodeParts};
/// # let instance = NodeInstance { node: "a@h".parse()?, incarnation: Incarnation(1) };
/// # let node = NodeParts::new(instance).start();
/// let (pid, printer) = interop::spawn(&node, Printer, ()).await?;
/// node.register("printer", &pid)?;
/// pid.cast("by our way".to_owned())?;
/// printer.cast("by ractor's".to_owned())?;
/// node.kill(&pid);
/// # Ok(()) }
/// ```
pub async fn spawn<T: ractor::Actor>(
    node: &Node,
    actor: T,
    args: T::Arguments,
) -> Result<(Pid<Hosted<T::Msg>>, ActorRef<T::Msg>), SpawnError> {
    let (hand_over, handed) = oneshot::channel();
    let start = HostedStart::new(|pid, node| {
        Box::pin(async move {
            let panicked = Panicked::default();
            let keeper = keeper::start(node, pid, panicked.clone()).await?;
            let watched = Watched { actor, panicked: panicked.clone() };
            let spawned = ractor::Actor::spawn_linked(None, watched, args, keeper.cell());
            let (actor, _task) = spawned.await.map_err(|error| panicked.reason_of_start(error))?;
            drop(hand_over.send(actor.clone()));
            Ok(Hosted { actor, _keeper: keeper, is_ended: false })
        })
    });
    let pid = node.spawn::<Hosted<T::Msg>>(start).await?;
    let no_proc = |_closed| SpawnError::InitFailed(ExitReason::NoProc);
    Ok((pid, handed.await.map_err(no_proc)?))
}

/// Gives a ractor actor that runs already a pid of this node.
///
/// Its end is seen as far as ractor lets it: ractor tells the reason to one supervisor. An actor that
/// has none gets one that tells us, and the pid ends with the true reason, but that a panic is an
/// `Error`. An actor that has one keeps it, and the pid ends with `Custom`, kind `Unknown`.
///
/// # Errors
/// [`SpawnError::InitFailed`] with `NoProc` if it has stopped or is stopping,
/// [`SpawnError::ShuttingDown`]. There is then no pid, and the ractor actor is left alone.
///
/// # Cancel safety
/// If the future is dropped when the pid is there, both actors are killed.
pub async fn adopt<M: Message>(
    node: &Node,
    actor: ActorRef<M>,
) -> Result<Pid<Hosted<M>>, SpawnError> {
    let start = HostedStart::new(|pid, node: Node| {
        Box::pin(async move {
            let keeper = keeper::start(node.clone(), pid.clone(), Panicked::default()).await?;
            keeper::watch(&node, &pid, &actor.get_cell(), &keeper)?;
            Ok(Hosted { actor, _keeper: keeper, is_ended: false })
        })
    });
    node.spawn::<Hosted<M>>(start).await
}

/// The actor of ours that stands in front of a ractor actor that takes messages of type `M`.
pub struct Hosted<M: Message> {
    actor: ActorRef<M>,
    /// Ends with this.
    _keeper: keeper::Kept,
    is_ended: bool,
}

/// How a [`Hosted`] comes to its ractor actor.
pub struct HostedStart<M: Message>(Start<M>);

type Start<M> = Box<dyn FnOnce(AnyPid, Node) -> BoxFuture<'static, Result<Hosted<M>>> + Send>;

impl<M: Message> HostedStart<M> {
    fn new(
        start: impl FnOnce(AnyPid, Node) -> BoxFuture<'static, Result<Hosted<M>>> + Send + 'static,
    ) -> Self {
        Self(Box::new(start))
    }
}

impl<M: Message> Actor for Hosted<M> {
    type Args = HostedStart<M>;
    type Message = M;

    async fn init(HostedStart(start): HostedStart<M>, cx: &mut Cx<Self>) -> Result<Self> {
        start(cx.pid().into(), cx.node().clone()).await
    }

    /// Hands the message over. When the ractor actor is gone it is lost: its end is on the way here.
    async fn handle(&mut self, message: M, _: &mut Cx<Self>) -> Result<()> {
        drop(self.actor.send_message(message));
        Ok(())
    }

    async fn info(&mut self, info: Info, _: &mut Cx<Self>) -> Result<()> {
        match info.downcast::<Ended>() {
            Ok(Ended(reason)) => {
                self.is_ended = true;
                Err(reason)
            }
            Err(_) => Ok(()),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &mut Cx<Self>) {
        if !self.is_ended {
            self.actor.stop(Some(reason.to_string()));
            // Without a timeout it does not fail; who stops us kills us when it takes too long.
            let _ = self.actor.wait(None).await;
        }
    }
}

impl<M: Message> Drop for Hosted<M> {
    /// However this ends, the ractor actor does not outlive it.
    fn drop(&mut self) {
        self.actor.kill();
    }
}

impl<M: Message> fmt::Debug for Hosted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hosted").field(&self.actor).finish()
    }
}

impl<M: Message> fmt::Debug for HostedStart<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostedStart")
    }
}
