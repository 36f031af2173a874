//! The life of an actor, whatever its type: its bonds, and its end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::actor::tasks::Gone;
use crate::bond::signal::Signal;
use crate::life::hosting::KillSwitch;
use crate::life::spawn::Options;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::proto::bonds::{Bonds, Farewell};
use crate::reason::ExitReason;
use crate::remote::carrier::LaneKey;
use crate::supervisor::handover::LentSlot;

/// Who waits for the end of an actor, above which those who gave up are swept out. Count.
const END_WAITERS_SWEEP: usize = 64;

pub(crate) struct Core {
    pid: AnyPid,
    type_name: &'static str,
    supervised: bool,
    slot: Option<LentSlot>,
    /// Who spawned it linked to itself: when that one ends, so does this one, even if it traps.
    parent: Option<AnyPid>,
    life: Mutex<Life>,
    kill: OnceLock<KillSwitch>,
}

/// Everything that changes when the actor ends, under one lock: a bond is either made before the
/// end, and told of it, or refused after it.
struct Life {
    bonds: Bonds,
    /// Signals about links that are on their way out; `None` when there are none.
    outgoing: Option<Box<Outgoing>>,
    end_waiters: Vec<EndWaiter>,
    sweep_at: usize,
    fate: Fate,
    /// Tasks of it that are not gone yet.
    lingering: Option<Gone>,
    /// Everything it held has been given up: who waits for its end may hear of it.
    buried: bool,
}

/// Whether an actor goes on.
enum Fate {
    Open,
    /// Someone decided that it ends, and why, before its task did.
    Doomed(ExitReason),
    Ended(ExitReason),
}

/// Signals about links leave in the order in which the table changed, whichever threads changed it:
/// one of them sends for all. Otherwise a link could overtake the acknowledgement of an unlink before
/// it, and stand on one side only.
#[derive(Default)]
struct Outgoing {
    queue: VecDeque<(AnyPid, Signal)>,
    sending: bool,
    queued: u64,
    sent: u64,
}

struct EndWaiter {
    tell: Box<dyn FnOnce(&ExitReason) + Send>,
    gave_up: Box<dyn Fn() -> bool + Send>,
}

