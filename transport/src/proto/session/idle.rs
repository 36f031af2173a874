//! How two ends agree to close a session that neither needs.
//!
//! ```text
//!   asks                                              answers
//!   quiet for long enough
//!   Ask(what it sent)        ────────────────▶        freezes; all of it delivered, and not needed?
//!   goes on sending          ◀───────── Agree(what it sent), stays frozen; or Decline, thaws
//!   freezes; sent nothing
//!   since, all delivered,
//!   still not needed?
//!   Goodbye(Idle), or Withdraw and thaws  ───▶        the end; or thaws, and goes on
//! ```
//!
//! An end that is frozen sends no envelopes: who has some keeps them, until it is thawed or the session is
//! over, and sends them in this session or the next.
//! Invariant: when the goodbye is said, all that either end has sent in the session is delivered, and
//! neither sends any more. So nothing is lost by the end, and nothing that is kept overtakes.
//! Asks that cross: that of the dialler counts, the listener answers it and forgets its own. As the control
//! lane keeps its order, each end knows what an answer is for.
//! What this does not do: find out whether a session is needed; that is told with each input.

use std::time::Duration;

use crate::wire::Idle;

#[cfg(test)]
mod tests;

/// Looks at whether a session is needed, within the time after which it is closed. It may be closed later
/// than after that time by one of these parts.
const LOOKS: u32 = 4;

/// What one end knows of a session when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether anybody here needs the session, or has used it since this was asked the last time.
    pub needed: bool,
    /// How many frames were sent on each lane but the control lane; modulo 2^32.
    pub sent: Vec<u32>,
    /// How many of the other end's are delivered, in the same way.
    pub delivered: Vec<u32>,
}

/// How a session of which both ends can close it may end for want of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleRules {
    /// After this long without need, it is closed. `None`: this end always needs it.
    pub after: Option<Duration>,
    /// Whether this end dialled.
    pub is_dialler: bool,
}

/// One end.
#[derive(Debug)]
pub(super) struct Idling {
    rules: IdleRules,
    /// Nobody has needed it since.
    quiet_since: Duration,
    look_at: Duration,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Used,
    /// This end has asked, when it had sent as many frames.
    Asked(Vec<u32>),
    /// The other end has asked, and this one is frozen.
    Agreed {
        until: Duration,
    },
}

/// What follows from what the other end said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Say it, and stay frozen.
    Say(Idle),
    /// Go on, and say it.
    Thaw(Option<Idle>),
    /// Say goodbye.
    Close,
    /// Nothing that it may say now.
    Violated,
}

impl Idling {
    pub(super) fn new(now: Duration, rules: IdleRules) -> Self {
        let stage = Stage::Used;
        let mut idling = Self { rules, quiet_since: now, look_at: now, stage };
        idling.look_later(now);
        idling
    }

    /// When [`Idling::is_look_due`] or [`Idling::is_overdue`] is to be asked.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Used => self.rules.after.map(|_| self.look_at),
            Stage::Asked(_) => None,
            Stage::Agreed { until } => Some(*until),
        }
    }

    /// Whether it is time to look. Then [`Idling::looked`] is to follow.
    pub(super) fn is_look_due(&mut self, now: Duration) -> bool {
        let is_due =
            matches!(self.stage, Stage::Used) && self.rules.after.is_some() && self.look_at <= now;
        if is_due {
            self.look_later(now);
        }
        is_due
    }

    /// Whether the other end has asked, and does not say what came of it.
    pub(super) fn is_overdue(&self, now: Duration) -> bool {
        matches!(self.stage, Stage::Agreed { until } if until <= now)
    }

    /// Whether this end has agreed to the end.
    pub(super) fn has_agreed(&self) -> bool {
        matches!(self.stage, Stage::Agreed { .. })
    }

    /// It was looked; what is to be said, if anything.
    pub(super) fn looked(&mut self, now: Duration, facts: Facts) -> Option<Idle> {
        if !matches!(self.stage, Stage::Used) {
            return None;
        }
        if !self.is_quiet(now, &facts) {
            self.look_later(now);
            return None;
        }
        self.stage = Stage::Asked(facts.sent.clone());
        Some(Idle::Ask(facts.sent))
    }

    /// The other end said something. To an ask and an agreement, this end is frozen before the facts are
    /// looked at. It waits for what comes of its agreement as long as for a sign of life.
    pub(super) fn heard(
        &mut self,
        now: Duration,
        said: Idle,
        facts: Facts,
        silent: Duration,
    ) -> Next {
        let stage = std::mem::replace(&mut self.stage, Stage::Used);
        match (said, stage) {
            (Idle::Ask(_), stage @ Stage::Asked(_)) if self.rules.is_dialler => {
                self.stage = stage;
                Next::Thaw(None)
            }
            (Idle::Ask(theirs), Stage::Used | Stage::Asked(_)) => {
                if self.is_quiet(now, &facts) && facts.delivered == theirs {
                    self.stage = Stage::Agreed { until: now.saturating_add(silent) };
                    return Next::Say(Idle::Agree(facts.sent));
                }
                self.look_later(now);
                Next::Thaw(Some(Idle::Decline))
            }
            (Idle::Agree(theirs), Stage::Asked(asked)) => {
                let all_delivered = facts.delivered == theirs && facts.sent == asked;
                if self.is_quiet(now, &facts) && all_delivered {
                    return Next::Close;
                }
                self.look_later(now);
                Next::Thaw(Some(Idle::Withdraw))
            }
            (Idle::Decline, Stage::Asked(_)) => {
                self.look_later(now);
                Next::Nothing
            }
            (Idle::Withdraw, Stage::Agreed { .. }) => {
                self.look_later(now);
                Next::Thaw(None)
            }
            (Idle::Ask(_) | Idle::Agree(_) | Idle::Decline | Idle::Withdraw, _) => Next::Violated,
        }
    }

    /// Whether nobody has needed it for long enough, now that somebody has looked.
    fn is_quiet(&mut self, now: Duration, facts: &Facts) -> bool {
        if facts.needed {
            self.quiet_since = now;
        }
        let quiet = now.saturating_sub(self.quiet_since);
        !facts.needed && self.rules.after.is_some_and(|after| quiet >= after)
    }

    /// Chooses the time of the next look: a part of the time later, or when it is over, if that is sooner.
    fn look_later(&mut self, now: Duration) {
        let after = self.rules.after.unwrap_or(Duration::MAX);
        let part = now.saturating_add((after / LOOKS).max(Duration::from_millis(1)));
        let end = self.quiet_since.saturating_add(after);
        self.look_at = if end > now { part.min(end) } else { part };
    }
}
