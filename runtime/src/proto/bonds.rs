//! The links and monitors of one actor: pure tables that turn signals into what must be done.
//!
//! An entry outlives the signal that ends it until the actor has *handled* that signal. So `unlink`
//! and `demonitor` also withdraw a queued `Exit` or `Down`: when the actor comes to it, the entry is
//! gone and the event is dropped (OTP's `demonitor(Ref, [flush])`).

use std::collections::BTreeMap;

use crate::actor::info::MonitorRef;
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
    traps_exits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Active,
    /// The other side has ended; the `Exit` waits in the mailbox.
    Exited,
}

#[derive(Debug)]
struct Watch {
    target: AnyPid,
    /// The `Down` waits in the mailbox.
    fired: bool,
}

/// What an exit signal does to the actor that gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitEffect {
    Ignored,
    /// It ends, for this reason.
    Ends(ExitReason),
    /// It gets an `Exit` event.
    Trapped,
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
        self.traps_exits = traps;
    }

    /// Notes that the node of `other` keeps a note of this actor.
    pub(crate) fn note_bonded(&mut self, other: AnyPid) {
        self.bonded.entry(other.instance().clone()).or_insert(other);
    }

    /// Adds a link; `false` if it was there.
    pub(crate) fn link(&mut self, other: AnyPid) -> bool {
        self.links.insert(other, LinkState::Active) != Some(LinkState::Active)
    }

    /// Removes a link, and with it an exit that waits; `false` if there was none.
    pub(crate) fn unlink(&mut self, other: &AnyPid) -> bool {
        self.links.remove(other).is_some()
    }

    /// Notes that `watcher` watches this actor.
    pub(crate) fn add_watcher(&mut self, watcher: AnyPid, monitor: MonitorRef) {
        self.watchers.insert((watcher, monitor), ());
    }

    pub(crate) fn remove_watcher(&mut self, watcher: &AnyPid, monitor: MonitorRef) {
        self.watchers.remove(&(watcher.clone(), monitor));
    }

    /// Notes that this actor watches `target`.
    pub(crate) fn monitor(&mut self, monitor: MonitorRef, target: AnyPid) {
        self.monitors.insert(monitor, Watch { target, fired: false });
    }

    /// Ends a monitor, and with it a down that waits; whom it watched, if it was there.
    pub(crate) fn demonitor(&mut self, monitor: MonitorRef) -> Option<AnyPid> {
        self.monitors.remove(&monitor).map(|watch| watch.target)
    }

    /// An exit signal came from `from`; `linked` if because of a link, not by hand.
    pub(crate) fn on_exit(
        &mut self,
        from: &AnyPid,
        reason: &ExitReason,
        linked: bool,
    ) -> ExitEffect {
        if linked {
            match self.links.get_mut(from) {
                Some(state @ LinkState::Active) => *state = LinkState::Exited,
                Some(LinkState::Exited) | None => return ExitEffect::Ignored,
            }
        }
        if self.traps_exits {
            return ExitEffect::Trapped;
        }
        if linked {
            self.links.remove(from);
        }
        if reason.is_normal() { ExitEffect::Ignored } else { ExitEffect::Ends(reason.clone()) }
    }

    /// Whether a down for `monitor` is to be queued: the monitor is there and has not fired.
    pub(crate) fn on_down(&mut self, monitor: MonitorRef) -> bool {
        match self.monitors.get_mut(&monitor) {
            Some(watch) if !watch.fired => {
                watch.fired = true;
                true
            }
            Some(_) | None => false,
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

    /// The node of `lost` pids is gone: what links and monitors to them must now fire, and watchers
    /// there are forgotten.
    pub(crate) fn on_node_down(&mut self, lost: impl Fn(&AnyPid) -> bool) -> Farewell {
        self.watchers.retain(|(watcher, _), ()| !lost(watcher));
        let links =
            self.links.iter().filter(|(pid, state)| **state == LinkState::Active && lost(pid));
        let monitors =
            self.monitors.iter().filter(|(_, watch)| !watch.fired && lost(&watch.target));
        Farewell {
            links: links.map(|(pid, _)| pid.clone()).collect(),
            watchers: Vec::new(),
            monitors: monitors.map(|(monitor, watch)| (*monitor, watch.target.clone())).collect(),
            bonded: Vec::new(),
        }
    }

    /// The actor has ended: whom to tell. Leaves nothing behind.
    pub(crate) fn take_all(&mut self) -> Farewell {
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

    pub(crate) fn links(&self) -> impl Iterator<Item = &AnyPid> {
        self.links.keys()
    }

    pub(crate) fn traps_exits(&self) -> bool {
        self.traps_exits
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
