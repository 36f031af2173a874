//! What counts as one restart: the loss of a node, and its orderly end, whatever children it had.
//!
//! Told in another way than in `departures`: a restart that counts has the names of all lives that
//! are on the node then, and excuses them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::log::{Attempt, Name};
use super::setup::Setup;
use crate::reason::ExitReason;

/// The lives that children had, and which restarts count.
pub(super) struct Restarts<'a> {
    setup: &'a Setup,
    attempts: BTreeMap<Name, Attempt>,
    times: Vec<Counted>,
    pub(super) count: u64,
    /// Restarts that did not count.
    pub(super) explained: u64,
}

/// A restart that counts.
struct Counted {
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

impl<'a> Restarts<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        Self { setup, attempts: BTreeMap::new(), times: Vec::new(), count: 0, explained: 0 }
    }

    /// One more life of a child begins.
    pub(super) fn next_life(&mut self, name: Name) -> Attempt {
        let attempt = self.attempts.entry(name).or_default();
        *attempt += 1;
        *attempt
    }

    /// Whether the latest life of a child is or was on the supervisor's own node.
    pub(super) fn is_here(&self, name: Name) -> bool {
        self.place(name) == 0
    }

    fn place(&self, name: Name) -> usize {
        self.setup.place(name, self.attempts.get(&name).copied().unwrap_or_default())
    }

    /// Counts a restart, unless a loss that counts excuses it.
    pub(super) fn is_too_often(&mut self, now: Duration, name: Name, why: Option<Why>) -> bool {
        let too_often = self.weigh(now, name, why);
        self.count += u64::from(!too_often);
        too_often
    }

    fn weigh(&mut self, now: Duration, name: Name, why: Option<Why>) -> bool {
        let (period, place) = (self.setup.period, self.place(name));
        let why = why.filter(|_| place > 0);
        let lives = self.attempts.iter().map(|(name, attempt)| (*name, *attempt));
        let there: BTreeSet<_> =
            lives.filter(|(name, attempt)| self.setup.place(*name, *attempt) == place).collect();
        let this = (name, self.attempts.get(&name).copied().unwrap_or_default());
        self.times.retain(|counted| now.saturating_sub(counted.at) <= period);
        let losses = self.times.iter_mut().filter_map(|counted| counted.loss.as_mut());
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
        self.times.push(Counted { at: now, loss });
        self.times.len() > self.setup.restarts
    }
}
