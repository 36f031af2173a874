//! Who watches which group.

use std::collections::{BTreeMap, BTreeSet};

use crate::key::Key;

/// Most monitors of one scope on one node; a further one is refused. 64 Ki: one for each of many
/// actors, and a leak still shows.
pub const MONITORS_MAX: usize = 1 << 16;

/// A monitor of one scope on one node; never used twice by one [`State`](super::State).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(u64);

/// What a monitor watches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// One group, whether it has members yet or not.
    Group(Key),
    /// All groups of the scope.
    Scope,
}

/// There are [`MONITORS_MAX`] monitors already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MONITORS_MAX} monitors already")]
pub struct TooManyMonitors;

/// The monitors of one scope.
#[derive(Debug, Default)]
pub(super) struct Monitors {
    made: u64,
    targets: BTreeMap<MonitorId, Target>,
    groups: BTreeMap<Key, BTreeSet<MonitorId>>,
    scope: BTreeSet<MonitorId>,
}

impl Monitors {
    pub(super) fn add(&mut self, target: Target) -> Result<MonitorId, TooManyMonitors> {
        if self.targets.len() >= MONITORS_MAX {
            return Err(TooManyMonitors);
        }
        self.made += 1;
        let id = MonitorId(self.made);
        match &target {
            Target::Group(group) => self.groups.entry(group.clone()).or_default().insert(id),
            Target::Scope => self.scope.insert(id),
        };
        self.targets.insert(id, target);
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: MonitorId) -> bool {
        match self.targets.remove(&id) {
            None => return false,
            Some(Target::Scope) => {
                self.scope.remove(&id);
            }
            Some(Target::Group(group)) => {
                if let Some(ids) = self.groups.get_mut(&group) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.groups.remove(&group);
                    }
                }
            }
        }
        true
    }

    /// The monitors of `group`, those of the scope among them.
    pub(super) fn watching(&self, group: &Key) -> Vec<MonitorId> {
        self.groups.get(group).into_iter().flatten().chain(&self.scope).copied().collect()
    }
}
