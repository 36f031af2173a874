//! The links and monitors of one actor: pure tables that turn signals into what must be done.
//!
//! An entry outlives the signal that ends it until the actor has *handled* that signal. So `unlink`
//! and `demonitor` also withdraw a queued `Exit` or `Down`: when the actor comes to it, the entry is
//! gone and the event is dropped (OTP's `demonitor(Ref, [flush])`).
//!
//! An unlink is acknowledged, as in Erlang's link protocol. Until then the entry stays, so that a link
//! from the other side that crossed the unlink is not taken for a new one: the other side removes it
//! when the unlink arrives, and both agree that there is none.
//!
//! The exit of a supervised child is held back here from its birth until its supervisor has taken the
//! report of its start, so that a supervisor never sees the end of somebody before the beginning.

use std::collections::BTreeMap;

use crate::actor::info::{Down, Exit, MonitorRef};
use crate::bond::signal::Signal;
use crate::identity::NodeInstance;
use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// The bonds of one actor.
#[derive(Debug, Default)]
pub(crate) struct Bonds {
    links: BTreeMap<AnyPid, LinkState>,
    /// Who watches this actor. The pid is part of the key: refs are unique per watching node only.
    watchers: BTreeMap<(AnyPid, MonitorRef), ()>,
    /// Whom this actor watches.
    monitors: BTreeMap<MonitorRef, Watch>,
    /// A pid of each other node that it ever had a bond with.
    bonded: BTreeMap<NodeInstance, AnyPid>,
    on_exit: OnExit,
    /// Boxed, since most actors are no supervisors.
    held: Option<Box<Held>>,
}

/// Of whom no exit is to come yet, and the one that came: one for each start of a child that is not
/// reported.
#[derive(Debug, Default)]
struct Held(BTreeMap<AnyPid, Option<Exit>>);

/// A bond with an actor whose node is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    Monitor(MonitorRef, AnyPid),
    Link(AnyPid),
}

impl Lost {
    /// The signal that its end would have sent.
    pub(crate) fn signal(&self, reason: ExitReason) -> Signal {
        match self.clone() {
            Self::Monitor(monitor, target) => Signal::Down { monitor, target, reason },
            Self::Link(from) => Signal::Exit { from, reason, linked: true },
        }
    }
}

/// What the exit of a link does to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OnExit {
    /// It ends with it, unless that was normal.
    #[default]
    Ends,
    /// It gets an event.
    Trapped,
    /// Nothing: nobody reads its events any more.
    Ignored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Active,
    /// The other side has ended; the `Exit` waits in the mailbox.
    Exited,
    /// This side has unlinked, and the other has not acknowledged this ref yet.
    Unlinking(u64),
}

#[derive(Debug)]
struct Watch {
    target: AnyPid,
    /// The `Down` waits in the mailbox.
    fired: bool,
}

/// What a signal leads to, beside a change of the tables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    /// The actor ends at its next await point, for this reason.
    Ends(ExitReason),
    /// It ends after the message at hand, or after those that are queued.
    Stops(ExitReason),
    Drains(ExitReason),
    /// It gets an event.
    Exit(Exit),
    Down(Down),
    /// A signal goes back.
    Answer(AnyPid, Signal),
    /// There is a bond with this actor, whose node is to be watched.
    Bonded(AnyPid),
}

/// Whom to tell when the actor ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) links: Vec<AnyPid>,
    pub(crate) watchers: Vec<(AnyPid, MonitorRef)>,
    pub(crate) monitors: Vec<(MonitorRef, AnyPid)>,
    /// A pid of each other node that keeps a note of this actor.
    pub(crate) bonded: Vec<AnyPid>,
}

impl Bonds {
    pub(crate) fn set_trap_exits(&mut self, traps: bool) {
        self.on_exit = if traps { OnExit::Trapped } else { OnExit::Ends };
    }

    /// Exits are nothing to it from here on. Those linked to it still hear of its end.
    pub(crate) fn ignore_exits(&mut self) {
        self.on_exit = OnExit::Ignored;
    }

    /// Notes that the node of `other` keeps a note of this actor.
    pub(crate) fn note_bonded(&mut self, other: AnyPid) {
        self.bonded.entry(other.instance().clone()).or_insert(other);
    }

    /// Adds a link from this side.
    pub(crate) fn link(&mut self, other: AnyPid) {
        self.links.insert(other, LinkState::Active);
    }

