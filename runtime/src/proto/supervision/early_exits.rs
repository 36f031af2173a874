//! Exits of actors that are not known as children: one of them may be a child whose start has not
//! been reported yet, since start and exit come on different ways.

use std::collections::BTreeMap;

use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// Exits kept beyond the number of children that are starting. Count; some MiB at most. Those of actors
/// that linked themselves with a supervisor fill them, and those of children that were reported as
/// stopped before their exit came, which may be thousands that are terminated at once; the oldest goes
/// first, and with it, were it a child's, the restart of that child.
const SLACK: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct EarlyExits {
    kept: BTreeMap<AnyPid, (u64, ExitReason)>,
    /// Whose they are, in the order in which they arrived.
    order: BTreeMap<u64, AnyPid>,
}

impl EarlyExits {
    /// Keeps an exit for as long as one of `starting` children may be who ended. No two arrive as the
    /// same.
    pub(super) fn keep(&mut self, starting: usize, arrived: u64, pid: AnyPid, reason: ExitReason) {
        if starting == 0 {
            return;
        }
        drop(self.take(&pid));
        self.order.insert(arrived, pid.clone());
        self.kept.insert(pid, (arrived, reason));
        if self.order.len() > starting + SLACK
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.kept.remove(&oldest);
        }
    }

    /// A child was started: how it has ended already, if it has.
    pub(super) fn take(&mut self, pid: &AnyPid) -> Option<(u64, ExitReason)> {
        let (arrived, reason) = self.kept.remove(pid)?;
        self.order.remove(&arrived);
        Some((arrived, reason))
    }

    /// A start was reported: when none is left, nobody can be who ended.
    pub(super) fn settle(&mut self, starting: usize) {
        if starting == 0 {
            self.kept.clear();
            self.order.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Incarnation, NodeInstance};

    fn pid(serial: u64) -> AnyPid {
        let instance = NodeInstance { node: "a@h".parse().unwrap(), incarnation: Incarnation(1) };
        AnyPid::unbound(instance, serial)
    }

    #[test]
    fn oldest_goes_when_there_are_too_many() {
        let mut early = EarlyExits::default();
        let last = u64::try_from(SLACK + 3).unwrap();
        for stranger in 1..=last {
            early.keep(1, stranger, pid(stranger), ExitReason::Killed);
            early.keep(0, stranger, pid(0), ExitReason::Killed);
        }
        assert_eq!((early.kept.len(), early.order.len()), (SLACK + 1, SLACK + 1));
        assert_eq!(early.take(&pid(2)), None);
        assert_eq!(early.take(&pid(3)), Some((3, ExitReason::Killed)));
        early.keep(1, last + 1, pid(last), ExitReason::Normal);
        assert_eq!(early.take(&pid(last)), Some((last + 1, ExitReason::Normal)));
        assert_eq!((early.kept.len(), early.order.len()), (SLACK - 1, SLACK - 1));
        early.settle(1);
        early.settle(0);
        assert!(early.kept.is_empty() && early.order.is_empty());
    }
}
