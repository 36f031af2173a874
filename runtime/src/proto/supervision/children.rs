//! The children of a supervisor: in start order, by id, by pid, and counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rules::{ChildRules, NAMELESS, Restart};
use crate::identity::NodeId;
use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// Names a child within its supervisor. Keys rise in start order and are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChildKey(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) rules: ChildRules,
    pub(crate) life: Life,
    /// How often it was restarted.
    pub(crate) restarts: u64,
    /// Restarts in a row, for its backoff.
    pub(super) streak: u32,
    /// When its latest start began, as a number of `Tracks::arrival`.
    pub(super) began: u64,
    /// The node that its latest failed start was lost with.
    pub(super) lost_with: Option<NodeId>,
}

impl Child {
    /// What it is called in errors.
    pub(super) fn label(&self) -> String {
        self.rules.id.as_deref().unwrap_or(NAMELESS).to_owned()
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.rules.restart == Restart::Temporary
    }
}

/// Where a child is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    /// A start is under way.
    Starting,
    Running {
        pid: AnyPid,
        since: Duration,
    },
    /// It has ended, and its turn to be dealt with has not come.
    Ended {
        pid: AnyPid,
        reason: ExitReason,
        since: Duration,
    },
    /// A stop is under way.
    Stopping {
        pid: AnyPid,
    },
    /// Its last start failed; it is tried again at once.
    Retrying,
    /// It is started again at this time.
    Waiting {
        at: Duration,
    },
    /// It is not started again unless somebody asks, or its group is restarted.
    Stopped,
}

impl Life {
    pub(crate) fn pid(&self) -> Option<&AnyPid> {
        match self {
            Self::Running { pid, .. } | Self::Stopping { pid } => Some(pid),
            Self::Starting
            | Self::Ended { .. }
            | Self::Retrying
            | Self::Waiting { .. }
            | Self::Stopped => None,
        }
    }

    /// By whose pid it is found: also by that of one that has ended, until that is dealt with.
    fn known_pid(&self) -> Option<&AnyPid> {
        match self {
            Self::Ended { pid, .. } => Some(pid),
            Self::Starting
            | Self::Running { .. }
            | Self::Stopping { .. }
            | Self::Retrying
            | Self::Waiting { .. }
            | Self::Stopped => self.pid(),
        }
    }

    /// Whether it runs, or is about to, or to end: it takes a place on a node.
    pub(crate) fn takes_a_place(&self) -> bool {
        match self {
            Self::Starting | Self::Running { .. } | Self::Stopping { .. } => true,
            Self::Ended { .. } | Self::Retrying | Self::Waiting { .. } | Self::Stopped => false,
        }
    }

    /// Whether a start or stop of it is under way.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self, Self::Starting | Self::Stopping { .. })
    }
}

/// How many children there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) supervisors: usize,
    pub(crate) running: usize,
    pub(super) under_way: usize,
    /// Significant children that have not ended for good.
    pub(super) significant: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Children {
    table: BTreeMap<ChildKey, Child>,
    ids: BTreeMap<Box<str>, ChildKey>,
    pids: BTreeMap<AnyPid, ChildKey>,
    tally: Tally,
}

impl Children {
    /// Adds a child that is not started yet. Its id is free: who adds has looked.
    pub(super) fn add(&mut self, key: ChildKey, rules: ChildRules) {
        if let Some(id) = &rules.id {
            self.ids.insert(id.clone(), key);
        }
        self.tally.supervisors += usize::from(rules.is_supervisor);
        let child =
            Child { rules, life: Life::Stopped, restarts: 0, streak: 0, began: 0, lost_with: None };
        self.table.insert(key, child);
    }

    pub(super) fn remove(&mut self, key: ChildKey) {
        self.set_life(key, Life::Stopped);
        let Some(child) = self.table.remove(&key) else { return };
        self.tally.supervisors -= usize::from(child.rules.is_supervisor);
        if let Some(id) = &child.rules.id {
            self.ids.remove(id);
        }
    }

    /// The only place where a life changes: tables and tally follow it.
    pub(super) fn set_life(&mut self, key: ChildKey, life: Life) {
        let Some(child) = self.table.get_mut(&key) else { return };
        let significant = child.rules.significant;
        let before = std::mem::replace(&mut child.life, life.clone());
        if before.known_pid() != life.known_pid() {
            if let Some(pid) = before.known_pid() {
                self.pids.remove(pid);
            }
            if let Some(pid) = life.known_pid() {
                self.pids.insert(pid.clone(), key);
            }
        }
        let running = |life: &Life| usize::from(matches!(life, Life::Running { .. }));
        let under_way = |life: &Life| usize::from(life.is_under_way());
        let lives = |life: &Life| usize::from(significant && *life != Life::Stopped);
        let tally = &mut self.tally;
        tally.running = tally.running + running(&life) - running(&before);
        tally.under_way = tally.under_way + under_way(&life) - under_way(&before);
        tally.significant = tally.significant + lives(&life) - lives(&before);
    }

    pub(crate) fn get(&self, key: ChildKey) -> Option<&Child> {
        self.table.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: ChildKey) -> Option<&mut Child> {
        self.table.get_mut(&key)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<ChildKey> {
        self.ids.get(id).copied()
    }

    pub(super) fn by_pid(&self, pid: &AnyPid) -> Option<ChildKey> {
        self.pids.get(pid).copied()
    }

    /// In start order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChildKey, &Child)> {
        self.table.iter().map(|(key, child)| (*key, child))
    }

    /// From `first` on, in start order.
    pub(super) fn keys_from(&self, first: ChildKey) -> impl Iterator<Item = ChildKey> {
        self.table.range(first..).map(|(key, _)| *key)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }
}
