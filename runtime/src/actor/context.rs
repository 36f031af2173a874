//! What a handler can do beside changing its state.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::actor::Actor;
use crate::actor::info::{Down, Event, Info, MonitorRef, NodeEvent};
use crate::actor::tasks::{TaskRef, Tasks};
use crate::actor::timing::{self, ActorTimers, Timeout, TimerRef};
use crate::bond::signal::Signal;
use crate::life::cell::{ActorCell, AnyCell, Queued};
use crate::life::spawn::Spawn;
use crate::node::Node;
use crate::pid::{AnyPid, Pid};
use crate::proto::bonds::Bonds;
use crate::reason::ExitReason;
use crate::supervisor::handover::LentSlot;

/// The context of a running actor: who it is, where it lives, and its bonds.
pub struct Cx<A: Actor> {
    node: Node,
    cell: Arc<ActorCell<A>>,
    /// Events to be handled before the rest of the mailbox.
    next: Mutex<VecDeque<Info>>,
    timers: OnceLock<Arc<ActorTimers>>,
    tasks: Tasks,
}

impl<A: Actor> Cx<A> {
    pub(crate) fn new(node: Node, cell: Arc<ActorCell<A>>) -> Self {
        let (next, timers, tasks) = (Mutex::default(), OnceLock::new(), Tasks::default());
        Self { node, cell, next, timers, tasks }
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
        if other == *self.me() {
            return;
        }
        let core = self.cell.core();
        let signal = Signal::Link { from: self.me().clone() };
        let link = |bonds: &mut Bonds| (bonds.link(other.clone()), Some((other.clone(), signal)));
        self.node.bond(self.me(), &other);
        let _ = core.change_links(&self.node, link);
        core.await_outgoing();
    }

    /// Ends a link on both sides. After this returns no exit of that link is seen, not even one that
    /// waits in the mailbox. Source: `erlang:unlink/1` with the flush of its documentation.
    pub fn unlink(&self, other: &impl AsRef<AnyPid>) {
        let other = self.node.bind(other.as_ref());
        let (core, unlink) = (self.cell.core(), self.node.next_ref());
        let signal = Signal::Unlink { from: self.me().clone(), unlink };
        let _ = core.change_links(&self.node, |bonds| {
            let tells = bonds.unlink(&other, unlink);
            ((), tells.then(|| (other.clone(), signal)))
        });
        core.await_outgoing();
    }

    /// Watches another actor: exactly one [`Down`] comes for each monitor. Stackable.
    /// Source: `erlang:monitor/2`.
    pub fn monitor(&self, target: &impl AsRef<AnyPid>) -> MonitorRef {
        let target = self.node.bind(target.as_ref());
        let monitor = self.node.next_monitor();
        let _ = self.cell.core().with_bonds(|bonds| bonds.monitor(monitor, target.clone()));
        self.node.bond(self.me(), &target);
        self.signal(&target, Signal::Monitor { watcher: self.me().clone(), monitor });
        monitor
    }