    /// Holds back the exit of a link with `child` until `release`.
    pub(crate) fn hold(&mut self, child: AnyPid) {
        self.held.get_or_insert_default().0.insert(child, None);
    }

    /// Ends a `hold`: the exit that came meanwhile goes into the mailbox.
    pub(crate) fn release(&mut self, child: &AnyPid) -> Option<Exit> {
        self.held.as_mut()?.0.remove(child)?
    }

    /// Ends a link from this side, and with it an exit that waits. Whether the other side has to be
    /// told, with `unlink` as the ref that it acknowledges.
    pub(crate) fn unlink(&mut self, other: &AnyPid, unlink: u64) -> bool {
        match self.links.get_mut(other) {
            Some(state @ LinkState::Active) => {
                *state = LinkState::Unlinking(unlink);
                true
            }
            Some(LinkState::Exited) => {
                self.links.remove(other);
                false
            }
            Some(LinkState::Unlinking(_)) | None => false,
        }
    }

    /// Takes a signal that reached the actor `me`.
    pub(crate) fn handle(&mut self, me: &AnyPid, signal: Signal) -> Effect {
        match signal {
            Signal::Link { from } => self.on_link(from),
            Signal::Unlink { from, unlink } => {
                if self.links.get(&from) == Some(&LinkState::Active) {
                    self.links.remove(&from);
                }
                Effect::Answer(from, Signal::UnlinkAck { from: me.clone(), unlink })
            }
            Signal::UnlinkAck { from, unlink } => {
                if self.links.get(&from) == Some(&LinkState::Unlinking(unlink)) {
                    self.links.remove(&from);
                }
                Effect::Nothing
            }
            Signal::Exit { from, reason, linked } => self.on_exit(from, reason, linked),
            Signal::Monitor { watcher, monitor } => {
                self.add_watcher(watcher.clone(), monitor);
                Effect::Bonded(watcher)
            }
            Signal::Demonitor { watcher, monitor } => {
                self.remove_watcher(watcher, monitor);
                Effect::Nothing
            }
            Signal::Down { monitor, target, reason } => self.on_down(monitor, target, reason),
            Signal::Stop { reason } => Effect::Stops(reason),
            Signal::Drain { reason } => Effect::Drains(reason),
            Signal::Kill => Effect::Ends(ExitReason::Killed),
        }
    }

    fn on_link(&mut self, from: AnyPid) -> Effect {
        match self.links.get(&from) {
            Some(LinkState::Unlinking(_)) => Effect::Nothing,
            Some(LinkState::Active | LinkState::Exited) | None => {
                self.links.insert(from.clone(), LinkState::Active);
                Effect::Bonded(from)
            }
        }
    }

    /// Notes that `watcher` watches this actor.
    pub(crate) fn add_watcher(&mut self, watcher: AnyPid, monitor: MonitorRef) {
        self.watchers.insert((watcher, monitor), ());
    }

    pub(crate) fn remove_watcher(&mut self, watcher: AnyPid, monitor: MonitorRef) {
        self.watchers.remove(&(watcher, monitor));
    }

    /// Drops what a spawn bound this actor with, since it gave the spawn up. The other side ends, and
    /// is not told.
    pub(crate) fn forget(&mut self, child: &AnyPid, monitor: Option<MonitorRef>) {
        self.links.remove(child);
        drop(self.release(child));
        if let Some(monitor) = monitor {
            self.monitors.remove(&monitor);
        }
    }

    /// Notes that this actor watches `target`.
    pub(crate) fn monitor(&mut self, monitor: MonitorRef, target: AnyPid) {
        self.monitors.insert(monitor, Watch { target, fired: false });
    }

    /// Ends a monitor, and with it a down that waits; whom it watched, if it was there.
    pub(crate) fn demonitor(&mut self, monitor: MonitorRef) -> Option<AnyPid> {
        self.monitors.remove(&monitor).map(|watch| watch.target)
    }

