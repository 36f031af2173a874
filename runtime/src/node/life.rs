//! The beginning and the end: of actors, and of the node itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Node;
use crate::actor::Actor;
use crate::bond::monitor::Monitor;
use crate::bond::signal::Signal;
use crate::error::SpawnError;
use crate::life::birth::Birth;
use crate::life::cell::{ActorCell, AnyCell, type_name};
use crate::life::core::End;
use crate::life::ending::Ending;
use crate::life::hosting;
use crate::life::resident::Resident;
use crate::life::spawn::Options;
use crate::node::names::RegisterError;
use crate::node::timers::{Ring, TimerKey, moment};
use crate::panics::discard;
use crate::pid::{AnyPid, Pid};
use crate::reason::ExitReason;
use crate::remote::carrier::LaneKey;
use crate::remote::sender::{self, Acting};
use crate::supervisor::Supervisor;

/// How long actors that no supervisor sees to may take to stop when the node shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long what was killed is waited for: what never awaits cannot be killed.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// Ending actors and the node.
impl Node {
    /// Asks an actor, here or elsewhere, to stop after the message at hand; `terminate` runs.
    pub fn stop(&self, pid: &impl AsRef<AnyPid>, reason: ExitReason) {
        self.signal(&self.bind(pid.as_ref()), Signal::Stop { reason: reason.bounded() });
    }

    /// Stops an actor and waits for its end; one that takes longer than `within` is killed, and waited
    /// for as long again. The reason it ended for; `Killed` if it was not heard of in either time.
    /// Source: `gen_server:stop/3`.
    pub async fn stop_within(
        &self,
        pid: &impl AsRef<AnyPid>,
        reason: ExitReason,
        within: Duration,
    ) -> ExitReason {
        let ended = self.monitor(pid);
        self.stop(pid, reason);
        self.end_within(pid.as_ref(), ended, within).await
    }

    /// Lets nothing more into an actor's mailbox, has it handle what is there, and stops it with
    /// `Shutdown`; otherwise as [`Node::stop_within`]. Who sends to it meanwhile gets `NoProc`.
    /// Events (downs, timers) still come.
    pub async fn drain(&self, pid: &impl AsRef<AnyPid>, within: Duration) -> ExitReason {
        let ended = self.monitor(pid);
        let reason = ExitReason::Shutdown;
        self.signal(&self.bind(pid.as_ref()), Signal::Drain { reason });
        self.end_within(pid.as_ref(), ended, within).await
    }

    async fn end_within(&self, pid: &AnyPid, mut ended: Monitor, within: Duration) -> ExitReason {
        if let Some(down) = self.timeout(within, &mut ended).await {
            return down.reason;
        }
        self.kill(pid);
        let down = self.timeout(within, ended).await;
        down.map_or(ExitReason::Killed, |down| down.reason)
    }

    /// Casts a message to an actor, here or elsewhere, after a while. It is on its way whatever becomes
    /// of the caller; [`DelayedCast::cancel`] takes it back. What goes wrong then is not seen.
    /// Source: `erlang:send_after/3`.
    pub fn cast_after<A: Actor>(
        &self,
        pid: &Pid<A>,
        after: Duration,
        message: A::Message,
    ) -> DelayedCast {
        let (node, pid) = (self.clone(), pid.clone());
        // A task of its own: encoding and dropping a message is the program's code, which may panic.
        let cast = move || {
            node.run(async move {
                if let Err(error) = pid.cast(message) {
                    let node = pid.any().node();
                    tracing::debug!(%node, %pid, %error, "delayed cast not sent");
                }
            });
        };
        let (due, cast) = (moment(Instant::now(), after), Box::new(cast));
        DelayedCast { node: self.clone(), key: self.set_timer(due, Ring::Act(cast)) }
    }

    /// Kills an actor, here or elsewhere, at its next await point.
    pub fn kill(&self, pid: &impl AsRef<AnyPid>) {
        self.signal(&self.bind(pid.as_ref()), Signal::Kill);
    }

    /// Sends an exit signal on behalf of the node itself: an actor that does not trap exits ends with
    /// this reason. Source: `exit/2`.
    pub fn exit(&self, pid: &impl AsRef<AnyPid>, reason: ExitReason) {
        let from = self.0.system.get().cloned().unwrap_or_else(|| self.own_pid(0));
        let reason = reason.bounded();
        self.signal(&self.bind(pid.as_ref()), Signal::Exit { from, reason, linked: false });
    }

