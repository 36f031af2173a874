//! The record of one actor: what its pids, its task and its node share.
//!
//! [`Core`] is what does not depend on the actor's type; [`ActorCell`] adds the typed mailbox;
//! [`AnyCell`] is how the pid table sees it. The record outlives the actor while pids of it are held.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::actor::{Actor, Wire};
use crate::call::{CallBack, RemoteReply, ReplyTo};
use crate::error::{CallError, CastError};
use crate::hosting::KillSwitch;
use crate::identity::NodeInstance;
use crate::info::{Down, Exit, Info, MonitorRef};
use crate::mailbox::{Mailbox, Refused};
use crate::node::Node;
use crate::pid::{self, AnyPid};
use crate::proto::bonds::{Bonds, ExitEffect, Farewell};
use crate::reason::ExitReason;
use crate::signal::Signal;
use crate::wire::MethodKey;

/// Who waits for the end of an actor, above which those who gave up are swept out. Count.
const END_WAITERS_SWEEP: usize = 64;

pub(crate) struct Core {
    pid: AnyPid,
    type_name: &'static str,
    supervised: bool,
    life: Mutex<Life>,
    kill: OnceLock<KillSwitch>,
}

/// Everything that changes when the actor ends, under one lock: a bond is either made before the
/// end, and told of it, or refused after it.
struct Life {
    bonds: Bonds,
    end_waiters: Vec<EndWaiter>,
    sweep_at: usize,
    /// Why it is about to end, where someone decided that before its task did.
    verdict: Option<ExitReason>,
    ended: Option<ExitReason>,
}

struct EndWaiter {
    tell: Box<dyn FnOnce(&ExitReason) + Send>,
    gave_up: Box<dyn Fn() -> bool + Send>,
}

impl Core {
    pub(crate) fn new(pid: AnyPid, type_name: &'static str, supervised: bool) -> Self {
        let life = Life {
            bonds: Bonds::default(),
            end_waiters: Vec::new(),
            sweep_at: END_WAITERS_SWEEP,
            verdict: None,
            ended: None,
        };
        Self {
            pid,
            type_name,
            supervised,
            life: Mutex::new(life),
            kill: OnceLock::new(),
        }
    }

    pub(crate) fn pid(&self) -> &AnyPid {
        &self.pid
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Whether a supervisor sees to its end.
    pub(crate) fn is_supervised(&self) -> bool {
        self.supervised
    }

    pub(crate) fn set_kill_switch(&self, switch: KillSwitch) {
        let doomed = self.life.lock().verdict.is_some();
        if doomed {
            switch.kill();
        }
        let _ = self.kill.set(switch);
    }

    /// Ends the actor at its next await point, for this reason unless another came first.
    pub(crate) fn kill(&self, reason: ExitReason) {
        {
            let mut life = self.life.lock();
            if life.ended.is_some() {
                return;
            }
            life.verdict.get_or_insert(reason);
        }
        if let Some(switch) = self.kill.get() {
            switch.kill();
        }
    }

    /// Runs `act` on the bonds, or says why the actor has ended.
    pub(crate) fn with_bonds<T>(&self, act: impl FnOnce(&mut Bonds) -> T) -> Result<T, ExitReason> {
        let mut life = self.life.lock();
        match &life.ended {
            Some(reason) => Err(reason.clone()),
            None => Ok(act(&mut life.bonds)),
        }
    }

    pub(crate) fn ended(&self) -> Option<ExitReason> {
        self.life.lock().ended.clone()
    }

    /// Calls `tell` when the actor ends, or now if it has. `gave_up` says when that has lost its
    /// point, so that a long-lived actor does not gather them.
    pub(crate) fn on_end(
        &self,
        tell: Box<dyn FnOnce(&ExitReason) + Send>,
        gave_up: Box<dyn Fn() -> bool + Send>,
    ) {
        let ended = {
            let mut life = self.life.lock();
            match &life.ended {
                Some(reason) => reason.clone(),
                None => {
                    if life.end_waiters.len() >= life.sweep_at {
                        life.end_waiters.retain(|waiter| !(waiter.gave_up)());
                        life.sweep_at = END_WAITERS_SWEEP.max(2 * life.end_waiters.len());
                    }
                    life.end_waiters.push(EndWaiter { tell, gave_up });
                    return;
                }
            }
        };
        tell(&ended);
    }

    /// Resolves to the exit reason once the actor has ended.
    pub(crate) fn when_ended(&self) -> oneshot::Receiver<ExitReason> {
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::new(Mutex::new(Some(sender)));
        let watched = Arc::clone(&shared);
        self.on_end(
            Box::new(move |reason| {
                if let Some(sender) = shared.lock().take() {
                    let _ = sender.send(reason.clone());
                }
            }),
            Box::new(move || {
                watched
                    .lock()
                    .as_ref()
                    .is_none_or(oneshot::Sender::is_closed)
            }),
        );
        receiver
    }

    /// Marks the actor as ended, once; whom to tell, and with which reason.
    pub(crate) fn end(&self, reason: ExitReason) -> Option<Ended> {
        let mut life = self.life.lock();
        if life.ended.is_some() {
            return None;
        }
        let reason = life.verdict.take().unwrap_or(reason);
        life.ended = Some(reason.clone());
        Some(Ended {
            reason,
            farewell: life.bonds.take_all(),
            waiters: std::mem::take(&mut life.end_waiters),
        })
    }
}

/// What is left to do when an actor has ended.
pub(crate) struct Ended {
    pub(crate) reason: ExitReason,
    pub(crate) farewell: Farewell,
    waiters: Vec<EndWaiter>,
}

impl Ended {
    /// Tells who waits for the end. Last: the node's shutdown closes the sessions after it, and the
    /// signals of the end have to be in their lanes by then.
    pub(crate) fn tell_waiters(self) {
        let waiters = self.waiters.into_iter();
        waiters.for_each(|waiter| (waiter.tell)(&self.reason));
    }
}

/// An actor whatever its type.
pub(crate) trait AnyCell: Send + Sync + fmt::Debug {
    fn core(&self) -> &Core;

