//! Process groups of one scope, after OTP's `pg`.
//!
//! A node publishes (group, own pid) with the number of joins as a fact; the members of a group are
//! the pids of all facts of all connected nodes. Groups do not conflict, so the view is the union.
//!
//! Invariant: the events told so far, played on an empty set, give exactly [`State::members`]; each
//! monitor's snapshot with its later events does too.

mod monitors;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starlings_runtime::{AnyPid, NodeInstance};

use super::replication::{self, Changed, Full};
use super::{Input, Output};
use crate::key::Key;
use crate::wire::{GroupsMessage, Membership};
use monitors::Monitors;
pub use monitors::{MONITORS_MAX, MonitorId, Target, TooManyMonitors};

/// A pid has become a member of a group, or has ceased to be one.
///
/// A pid that joins a second time is a member already: only the first join and the last leave show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The group.
    pub group: Key,
    /// The member.
    pub pid: AnyPid,
    /// What it did.
    pub change: Change,
    /// The monitors that are to hear of it.
    pub monitors: Vec<MonitorId>,
}

/// What a pid did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is a member.
    Joined,
    /// It is not a member any more.
    Left,
}

/// Where sends and events go.
pub type Outbox = Vec<Output<GroupsMessage, Event>>;

/// Why a join or a leave did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// Only pids of this life of this node join and leave here.
    #[error("the pid is not of this node")]
    NotLocal,
    /// The pid is not a member.
    #[error("the pid is not a member")]
    NotJoined,
    /// See [`Full`].
    #[error(transparent)]
    Full(#[from] Full),
}

/// The groups of one scope on one node.
#[derive(Debug)]
pub struct State {
    facts: replication::State<Membership, u32>,
    /// No group is empty.
    members: BTreeMap<Key, BTreeSet<AnyPid>>,
    /// The groups of each pid of this node, by serial; none is empty.
    joined: BTreeMap<u64, BTreeSet<Key>>,
    monitors: Monitors,
}

impl State {
    /// A scope without groups. For `stream` and the interval see [`replication::State::new`].
    #[must_use]
    pub fn new(me: NodeInstance, stream: u64, digest_interval: Duration) -> Self {
        Self {
            facts: replication::State::new(me, stream, digest_interval),
            members: BTreeMap::new(),
            joined: BTreeMap::new(),
            monitors: Monitors::default(),
        }
    }

    /// Makes `pid` a member, or counts one join more.
    ///
    /// The caller sees to it that `pid` is alive, and calls [`State::pid_down`] when it dies.
    ///
    /// # Errors
    /// `NotLocal` and `Full`; nothing is changed.
    pub fn join(
        &mut self,
        group: Key,
        pid: &AnyPid,
        outbox: &mut Outbox,
    ) -> Result<(), GroupError> {
        self.check_local(pid)?;
        let fact = (group, pid.serial());
        let count = self.facts.own().get(&fact).copied().unwrap_or(0).saturating_add(1);
        self.publish(vec![(fact.clone(), Some(count))], outbox)?;
        self.joined.entry(fact.1).or_default().insert(fact.0);
        Ok(())
    }

    /// Takes one join back; after the last one `pid` is no member.
    ///
    /// # Errors
    /// `NotLocal` and `NotJoined`; nothing is changed.
    pub fn leave(
        &mut self,
        group: &Key,
        pid: &AnyPid,
        outbox: &mut Outbox,
    ) -> Result<(), GroupError> {
        self.check_local(pid)?;
        let fact = (group.clone(), pid.serial());
        let count = *self.facts.own().get(&fact).ok_or(GroupError::NotJoined)?;
        let left = count.checked_sub(1).filter(|left| *left > 0);
        if left.is_none() {
            self.forget(&fact);
        }
        Ok(self.publish(vec![(fact, left)], outbox)?)
    }

    /// Takes a dead pid of this node out of all its groups.
    pub fn pid_down(&mut self, pid: &AnyPid, outbox: &mut Outbox) {
        if self.check_local(pid).is_err() {
            return;
        }
        let groups = self.joined.remove(&pid.serial()).unwrap_or_default();
        let changes = groups.into_iter().map(|group| ((group, pid.serial()), None)).collect();
        // Removals are never too many.
        let _ = self.publish(changes, outbox);
    }

