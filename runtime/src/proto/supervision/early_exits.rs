//! Exits of actors that are not known as children: one of them may be a child whose start has not
//! been reported yet, since start and exit come on different ways.

use std::collections::BTreeMap;

use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// Exits kept beyond the number of children that are starting. Count. Only actors that linked
/// themselves with a supervisor can fill them; the oldest goes first.
const SLACK: usize = 64;

#[derive(Debug, Default)]
pub(super) struct EarlyExits {
    kept: BTreeMap<AnyPid, (u64, ExitReason)>,
}

impl EarlyExits {
    /// Keeps an exit for as long as one of `starting` children may be who ended.
    pub(super) fn keep(&mut self, starting: usize, arrived: u64, pid: AnyPid, reason: ExitReason) {
        if starting == 0 {
            return;
        }
        self.kept.insert(pid, (arrived, reason));
        if self.kept.len() > starting + SLACK {
            let oldest = self.kept.iter().min_by_key(|(_, (arrived, _))| *arrived);
            let oldest = oldest.map(|(pid, _)| pid.clone());
            oldest.map(|pid| self.kept.remove(&pid));
        }
    }

    /// A child was started: how it has ended already, if it has.
    pub(super) fn take(&mut self, pid: &AnyPid) -> Option<(u64, ExitReason)> {
        self.kept.remove(pid)
    }

    /// A start was reported: when none is left, nobody can be who ended.
    pub(super) fn settle(&mut self, starting: usize) {
        if starting == 0 {
            self.kept.clear();
        }
    }
}