    /// Puts an event into the mailbox of a local actor, for its `#[info]` methods; `false` if it is
    /// not there. Events do not count against the mailbox's bound: send only what was asked for.
    pub fn notify(&self, pid: &AnyPid, event: impl crate::actor::info::Event) -> bool {
        let cell = self.cell(pid.serial()).filter(|cell| cell.core().pid() == pid);
        cell.map(|cell| cell.push_info(crate::actor::info::Info::new(event))).is_some()
    }

    /// Shuts the node down in order: first the actors that no supervisor sees to (and with them the
    /// supervision trees the program started), then the node's own services, then its sessions.
    ///
    /// A supervisor is waited for as long as the shutdown times of its children allow, for ever if
    /// they say so; any other actor that does not stop within 5 s is killed. Only the first call does
    /// anything. Source: OTP `init:stop/0`.
    pub async fn shutdown(&self) {
        if !self.0.closing.swap(true, Ordering::AcqRel) {
            self.shut_down_in_order().await;
        }
    }

    /// As [`Node::shutdown`], but kills what is left after `time`, whatever its supervisors allow.
    /// Called while another shutdown waits, it hastens that.
    pub async fn shutdown_within(&self, time: Duration) {
        let is_first = !self.0.closing.swap(true, Ordering::AcqRel);
        let in_order = async {
            if is_first {
                self.shut_down_in_order().await;
            } else {
                ends(&self.actors()).await;
            }
        };
        if self.timeout(time, in_order).await.is_some() {
            return;
        }
        let left = self.actors();
        tracing::warn!(node = %self.name(), left = left.len(), "killed: the shutdown took too long");
        let ended = ends(&left);
        left.iter().for_each(|cell| cell.core().kill(ExitReason::Killed));
        let _ = self.timeout(KILL_GRACE, ended).await;
        if is_first {
            self.end_sessions().await;
            self.0.extensions.clear();
        }
    }

    async fn shut_down_in_order(&self) {
        let is_system = |cell: &Arc<dyn AnyCell>| self.0.system.get() == Some(cell.core().pid());
        self.stop_all(|cell| !cell.core().is_supervised() && !is_system(cell)).await;
        self.stop_all(is_system).await;
        self.end_sessions().await;
        self.stop_all(|_| true).await;
        self.0.extensions.clear();
    }

    async fn end_sessions(&self) {
        if let Some(carrier) = self.0.carrier.get() {
            carrier.shutdown().await;
        }
    }

    /// Stops actors: supervisors take the time they need, others 5 s.
    async fn stop_all(&self, which: impl Fn(&Arc<dyn AnyCell>) -> bool) {
        let chosen = self.actors().into_iter().filter(which);
        let supervisor = type_name::<Supervisor>();
        let is_supervisor = |cell: &Arc<dyn AnyCell>| cell.core().type_name() == supervisor;
        let (supervisors, others): (Vec<_>, Vec<_>) = chosen.partition(is_supervisor);
        let (supervisors_end, others_end) = (ends(&supervisors), ends(&others));
        for cell in supervisors.iter().chain(&others) {
            cell.stop(ExitReason::Shutdown);
        }
        if self.timeout(SHUTDOWN_GRACE, others_end).await.is_none() {
            others.iter().for_each(|cell| cell.core().kill(ExitReason::Killed));
        }
        supervisors_end.await;
    }

    fn actors(&self) -> Vec<Arc<dyn AnyCell>> {
        self.cells().into_iter().filter(|cell| cell.is_actor()).collect()
    }

    /// Names the supervisor of the node's own services, once: it is shut down after the program's
    /// actors. `false` if there is one.
    pub fn set_system(&self, supervisor: &impl AsRef<AnyPid>) -> bool {
        self.0.system.set(supervisor.as_ref().clone()).is_ok()
    }

    /// The supervisor of the node's own services.
    #[must_use]
    pub fn system(&self) -> Option<&AnyPid> {
        self.0.system.get()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }
}

/// A cast that is sent later.
#[derive(Debug)]
pub struct DelayedCast {
    node: Node,
    key: TimerKey,
}

impl DelayedCast {
    /// Takes it back; `false` if it was sent.
    #[must_use = "it says whether it was in time"]
    pub fn cancel(self) -> bool {
        self.node.timers().cancel(self.key)
    }
}