    /// The members of a group, each once, in the order of pids. Complexity: their number.
    pub fn members(&self, group: &Key) -> impl Iterator<Item = &AnyPid> {
        self.members.get(group).into_iter().flatten()
    }

    /// Whether `pid` is a member of a group.
    #[must_use]
    pub fn has_member(&self, group: &Key, pid: &AnyPid) -> bool {
        self.members.get(group).is_some_and(|pids| pids.contains(pid))
    }

    /// The members of a group that are of this node.
    pub fn local_members(&self, group: &Key) -> impl Iterator<Item = &AnyPid> {
        self.members(group).filter(|pid| pid.instance() == self.facts.me())
    }

    /// All groups, none of them empty, in order.
    pub fn groups(&self) -> impl Iterator<Item = &Key> {
        self.members.keys()
    }

    /// Begins to watch a group, or all of them, and returns who is a member of what right now. Every
    /// later change, and no earlier one, names the monitor in [`Event::monitors`].
    ///
    /// # Errors
    /// [`TooManyMonitors`]; nothing is watched.
    pub fn monitor(
        &mut self,
        target: Target,
    ) -> Result<(MonitorId, Vec<(Key, AnyPid)>), TooManyMonitors> {
        let snapshot = match &target {
            Target::Group(group) => {
                self.members(group).map(|pid| (group.clone(), pid.clone())).collect()
            }
            Target::Scope => self
                .members
                .iter()
                .flat_map(|(group, pids)| pids.iter().map(|pid| (group.clone(), pid.clone())))
                .collect(),
        };
        Ok((self.monitors.add(target)?, snapshot))
    }

    /// Ends a monitor; `false` if there is none. No later event names it.
    pub fn demonitor(&mut self, id: MonitorId) -> bool {
        self.monitors.remove(id)
    }

    /// Takes one input and appends what follows from it.
    pub fn handle(&mut self, now: Duration, input: Input<GroupsMessage>, outbox: &mut Outbox) {
        let mut inner = Vec::new();
        self.facts.handle(now, input, &mut inner);
        self.forward(inner, outbox);
    }

    /// When it wants [`Input::Elapsed`] next.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.facts.deadline()
    }

    /// The facts below the view, for tests and inspection.
    #[must_use]
    pub fn facts(&self) -> &replication::State<Membership, u32> {
        &self.facts
    }

    fn check_local(&self, pid: &AnyPid) -> Result<(), GroupError> {
        if pid.instance() == self.facts.me() { Ok(()) } else { Err(GroupError::NotLocal) }
    }

    fn forget(&mut self, (group, serial): &Membership) {
        if let Some(groups) = self.joined.get_mut(serial) {
            groups.remove(group);
            if groups.is_empty() {
                self.joined.remove(serial);
            }
        }
    }

    fn publish(
        &mut self,
        changes: Vec<(Membership, Option<u32>)>,
        outbox: &mut Outbox,
    ) -> Result<(), Full> {
        let mut inner = Vec::new();
        self.facts.publish(changes, &mut inner)?;
        self.forward(inner, outbox);
        Ok(())
    }

    fn forward(&mut self, inner: replication::Outbox<Membership, u32>, outbox: &mut Outbox) {
        for output in inner {
            match output {
                Output::Send { to, message } => outbox.push(Output::Send { to, message }),
                Output::Event(changed) => self.on_changed(changed, outbox),
            }
        }
    }

    fn on_changed(&mut self, changed: Changed<Membership, u32>, outbox: &mut Outbox) {
        let (group, serial) = changed.key;
        let change = match (changed.before, changed.after) {
            (None, Some(_)) => Change::Joined,
            (Some(_), None) => Change::Left,
            (Some(_), Some(_)) | (None, None) => return,
        };
        let pid = AnyPid::unbound(changed.owner, serial);
        match change {
            Change::Joined => {
                self.members.entry(group.clone()).or_default().insert(pid.clone());
            }
            Change::Left => {
                if let Some(pids) = self.members.get_mut(&group) {
                    pids.remove(&pid);
                    if pids.is_empty() {
                        self.members.remove(&group);
                    }
                }
            }
        }
        let monitors = self.monitors.watching(&group);
        outbox.push(Output::Event(Event { group, pid, change, monitors }));
    }
}

#[cfg(test)]
mod tests;
