//! How often a session says something and how long it may be silent, also when that changes while it
//! is up.
//!
//! The longer of what both ends ask for counts. An end that asks for something else tells the other one,
//! which answers; until then it beats as often as before or as now, whichever is more often, and waits
//! for as long as before or as now, whichever is longer. So no end takes the other for dead because one
//! of them knows of the change first.

use std::time::Duration;

use crate::wire::{NewPulse, Pulse};

/// The times of one session, as one end sees them.
#[derive(Debug)]
pub(super) struct Pulses {
    mine: Pulse,
    theirs: Pulse,
    heartbeat: Duration,
    silent: Duration,
    /// What this end asked for and has no answer to.
    unanswered: u32,
}

impl Pulses {
    pub(super) fn new(mine: Pulse, theirs: Pulse) -> Self {
        let (heartbeat, silent) = longer(mine, theirs);
        Self { mine, theirs, heartbeat, silent, unanswered: 0 }
    }

    /// After how long without a word this end says something.
    pub(super) fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    /// After how long without a word the other end is dead.
    pub(super) fn silent(&self) -> Duration {
        self.silent
    }

    /// This end asks for something else; what to tell the other one.
    pub(super) fn ask(&mut self, mine: Pulse) -> NewPulse {
        self.mine = mine;
        self.unanswered += 1;
        self.adapt();
        NewPulse { pulse: mine, is_answer: false }
    }

    /// The other end asks for something else, or answers; what to tell it.
    pub(super) fn hear(&mut self, new: NewPulse) -> Option<NewPulse> {
        self.theirs = new.pulse;
        if new.is_answer {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        self.adapt();
        (!new.is_answer).then_some(NewPulse { pulse: self.mine, is_answer: true })
    }

    fn adapt(&mut self) {
        let (heartbeat, silent) = longer(self.mine, self.theirs);
        if self.unanswered == 0 {
            (self.heartbeat, self.silent) = (heartbeat, silent);
        } else {
            self.heartbeat = self.heartbeat.min(heartbeat);
            self.silent = self.silent.max(silent);
        }
    }
}

/// The longer heartbeat and the longer silent period of two.
fn longer(one: Pulse, other: Pulse) -> (Duration, Duration) {
    let longer = |one: u32, other: u32| Duration::from_millis(u64::from(one.max(other)));
    let heartbeat = longer(one.heartbeat_ms, other.heartbeat_ms);
    (heartbeat, longer(one.silent_ms, other.silent_ms))
}
