//! What a handler can do beside changing its state.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::actor::Actor;
use crate::actor::info::{Down, Info, MonitorRef, NodeEvent};
use crate::bond::signal::Signal;
use crate::life::cell::{ActorCell, Queued};
use crate::life::spawn::Spawn;
use crate::node::Node;
use crate::pid::{AnyPid, Pid};
use crate::reason::ExitReason;
use crate::supervisor::handover::LentSlot;

/// The context of a running actor: who it is, where it lives, and its bonds.
pub struct Cx<A: Actor> {
    node: Node,
    cell: Arc<ActorCell<A>>,
}

impl<A: Actor> Cx<A> {
    pub(crate) fn new(node: Node, cell: Arc<ActorCell<A>>) -> Self {
        Self { node, cell }
    }

    /// The actor's own pid.
    #[must_use]
    pub fn pid(&self) -> Pid<A> {
        Pid::here(Arc::clone(&self.cell))
    }

    /// The node it lives on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Spawns an actor on this node as a child of this one: `.linked()` and `.monitored()` bind it
    /// to this actor.
    pub fn spawn<B: Actor>(&self, args: B::Args) -> Spawn<B> {
        self.node.spawn::<B>(args).child_of(self.me())
    }

    /// Ends this actor after the message at hand; `terminate` runs.
    pub fn stop(&self, reason: ExitReason) {
        self.cell.mailbox.stop(reason);
    }

    /// Links this actor with another: when one ends abnormally, so does the other.
    ///
    /// Symmetric and idempotent. A pid that is dead already, or cannot be reached, answers with an
    /// exit (`NoProc`, `NoConnection`). Source: `erlang:link/1`.
    pub fn link(&self, other: &impl AsRef<AnyPid>) {
        let other = self.node.bind(other.as_ref());
        if other == *self.me() || self.cell.core().with_bonds(|b| b.link(other.clone())).is_err() {
            return;
        }
        self.node.bond(self.me(), &other);
        self.node.signal(&other, Signal::Link { from: self.me().clone() });
    }

    /// Ends a link on both sides. After this returns no exit of that link is seen, not even one that
    /// waits in the mailbox. Source: `erlang:unlink/1` with the flush of its documentation.
    pub fn unlink(&self, other: &impl AsRef<AnyPid>) {
        let other = self.node.bind(other.as_ref());
        if self.cell.core().with_bonds(|bonds| bonds.unlink(&other)) == Ok(true) {
            self.node.signal(&other, Signal::Unlink { from: self.me().clone() });
        }
    }

    /// Watches another actor: exactly one [`Down`] comes for each monitor. Stackable.
    /// Source: `erlang:monitor/2`.
    pub fn monitor(&self, target: &impl AsRef<AnyPid>) -> MonitorRef {
        let target = self.node.bind(target.as_ref());
        let monitor = self.node.next_monitor();
        let _ = self.cell.core().with_bonds(|bonds| bonds.monitor(monitor, target.clone()));
        self.node.bond(self.me(), &target);
        self.node.signal(&target, Signal::Monitor { watcher: self.me().clone(), monitor });
        monitor
    }

    /// Ends a monitor, and takes back its `Down` if that waits in the mailbox; `false` if there was
    /// no such monitor any more. Source: `erlang:demonitor(Ref, [flush])`.
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        match self.cell.core().with_bonds(|bonds| bonds.demonitor(monitor)) {
            Ok(Some(target)) => {
                let watcher = self.me().clone();
                self.node.signal(&target, Signal::Demonitor { watcher, monitor });
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Whether exits come as [`Exit`](crate::Exit) events instead of ending this actor. A kill is never trapped.
    /// Source: `process_flag(trap_exit, true)`.
    pub fn trap_exits(&self, traps: bool) {
        let _ = self.cell.core().with_bonds(|bonds| bonds.set_trap_exits(traps));
    }

    /// Sends an exit signal by hand, as if from a link of this actor. `Normal` has no effect on an
    /// actor that does not trap exits. Source: `exit/2`.
    pub fn exit(&self, other: &impl AsRef<AnyPid>, reason: ExitReason) {
        let other = self.node.bind(other.as_ref());
        let from = self.me().clone();
        let reason = reason.bounded();
        self.node.signal(&other, Signal::Exit { from, reason, linked: false });
    }

    /// Has [`NodeEvent`]s sent to this actor; who is connected at this moment is told as `Up` first,
    /// without gap or duplicate. Source: `net_kernel:monitor_nodes/1`.
    pub fn monitor_nodes(&self) {
        self.node.subscribe_nodes(self.me().serial(), |event: NodeEvent| {
            self.cell.mailbox.push_info(Info::new(event));
        });
    }

    /// Leaves a value for the next life of this actor, in the place of one that was left before.
    ///
    /// Works where the child spec says [`handover`](crate::ChildSpec::handover) and the actor lives
    /// on its supervisor's node; elsewhere the value is dropped. It is kept until the next `init`
    /// takes it, the child is deleted, or the supervisor ends.
    pub fn hand_over<T: Any + Send>(&self, value: T) {
        if let Some(slot) = self.cell.core().slot() {
            slot.leave(value);
        }
    }

    /// Takes what an earlier life of this actor handed over last, if it is a `T`; else it stays.
    /// Meant for `init`: if that fails afterwards, the value is lost unless handed over again.
    #[must_use]
    pub fn handed_over<T: Any + Send>(&self) -> Option<T> {
        self.cell.core().slot().and_then(LentSlot::take)
    }

    fn me(&self) -> &AnyPid {
        self.cell.core().pid()
    }

    /// An event from the mailbox, unless its link or monitor was given up while it waited.
    pub(crate) fn still_wanted(&self, info: Info) -> Option<Info> {
        let bonds = self.cell.core();
        match info.downcast::<Queued>() {
            Ok(Queued(exit)) if !exit.linked => Some(Info::new(exit)),
            Ok(Queued(exit)) => {
                let wanted = bonds.with_bonds(|bonds| bonds.take_exit(&exit.pid));
                (wanted == Ok(true)).then(|| Info::new(exit))
            }
            Err(info) => match info.get::<Down>().map(|down| down.monitor) {
                Some(monitor) => {
                    let wanted = bonds.with_bonds(|bonds| bonds.take_down(monitor));
                    (wanted == Ok(true)).then_some(info)
                }
                None => Some(info),
            },
        }
    }
}

impl<A: Actor> fmt::Debug for Cx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cx").field(self.me()).finish()
    }
}