    /// Decodes and enqueues a message from another node; a refusal is answered through `reply`.
    fn deliver(&self, node: &Node, key: MethodKey, payload: &[u8], back: Option<Arc<CallBack>>);

    fn push_info(&self, info: Info);

    fn stop(&self, reason: ExitReason);

    fn close_mailbox(&self);

    fn mailbox_len(&self) -> u64;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl dyn AnyCell {
    /// Acts on a signal from `node`'s side of the world.
    pub(crate) fn on_signal(&self, node: &Node, signal: Signal) {
        let core = self.core();
        match signal {
            Signal::Link { from } => {
                if core.with_bonds(|bonds| bonds.link(from.clone())).is_err() {
                    node.signal(&from, Signal::no_proc_exit(core.pid()));
                } else {
                    node.bond(core.pid(), &from);
                }
            }
            Signal::Unlink { from } => {
                let _ = core.with_bonds(|bonds| bonds.unlink(&from));
            }
            Signal::Exit {
                from,
                reason,
                linked,
            } => self.on_exit(from, &reason, linked),
            Signal::Stop { reason } => self.stop(reason),
            Signal::Kill => core.kill(ExitReason::Killed),
            Signal::Monitor { watcher, monitor } => {
                let added = core.with_bonds(|bonds| bonds.add_watcher(watcher.clone(), monitor));
                if added.is_err() {
                    let target = core.pid().clone();
                    let reason = ExitReason::NoProc;
                    node.signal(
                        &watcher,
                        Signal::Down {
                            monitor,
                            target,
                            reason,
                        },
                    );
                } else {
                    node.bond(core.pid(), &watcher);
                }
            }
            Signal::Demonitor { watcher, monitor } => {
                let _ = core.with_bonds(|bonds| bonds.remove_watcher(&watcher, monitor));
            }
            Signal::Down {
                monitor,
                target,
                reason,
            } => self.on_down(monitor, target, reason),
        }
    }

    fn on_exit(&self, from: AnyPid, reason: &ExitReason, linked: bool) {
        let effect = self
            .core()
            .with_bonds(|bonds| bonds.on_exit(&from, reason, linked));
        match effect {
            Ok(ExitEffect::Ends(reason)) => self.core().kill(reason),
            Ok(ExitEffect::Trapped) => {
                let exit = Exit {
                    pid: from,
                    reason: reason.clone(),
                };
                self.push_info(Info::new(Queued {
                    event: exit,
                    linked,
                }));
            }
            Ok(ExitEffect::Ignored) | Err(_) => {}
        }
    }

    fn on_down(&self, monitor: MonitorRef, pid: AnyPid, reason: ExitReason) {
        if self.core().with_bonds(|bonds| bonds.on_down(monitor)) == Ok(true) {
            self.push_info(Info::new(Down {
                monitor,
                pid,
                reason,
            }));
        }
    }

    /// The session with a node was lost: links and monitors there fire.
    pub(crate) fn on_node_down(&self, lost: &NodeInstance, reason: &ExitReason) {
        let fired = self
            .core()
            .with_bonds(|bonds| bonds.on_node_down(|pid| pid.instance() == lost));
        let Ok(fired) = fired else { return };
        for (monitor, target) in fired.monitors {
            self.on_down(monitor, target, reason.clone());
        }
        for pid in fired.links {
            self.on_exit(pid, reason, true);
        }
    }
}

/// A trapped exit in the mailbox, with what is needed to see whether it is still wanted.
#[derive(Debug)]
pub(crate) struct Queued<T> {
    pub(crate) event: T,
    pub(crate) linked: bool,
}

/// The wire name of an actor type, or its Rust name if it stays on its node.
pub(crate) fn type_name<A: Actor>() -> &'static str {
    A::wire().map_or_else(std::any::type_name::<A>, |wire| wire.name)
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// The record of an actor of type `A`.
pub(crate) struct ActorCell<A: Actor> {
    core: Core,
    pub(crate) mailbox: Mailbox<A::Message>,
}

impl<A: Actor> ActorCell<A> {
    pub(crate) fn new(pid: AnyPid, capacity: usize, supervised: bool) -> Self {
        Self {
            core: Core::new(pid, type_name::<A>(), supervised),
            mailbox: Mailbox::new(capacity),
        }
    }