impl Core {
    pub(crate) fn new(pid: AnyPid, type_name: &'static str, options: &Options) -> Self {
        let life = Life {
            bonds: Bonds::default(),
            outgoing: None,
            end_waiters: Vec::new(),
            sweep_at: END_WAITERS_SWEEP,
            fate: Fate::Open,
            lingering: None,
            buried: false,
        };
        Self {
            pid,
            type_name,
            supervised: options.supervised,
            slot: options.slot.clone(),
            parent: options.parent.clone().filter(|_| options.link),
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

    /// What is sent on its behalf, whoever does it, goes behind what it sent itself.
    pub(crate) fn lane(&self) -> LaneKey {
        LaneKey::of_actor(self.pid.serial())
    }

    /// Who spawned it linked to itself.
    pub(crate) fn parent(&self) -> Option<&AnyPid> {
        self.parent.as_ref()
    }

    /// Whether a supervisor sees to its end.
    pub(crate) fn is_supervised(&self) -> bool {
        self.supervised
    }

    /// Where it leaves state for its next life, if its supervisor keeps some.
    pub(crate) fn slot(&self) -> Option<&LentSlot> {
        self.slot.as_ref()
    }

    pub(crate) fn set_kill_switch(&self, switch: KillSwitch) {
        let switch = self.kill.get_or_init(|| switch);
        // A kill that came before the switch has left its verdict, and could do no more.
        if matches!(self.life.lock().fate, Fate::Doomed(_)) {
            switch.kill();
        }
    }

    /// Ends the actor at its next await point, for this reason unless another came first.
    pub(crate) fn kill(&self, reason: ExitReason) {
        {
            let mut life = self.life.lock();
            match life.fate {
                Fate::Open => life.fate = Fate::Doomed(reason),
                Fate::Doomed(_) => {}
                Fate::Ended(_) => return,
            }
        }
        if let Some(switch) = self.kill.get() {
            switch.kill();
        }
    }

    /// Runs `act` on the bonds, or says why the actor has ended.
    pub(crate) fn with_bonds<T>(&self, act: impl FnOnce(&mut Bonds) -> T) -> Result<T, ExitReason> {
        let mut life = self.life.lock();
        match life.ended() {
            Some(reason) => Err(reason.clone()),
            None => Ok(act(&mut life.bonds)),
        }
    }

    /// Changes links, and sends what `change` says to whom. Another thread may be sending for this
    /// actor: it sends this too, perhaps after this has returned.
    pub(crate) fn change_links<T>(
        &self,
        node: &Node,
        change: impl FnOnce(&mut Bonds) -> (T, Option<(AnyPid, Signal)>),
    ) -> Result<T, ExitReason> {
        let (outcome, sends) = {
            let mut life = self.life.lock();
            if let Some(reason) = life.ended() {
                return Err(reason.clone());
            }
            let (outcome, signal) = change(&mut life.bonds);
            life.queue(signal);
            (outcome, life.outgoing.is_some())
        };
        if sends {
            self.send_outgoing(node);
        }
        Ok(outcome)
    }

    /// The last signals of links.
    pub(crate) fn say_farewell(&self, node: &Node, exits: Vec<(AnyPid, Signal)>) {
        if !exits.is_empty() {
            self.life.lock().queue(exits);
            self.send_outgoing(node);
        }
    }

    /// Waits until what was queued so far is sent, where another thread sends it. Only for code that
    /// sends for nobody: those threads wait for nothing.
    pub(crate) fn await_outgoing(&self) {
        let queued = |life: &Life| life.outgoing.as_ref().map_or(0, |outgoing| outgoing.queued);
        let until = queued(&self.life.lock());
        let is_sent =
            |life: &Life| life.outgoing.as_ref().is_none_or(|outgoing| outgoing.sent >= until);
        while !is_sent(&self.life.lock()) {
            std::thread::yield_now();
        }
    }

    fn send_outgoing(&self, node: &Node) {
        loop {
            let (to, signal) = {
                let mut life = self.life.lock();
                let Some(outgoing) = life.outgoing.as_mut().filter(|outgoing| !outgoing.sending)
                else {
                    return;
                };
                let Some(next) = outgoing.queue.pop_front() else {
                    life.outgoing = None;
                    return;
                };
                outgoing.sending = true;
                next
            };
            node.signal_by(self.lane(), &to, signal);
            if let Some(outgoing) = self.life.lock().outgoing.as_mut() {
                outgoing.sending = false;
                outgoing.sent += 1;
            }
        }
    }

    pub(crate) fn ended(&self) -> Option<ExitReason> {
        self.life.lock().ended().cloned()
    }

    /// Calls `tell` when the actor has ended and is buried, or now if it is. `gave_up` says when that has
    /// lost its point, so that a long-lived actor does not gather them.
    pub(crate) fn on_end(
        &self,
        tell: Box<dyn FnOnce(&ExitReason) + Send>,
        gave_up: Box<dyn Fn() -> bool + Send>,
    ) {
        let ended = {
            let mut life = self.life.lock();
            match life.ended() {
                Some(reason) if life.buried => reason.clone(),
                Some(_) | None => {
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
            Box::new(move || watched.lock().as_ref().is_none_or(oneshot::Sender::is_closed)),
        );
        receiver
    }

    /// Marks the actor as ended, once; why, and whom to tell.
    pub(crate) fn end(&self, reason: ExitReason) -> Option<End> {
        let mut life = self.life.lock();
        let reason = match std::mem::replace(&mut life.fate, Fate::Open) {
            Fate::Open => reason,
            Fate::Doomed(earlier) => earlier,
            ended @ Fate::Ended(_) => {
                life.fate = ended;
                return None;
            }
        };
        let reason = reason.bounded();
        life.fate = Fate::Ended(reason.clone());
        Some(End { reason, farewell: life.bonds.take_all() })
    }

    /// Keeps what its end has to wait for.
    pub(crate) fn linger(&self, gone: Gone) {
        self.life.lock().lingering = Some(gone);
    }

    /// What its end has to wait for.
    pub(crate) fn take_lingering(&self) -> Option<Gone> {
        self.life.lock().lingering.take()
    }

    /// Everything that the ended actor held has been given up: tells those who wait for its end.
    pub(crate) fn tell_end(&self, reason: &ExitReason) {
        let waiters = {
            let mut life = self.life.lock();
            life.buried = true;
            std::mem::take(&mut life.end_waiters)
        };
        waiters.into_iter().for_each(|waiter| (waiter.tell)(reason));
    }
}

impl Life {
    fn ended(&self) -> Option<&ExitReason> {
        match &self.fate {
            Fate::Ended(reason) => Some(reason),
            Fate::Open | Fate::Doomed(_) => None,
        }
    }

    fn queue(&mut self, signals: impl IntoIterator<Item = (AnyPid, Signal)>) {
        for signal in signals {
            let outgoing = self.outgoing.get_or_insert_default();
            outgoing.queued += 1;
            outgoing.queue.push_back(signal);
        }
    }
}

/// What follows from the end of an actor.
pub(crate) struct End {
    pub(crate) reason: ExitReason,
    pub(crate) farewell: Farewell,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("pid", &self.pid).finish_non_exhaustive()
    }
}
