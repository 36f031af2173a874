//! One suspected member: who accuses it, and until when it may refute that.

use std::time::Duration;

use starlings_runtime::NodeId;

use super::config::Config;

/// Accusers that are kept and passed on for one suspicion. 4: three make it as short as it gets, and
/// one may be lost on the way.
pub const ACCUSERS_MAX: usize = 4;

/// Accusers beyond the first that make a suspicion as short as it gets. 2, as in memberlist.
const SHORTEST_WITH: usize = 2;

/// How often who is about to judge pings the suspected, within the last of a suspicion: once per probe
/// timeout. 2: one may be lost.
const LAST_CALLS: u32 = 2;

#[derive(Debug)]
pub(super) struct Suspicion {
    since: Duration,
    until: Duration,
    calls: u32,
    pub(super) accusers: Vec<NodeId>,
}

impl Suspicion {
    pub(super) fn new(now: Duration, accuser: NodeId, members: usize, config: &Config) -> Self {
        let calls = if config.parts.last_call { LAST_CALLS } else { 0 };
        let mut suspicion = Self { since: now, until: now, calls, accusers: vec![accuser] };
        suspicion.until = suspicion.end(members, config);
        suspicion
    }

    /// Whether `accuser` is one more.
    pub(super) fn accuse(
        &mut self,
        now: Duration,
        accuser: NodeId,
        members: usize,
        config: &Config,
    ) -> bool {
        if self.accusers.len() >= ACCUSERS_MAX || self.accusers.contains(&accuser) {
            return false;
        }
        self.accusers.push(accuser);
        let mut until = self.end(members, config);
        if self.accusers.len() == config.accusers_min(members) {
            // A verdict is possible only from here on. However old the first accusation is, there is
            // time left to refute.
            until = until.max(now + config.suspicion(members).0);
        }
        self.until = self.until.min(until);
        true
    }

    /// When it is over, or the suspected is to be called.
    pub(super) fn deadline(&self, config: &Config) -> Duration {
        self.until.saturating_sub(config.probe_timeout * self.calls)
    }

    /// Whether the suspected is to be called once more, which leaves it the time to answer.
    pub(super) fn call(&mut self, now: Duration, config: &Config) -> bool {
        if self.calls == 0 {
            return false;
        }
        self.until = self.until.max(now + config.probe_timeout * self.calls);
        self.calls -= 1;
        true
    }

    /// This member was late: the suspected one had less time than it seems.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.since += by;
        self.until += by;
    }

    /// From the longest time down to the least, with the logarithm of the accusers.
    fn end(&self, members: usize, config: &Config) -> Duration {
        let (least, longest) = config.suspicion(members);
        // All but the suspected one and the first accuser.
        let others = members.saturating_sub(2).min(SHORTEST_WITH);
        if !config.parts.dynamic_suspicion || others == 0 {
            return self.since + least;
        }
        let confirmed = self.accusers.len().saturating_sub(1).min(others);
        let share = logarithm(confirmed + 1) / logarithm(others + 1);
        self.since + longest - (longest - least).mul_f64(share)
    }
}

fn logarithm(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX)).ln()
}
