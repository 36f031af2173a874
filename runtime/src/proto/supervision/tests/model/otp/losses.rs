//! What counts as one restart: the loss of a node, and its orderly end, whatever children it had.
//!
//! Told in another way than in `departures`: a restart that counts has the names of all lives that
//! are on the node then, and excuses them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::log::{Attempt, Name};
use super::Otp;
use crate::reason::ExitReason;

/// A restart that counts.
pub(super) struct Counted {
    at: Duration,
    loss: Option<Loss>,
}

struct Loss {
    place: usize,
    excused: BTreeSet<(Name, Attempt)>,
    /// Whether the node is known to be gone, and not only stopping its actors.
    is_gone: bool,
}

/// How a life on another node came to its end, if the node may have to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Stopped,
    Lost,
}

impl Why {
    pub(super) fn of(reason: &ExitReason) -> Option<Self> {
        [
            (ExitReason::Killed, Self::Stopped),
            (ExitReason::Shutdown, Self::Stopped),
            (ExitReason::NoConnection, Self::Lost),
        ]
        .into_iter()
        .find_map(|(other, why)| (*reason == other).then_some(why))
    }
}

impl Otp<'_> {
    /// Where the latest life of a child is or was.
    pub(super) fn place(&self, name: Name) -> usize {
        self.setup.place(name, self.attempts.get(&name).copied().unwrap_or_default())
    }

    /// Counts a restart, unless a loss that counts excuses it.
    pub(super) fn is_too_often(&mut self, name: Name, why: Option<Why>) -> bool {
        let (now, period, place) = (self.now, self.setup.period, self.place(name));
        let why = why.filter(|_| place > 0);
        let lives = self.attempts.iter().map(|(name, attempt)| (*name, *attempt));
        let there: BTreeSet<_> =
            lives.filter(|(name, attempt)| self.setup.place(*name, *attempt) == place).collect();
        let this = (name, self.attempts.get(&name).copied().unwrap_or_default());
        self.restart_times.retain(|counted| now.saturating_sub(counted.at) <= period);
        let losses = self.restart_times.iter_mut().filter_map(|counted| counted.loss.as_mut());
        let latest = losses.filter(|loss| loss.place == place).last();
        if let (Some(loss), Some(why)) = (latest, why) {
            let known = loss.excused.contains(&this);
            let goes_at_last = why == Why::Lost && !loss.is_gone;
            if goes_at_last {
                loss.is_gone = true;
                loss.excused = there.clone();
            }
            if known || goes_at_last {
                self.explained += 1;
                return false;
            }
        }
        let is_gone = why == Some(Why::Lost);
        let loss = why.map(|_| Loss { place, excused: there, is_gone });
        self.restart_times.push(Counted { at: now, loss });
        self.restart_times.len() > self.setup.restarts
    }
}