    /// An exit signal came; `linked` if because of a link, not by hand.
    fn on_exit(&mut self, from: AnyPid, reason: ExitReason, linked: bool) -> Effect {
        if linked {
            match self.links.get_mut(&from) {
                Some(state @ LinkState::Active) => *state = LinkState::Exited,
                Some(LinkState::Unlinking(_)) => {
                    self.links.remove(&from);
                    return Effect::Nothing;
                }
                Some(LinkState::Exited) | None => return Effect::Nothing,
            }
        }
        if self.traps_exits() {
            let holding =
                self.held.as_mut().filter(|_| linked).and_then(|held| held.0.get_mut(&from));
            let exit = Exit { pid: from, reason, linked };
            let Some(held) = holding else { return Effect::Exit(exit) };
            *held = Some(exit);
            return Effect::Nothing;
        }
        if linked {
            self.links.remove(&from);
        }
        let ends = self.on_exit == OnExit::Ends && !reason.is_normal();
        if ends { Effect::Ends(reason) } else { Effect::Nothing }
    }

    /// A down came: an event if the monitor is there and has not fired.
    fn on_down(&mut self, monitor: MonitorRef, pid: AnyPid, reason: ExitReason) -> Effect {
        match self.monitors.get_mut(&monitor) {
            Some(watch) if !watch.fired => {
                watch.fired = true;
                Effect::Down(Down { monitor, pid, reason })
            }
            Some(_) | None => Effect::Nothing,
        }
    }

    /// The actor comes to a queued exit of a link: whether it still wants it.
    pub(crate) fn take_exit(&mut self, from: &AnyPid) -> bool {
        let exited = self.links.get(from) == Some(&LinkState::Exited);
        if exited {
            self.links.remove(from);
        }
        exited
    }

    /// The actor comes to a queued down: whether it still wants it.
    pub(crate) fn take_down(&mut self, monitor: MonitorRef) -> bool {
        self.monitors.remove(&monitor).is_some()
    }

    /// The node of `lost` pids is gone: which links and monitors were with them, each of which is to be
    /// handled as a signal. Watchers there are forgotten.
    pub(crate) fn lose(&mut self, lost: impl Fn(&AnyPid) -> bool) -> Vec<Lost> {
        self.watchers.retain(|(watcher, _), ()| !lost(watcher));
        let mut bonds = Vec::with_capacity(self.monitors.len() + self.links.len());
        let monitors = self.monitors.iter().filter(|(_, watch)| lost(&watch.target));
        bonds.extend(monitors.map(|(m, watch)| Lost::Monitor(*m, watch.target.clone())));
        bonds.extend(self.links.keys().filter(|pid| lost(pid)).cloned().map(Lost::Link));
        bonds
    }

    /// Whether there is a link or monitor with an actor of this life of a node, either way.
    pub(crate) fn reach(&self, peer: &NodeInstance) -> bool {
        let is_there = |pid: &AnyPid| pid.instance() == peer;
        self.links.iter().any(|(pid, state)| *state != LinkState::Exited && is_there(pid))
            || self.watchers.keys().any(|(watcher, _)| is_there(watcher))
            || self.monitors.values().any(|watch| !watch.fired && is_there(&watch.target))
    }

    /// The actor has ended: whom to tell. Leaves nothing behind.
    pub(crate) fn take_all(&mut self) -> Farewell {
        self.held = None;
        // Most actors have none: four empty maps cost a twentieth of a life otherwise.
        if self.is_alone() {
            return Farewell::default();
        }
        let links = std::mem::take(&mut self.links);
        let watchers = std::mem::take(&mut self.watchers);
        let monitors = std::mem::take(&mut self.monitors);
        Farewell {
            links: links
                .into_iter()
                .filter(|(_, state)| *state == LinkState::Active)
                .map(|(pid, _)| pid)
                .collect(),
            watchers: watchers.into_keys().collect(),
            monitors: monitors
                .into_iter()
                .filter(|(_, watch)| !watch.fired)
                .map(|(monitor, watch)| (monitor, watch.target))
                .collect(),
            bonded: std::mem::take(&mut self.bonded).into_values().collect(),
        }
    }

    fn is_alone(&self) -> bool {
        let Self { links, watchers, monitors, bonded, .. } = self;
        links.is_empty() && watchers.is_empty() && monitors.is_empty() && bonded.is_empty()
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &AnyPid> {
        self.links.iter().filter(|(_, state)| **state == LinkState::Active).map(|(pid, _)| pid)
    }

    pub(crate) fn traps_exits(&self) -> bool {
        self.on_exit == OnExit::Trapped
    }

    pub(crate) fn watchers_count(&self) -> usize {
        self.watchers.len()
    }

    pub(crate) fn monitors_count(&self) -> usize {
        self.monitors.len()
    }
}

#[cfg(test)]
mod tests;