    /// Ends a monitor, and takes back its `Down` if that waits in the mailbox; `false` if there was
    /// no such monitor any more. Source: `erlang:demonitor(Ref, [flush])`.
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        match self.cell.core().with_bonds(|bonds| bonds.demonitor(monitor)) {
            Ok(Some(target)) => {
                let watcher = self.me().clone();
                self.signal(&target, Signal::Demonitor { watcher, monitor });
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
        self.signal(&other, Signal::Exit { from, reason, linked: false });
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

    /// Sends a signal of this actor, whichever thread its handler has lent this to.
    fn signal(&self, to: &AnyPid, signal: Signal) {
        self.node.signal_by(self.cell.core().lane(), to, signal);
    }
}

/// Later, and beside.
impl<A: Actor> Cx<A> {
    /// Has an event handled next, before anything that waits in the mailbox: from `init`, before the
    /// first message. Several come in their order.
    /// Source: `gen_server`'s `continue`, `gen_statem`'s `next_event`.
    pub fn continue_with(&self, event: impl Event) {
        self.next.lock().push_back(Info::new(event));
    }

    /// Has an event sent to this actor after a while, within a millisecond of it.
    /// Source: `erlang:send_after/3`.
    pub fn send_after(&self, after: Duration, event: impl Event) -> TimerRef {
        self.timers().once(after, event)
    }

    /// Has an event sent to this actor again and again, first after one period, and at least a
    /// millisecond apart. It does not drift; what a slow actor misses is skipped, so that it never finds
    /// more than one waiting. Source: `timer:send_interval/2`.
    pub fn send_every<E: Event>(
        &self,
        period: Duration,
        make: impl FnMut() -> E + Send + 'static,
    ) -> TimerRef {
        self.timers().every(period, make)
    }

    /// As [`Cx::send_after`], for as long as the returned value is held.
    /// Source: `gen_statem`'s state timeouts.
    pub fn timeout(&self, after: Duration, event: impl Event) -> Timeout {
        let timers = self.timers();
        timers.guard(timers.once(after, event))
    }

    /// Takes a timer back, and its event if that waits in the mailbox: it is not seen after this. What
    /// was left of it; `None` if it was seen already, or cancelled.
    /// Source: `erlang:cancel_timer/1`.
    pub fn cancel(&self, timer: TimerRef) -> Option<Duration> {
        self.timers().cancel(timer)
    }

    /// How long a timer has to go; `None` if it was seen or cancelled. Source: `erlang:read_timer/1`.
    #[must_use]
    pub fn time_left(&self, timer: TimerRef) -> Option<Duration> {
        self.timers().left(timer)
    }

    /// Does async work beside this actor, and sends it a [`TaskDone`](crate::TaskDone) when that has
    /// ended. The work is cut off when this actor ends; if it panics, that is its result.
    pub fn task<T: Send + fmt::Debug + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> TaskRef {
        self.tasks.start(&self.node, Arc::clone(&self.cell) as Arc<dyn AnyCell>, work)
    }

    /// As [`Cx::task`], for work that blocks its thread. Once begun it runs to its end, whatever happens
    /// to this actor.
    pub fn task_blocking<T: Send + fmt::Debug + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> TaskRef {
        self.tasks.start_blocking(&self.node, Arc::clone(&self.cell) as Arc<dyn AnyCell>, work)
    }

    /// Cuts a task off, and takes back its outcome if that waits in the mailbox; `false` if it was seen
    /// already.
    pub fn cancel_task(&self, task: TaskRef) -> bool {
        self.tasks.cancel(task)
    }

    fn timers(&self) -> &Arc<ActorTimers> {
        self.timers.get_or_init(|| {
            let cell = Arc::clone(&self.cell) as Arc<dyn AnyCell>;
            Arc::new(ActorTimers::new(self.node.clone(), cell))
        })
    }
}

/// What the actor's loop asks.
impl<A: Actor> Cx<A> {
    pub(crate) fn has_next(&mut self) -> bool {
        !self.next.get_mut().is_empty()
    }

    pub(crate) fn take_next(&mut self) -> Option<Info> {
        self.next.get_mut().pop_front()
    }

    /// It reads no events any more: exits are nothing to it.
    pub(crate) fn ignore_exits(&self) {
        let _ = self.cell.core().with_bonds(Bonds::ignore_exits);
    }

    /// The start of a supervised child is known: its exit may come.
    pub(crate) fn release_exit(&self, child: &AnyPid) {
        if let Ok(Some(exit)) = self.cell.core().with_bonds(|bonds| bonds.release(child)) {
            self.cell.mailbox.push_info(Info::new(Queued(exit)));
        }
    }

    /// An event from the mailbox as the actor sees it, unless its link, monitor, timer or task was given
    /// up while it waited.
    pub(crate) fn unwrap(&self, info: Info) -> Option<Info> {
        let core = self.cell.core();
        let info = match info.downcast::<Queued>() {
            Ok(Queued(exit)) if !exit.linked => return Some(Info::new(exit)),
            Ok(Queued(exit)) => {
                let wanted = core.with_bonds(|bonds| bonds.take_exit(&exit.pid));
                return (wanted == Ok(true)).then(|| Info::new(exit));
            }
            Err(info) => info,
        };
        let info = match timing::unwrap_ring(info, self.timers.get()) {
            Ok(event) => return event,
            Err(info) => info,
        };
        let info = match self.tasks.unwrap_done(info) {
            Ok(event) => return event,
            Err(info) => info,
        };
        match info.get::<Down>().map(|down| down.monitor) {
            Some(monitor) => {
                let wanted = core.with_bonds(|bonds| bonds.take_down(monitor));
                (wanted == Ok(true)).then_some(info)
            }
            None => Some(info),
        }
    }
}

impl<A: Actor> Drop for Cx<A> {
    fn drop(&mut self) {
        if let Some(gone) = self.tasks.cancel_all() {
            self.cell.core().linger(gone);
        }
        if let Some(timers) = self.timers.get() {
            timers.cancel_all();
        }
    }
}

impl<A: Actor> fmt::Debug for Cx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cx").field(self.me()).finish()
    }
}
