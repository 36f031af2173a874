//! Whether a child that ended is restarted, and who with it. Source: `supervisor:do_restart/3`; for
//! children on other nodes D43 in `docs/decisions.md`.

use std::collections::VecDeque;
use std::time::Duration;

use super::children::{ChildKey, Life};
use super::departures::{Sign, SignKind};
use super::ending::EndCause;
use super::rules::{Restart, Strategy};
use super::tracks::Purpose;
use super::{Outbox, State};
use crate::pid::AnyPid;
use crate::reason::ExitReason;

impl State {
    /// A child ended by itself.
    pub(super) fn deal_with_end(
        &mut self,
        now: Duration,
        key: ChildKey,
        pid: &AnyPid,
        outbox: &mut Outbox,
    ) {
        let Some(child) = self.children.get_mut(key) else { return };
        // It may have been restarted or stopped with its group meanwhile.
        let Life::Ended { pid: ended, reason, since } = &child.life else { return };
        if ended != pid {
            return;
        }
        let elsewhere = *pid.node() != self.own;
        let kind = SignKind::of_end(reason).filter(|_| elsewhere);
        let sign = kind.map(|kind| Sign { node: pid.node().clone(), kind, began: child.began });
        // Nobody but its node asks a child elsewhere to stop: it goes as if the node were lost.
        let abnormal = match reason {
            ExitReason::Normal => false,
            ExitReason::Shutdown => elsewhere,
            ExitReason::Killed
            | ExitReason::NoProc
            | ExitReason::NoConnection
            | ExitReason::Panic(_)
            | ExitReason::Error(_)
            | ExitReason::Custom { .. } => true,
        };
        let up = now.saturating_sub(*since);
        if child.rules.backoff.as_ref().is_some_and(|backoff| up >= backoff.reset_after) {
            child.streak = 0;
        }
        match child.rules.restart {
            Restart::Permanent => self.restart(now, key, sign, outbox),
            Restart::Transient if abnormal => self.restart(now, key, sign, outbox),
            Restart::Transient | Restart::Temporary => {
                let significant = child.rules.significant;
                self.settle(key, outbox);
                if significant {
                    self.consider_auto_shutdown(outbox);
                }
            }
        }
    }

    /// A start failed during a restart, and it is its turn: that is one more restart.
    pub(super) fn try_again(&mut self, now: Duration, key: ChildKey, outbox: &mut Outbox) {
        let Some(child) = self.children.get(key) else { return };
        if child.life == Life::Retrying {
            let (kind, began) = (SignKind::Lost, child.began);
            let sign = child.lost_with.clone().map(|node| Sign { node, kind, began });
            self.restart(now, key, sign, outbox);
        }
    }

    /// The delay of a restart is over; it was counted when it was decided.
    pub(super) fn start_delayed(
        &mut self,
        now: Duration,
        key: ChildKey,
        at: Duration,
        outbox: &mut Outbox,
    ) {
        let Some(child) = self.children.get(key) else { return };
        if child.life == (Life::Waiting { at }) {
            self.start_group(now, key, outbox);
        }
    }

    fn restart(&mut self, now: Duration, key: ChildKey, sign: Option<Sign>, outbox: &mut Outbox) {
        if !self.is_within_intensity(now, sign) {
            self.settle(key, outbox);
            return self.end(ExitReason::Shutdown, EndCause::Intensity, outbox);
        }
        let Some(child) = self.children.get_mut(key) else { return };
        child.restarts += 1;
        let delay = child.rules.backoff.as_ref().map_or(Duration::ZERO, |backoff| {
            let delay = backoff.delay(child.streak, self.chance.draw());
            child.streak = child.streak.saturating_add(1);
            delay
        });
        if delay.is_zero() {
            return self.start_group(now, key, outbox);
        }
        self.children.set_life(key, Life::Retrying);
        let stops = self.others(key);
        let purpose = Purpose::Delay(key, now.saturating_add(delay));
        self.operate(now, self.track_of(key), purpose, stops, VecDeque::new(), outbox);
    }

    /// Counts one more restart, unless the going of a node explains it that was counted before.
    fn is_within_intensity(&mut self, now: Duration, sign: Option<Sign>) -> bool {
        let at = self.tracks.arrival();
        if sign.as_ref().is_some_and(|sign| self.departures.explain(now, sign, at)) {
            return true;
        }
        if let Some(sign) = sign {
            self.departures.note(now, sign, at);
        }
        self.recent.allows(now)
    }

    /// Stops what is left of a child's group and starts all of it.
    fn start_group(&mut self, now: Duration, key: ChildKey, outbox: &mut Outbox) {
        // One before it may fail to start, and be terminated: then this one is not started either.
        self.children.set_life(key, Life::Stopped);
        let (stops, starts) = (self.others(key), self.group(key).collect());
        self.operate(now, self.track_of(key), Purpose::Restart, stops, starts, outbox);
    }

    /// Who is to be stopped before a child that has ended is restarted.
    fn others(&self, key: ChildKey) -> Vec<ChildKey> {
        self.group(key).filter(|other| *other != key).collect()
    }

    /// Who is restarted with a child, in start order.
    fn group(&self, key: ChildKey) -> impl Iterator<Item = ChildKey> {
        let first = match self.rules.strategy {
            Strategy::OneForAll => ChildKey(0),
            Strategy::OneForOne | Strategy::RestForOne | Strategy::Dynamic => key,
        };
        let alone = !self.rules.strategy.is_grouped();
        self.children.keys_from(first).take(if alone { 1 } else { usize::MAX })
    }
}