/// Actors.
impl Node {
    /// Starts an actor here. `birth` hears how its `init` went; if that was asked for on this node, the
    /// first part of `init` is run here and now, on behalf of who is about to wait for it.
    pub(crate) fn start_actor<A: Actor>(&self, args: A::Args, birth: Birth) {
        if self.is_closing() {
            discard(args);
            return birth.fail(SpawnError::ShuttingDown);
        }
        let cell = self.add_endpoint(|pid| ActorCell::<A>::new(pid, &birth.options));
        self.0.counters.note_spawned();
        let prepared = self.prepare(&*cell, &birth.options);
        let by_asker = birth.is_asked_here() && !A::ON_THREAD && self.is_entered();
        let mut ending = Ending::new(self.clone(), Arc::clone(&cell), birth);
        if let Err(error) = prepared {
            return ending.fail((error, ExitReason::Normal));
        }
        let mut resident = Resident::new(ending, args);
        let serial = cell.core().pid().serial();
        if by_asker && sender::begin(serial, || resident.begin()) == Some(false) {
            return;
        }
        let life = Acting::new(serial, resident.live());
        let switch = if A::ON_THREAD {
            hosting::host_on_thread(&self.0.runtime, cell.core().type_name(), life)
        } else {
            Some(hosting::host(&self.0.runtime, life))
        };
        if let Some(switch) = switch {
            cell.core().set_kill_switch(switch);
        }
    }

    /// Whether this runs in the runtime that its actors run in.
    fn is_entered(&self) -> bool {
        Handle::try_current().is_ok_and(|here| here.id() == self.0.runtime.id())
    }

    /// What an actor has before its `init` runs: its name, and its half of the link.
    fn prepare(&self, cell: &dyn AnyCell, options: &Options) -> Result<(), SpawnError> {
        let pid = cell.core().pid();
        if let Some(name) = &options.name {
            self.register(name, pid).map_err(|error| match error {
                RegisterError::BadName => SpawnError::BadArguments(error.to_string()),
                RegisterError::Taken(_) | RegisterError::NoProc | RegisterError::NotLocal(_) => {
                    SpawnError::NameTaken(name.clone())
                }
            })?;
        }
        if let Some(parent) = options.parent.as_ref().filter(|_| options.link) {
            // If the parent ends during init, so does the child.
            let _ = cell.core().with_bonds(|bonds| bonds.link(parent.clone()));
            self.bond(pid, parent);
        }
        Ok(())
    }

    /// The end of an actor: everything it held is given up, and everyone bound to it is told.
    /// What other nodes are told goes by `lane`. Says whether this was the first to say so.
    pub(crate) fn bury(&self, cell: &dyn AnyCell, lane: LaneKey, reason: ExitReason) -> bool {
        let pid = cell.core().pid();
        let Some(End { reason, mut farewell }) = cell.core().end(reason) else {
            return false;
        };
        // Other nodes first: who is told here may be what the shutdown of the node waits for before
        // it ends the sessions.
        farewell.links.sort_by_key(AnyPid::is_local);
        farewell.watchers.sort_by_key(|(watcher, _)| watcher.is_local());
        cell.close_mailbox();
        self.0.cells.remove(&pid.serial());
        self.0.names.forget(pid.serial());
        self.unsubscribe_nodes(pid.serial());
        let (node, kind) = (self.name(), cell.core().type_name());
        tracing::debug!(%node, %pid, kind, %reason, "actor ended");
        let exit = || Signal::Exit { from: pid.clone(), reason: reason.clone(), linked: true };
        let exits = farewell.links.into_iter().map(|other| (other, exit())).collect();
        cell.core().say_farewell(self, exits);
        for (watcher, monitor) in farewell.watchers {
            let (target, reason) = (pid.clone(), reason.clone());
            self.signal_by(lane, &watcher, Signal::Down { monitor, target, reason });
        }
        for (monitor, target) in farewell.monitors {
            self.signal_by(lane, &target, Signal::Demonitor { watcher: pid.clone(), monitor });
        }
        for other in &farewell.bonded {
            other.home().unbond(pid.serial());
        }
        // Last: who hears of the end finds the name free, the mailbox closed and the signals sent.
        cell.core().tell_end(&reason);
        true
    }
}

/// Resolves when all of these have ended; they are watched from this call on.
fn ends(cells: &[Arc<dyn AnyCell>]) -> impl Future<Output = ()> + use<> {
    let ends: Vec<_> = cells.iter().map(|cell| cell.core().when_ended()).collect();
    async move {
        for end in ends {
            let _ = end.await;
        }
    }
}