    pub(crate) fn downcast(cell: Arc<dyn AnyCell>) -> Option<Arc<Self>> {
        cell.into_any().downcast().ok()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn push(&self, message: A::Message) -> Result<(), CastError> {
        self.mailbox.push(message).map_err(|refused| match refused {
            Refused::Full(_) => CastError::Overloaded,
            Refused::Closed(_) => CastError::NoProc,
        })
    }

    fn decode(
        &self,
        node: &Node,
        key: MethodKey,
        payload: &[u8],
        reply: ReplyTo,
    ) -> Result<A::Message, CallError> {
        let wire: Wire<A> = A::wire().ok_or(CallError::NoProc)?;
        let method = (wire.methods)().iter().position(|method| method.key == key);
        let Some(method) = method else {
            return Err(CallError::BadMessage(format!(
                "{} has no method with this schema here",
                wire.name
            )));
        };
        pid::decode_for(node, || (wire.decode)(method, payload, reply))
            .map_err(|error| CallError::BadMessage(format!("the arguments: {error}")))
    }
}

impl<A: Actor> AnyCell for ActorCell<A> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn deliver(&self, node: &Node, key: MethodKey, payload: &[u8], back: Option<Arc<CallBack>>) {
        let reply = ReplyTo(back.clone().map(RemoteReply));
        let outcome = self
            .decode(node, key, payload, reply)
            .and_then(|message| self.push(message).map_err(CallError::from));
        match (outcome, back) {
            (Ok(()), None) => {}
            (Ok(()), Some(back)) => back.enqueued(),
            (Err(error), Some(back)) => back.refuse(error),
            (Err(error), None) => {
                node.counters().note_refused();
                tracing::debug!(pid = %self.core.pid(), %error, "cast from another node dropped");
            }
        }
    }

    fn push_info(&self, info: Info) {
        self.mailbox.push_info(info);
    }

    fn stop(&self, reason: ExitReason) {
        self.mailbox.stop(reason);
    }

    fn close_mailbox(&self) {
        self.mailbox.close();
    }

    fn mailbox_len(&self) -> u64 {
        self.mailbox.len()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<A: Actor> fmt::Debug for ActorCell<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.core.type_name, self.core.pid)
    }
}
