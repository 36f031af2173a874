//! What a supervisor decides: pure, so that it can be held against OTP's rules.
//!
//! Inputs say what happened to children and what is asked; outputs say what to do and what to answer.
//! The driver (the `Supervisor` actor) starts, stops and answers, and reports back. Each `Start` is
//! reported by `Started`, `Ignored` or `StartFailed`, each `Stop` by `Stopped`, also when the exit of
//! that child was seen before.
//!
//! | file | what it decides |
//! |---|---|
//! | `children` | who there is, by key, id and pid, and in which state |
//! | `tracks` | what is under way, and what waits for it |
//! | `operations` | a series of stops and starts, one after another |
//! | `restarting` | whether a child that ended is restarted, and who with it |
//! | `restart_intensity`, `departures`, `backoff` | how often, what counts as one with it, and when |
//! | `requests` | what can be asked for |
//! | `ending` | giving up, auto-shutdown, and the stop of all children |
//! | `stops` | a machine of its own: how a child is stopped, and when it is killed for being late |
//!
//! Source: OTP `supervisor.erl`; `tests/model` is an independent model of the same rules, and this is
//! run against it.

mod backoff;
mod children;
mod departures;
mod ending;
mod operations;
mod requests;
mod restart_intensity;
mod restarting;
mod rules;
mod stops;
mod tracks;

use std::collections::BTreeSet;
use std::time::Duration;

pub use backoff::Backoff;
use backoff::Chance;
pub(crate) use children::{Child, ChildKey, Children, Life};
use departures::Departures;
pub(crate) use ending::EndCause;
use ending::Phase;
use restart_intensity::RecentRestarts;
pub use rules::{AutoShutdown, ChildError, Intensity, Restart, Shutdown, SpecError, Strategy};
pub(crate) use rules::{ChildRules, Rules};
pub(crate) use stops::{StopInput, StopOutput, Stops};
use tracks::{Purpose, REQUESTS_WAITING_MAX, Tracks, Work};
pub(crate) use tracks::{Request, RequestId, Whom};

use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::pid::AnyPid;
use crate::reason::ExitReason;

#[derive(Debug)]
pub(crate) enum Input {
    /// The supervisor starts, with these children, in this order. Comes first, and once.
    Begin(Vec<(ChildKey, ChildRules)>),
    Asked(RequestId, Request),
    /// A start that was asked for succeeded.
    Started {
        key: ChildKey,
        pid: AnyPid,
    },
    /// A child declined to start.
    Ignored {
        key: ChildKey,
    },
    StartFailed {
        key: ChildKey,
        error: SpawnError,
    },
    /// A linked actor ended. That of a child comes after the report of its start: until that is taken,
    /// its exit is held back (`proto::bonds`).
    Exited {
        pid: AnyPid,
        reason: ExitReason,
    },
    /// A stop that was asked for is done.
    Stopped {
        key: ChildKey,
        pid: AnyPid,
    },
    /// The deadline has come.
    Elapsed,
    /// The supervisor is to end.
    End(ExitReason),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    Start {
        key: ChildKey,
    },
    /// A start that is under way is no longer wanted: it may be given up after this time, and must
    /// still be reported.
    Cancel {
        key: ChildKey,
        shutdown: Shutdown,
    },
    Stop {
        key: ChildKey,
        pid: AnyPid,
        shutdown: Shutdown,
    },
    /// The child will not be started again and its spec is gone.
    Forget {
        key: ChildKey,
    },
    Answer {
        request: RequestId,
        answer: Answer,
    },
    /// All children have ended, and the supervisor does with this reason.
    End {
        reason: ExitReason,
        cause: EndCause,
    },
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Started(AnyPid),
    /// It declined to start.
    Ignored,
    /// It did not start.
    Failed(SpawnError),
    /// It is stopped, or forgotten.
    Done,
    Refused(ChildError),
}

pub(crate) type Outbox = Vec<Output>;

/// A supervisor's children, what is being done with them, and their recent restarts.
#[derive(Debug)]
pub(crate) struct State {
    /// The supervisor's own node.
    own: NodeId,
    rules: Rules,
    phase: Phase,
    children: Children,
    tracks: Tracks,
    recent: RecentRestarts,
    departures: Departures,
    /// Who waits for a delay.
    alarms: BTreeSet<(Duration, ChildKey)>,
    chance: Chance,
    keys: u64,
}

impl State {
    /// A supervisor of the node `own` that has not begun. `seed` is for the jitter of delays.
    pub(crate) fn new(own: NodeId, rules: Rules, seed: u64) -> Self {
        Self::with_requests_max(own, rules, seed, REQUESTS_WAITING_MAX)
    }

    /// As `new`, with another bound for requests that wait: small ones for tests.
    fn with_requests_max(own: NodeId, rules: Rules, seed: u64, requests_max: usize) -> Self {
        Self {
            own,
            rules,
            phase: Phase::Beginning,
            children: Children::default(),
            tracks: Tracks::new(requests_max),
            recent: RecentRestarts::new(rules.intensity),
            departures: Departures::new(rules.intensity.period),
            alarms: BTreeSet::new(),
            chance: Chance::new(seed),
            keys: 0,
        }
    }

    /// A key for a child to be.
    pub(crate) fn next_key(&mut self) -> ChildKey {
        self.keys += 1;
        ChildKey(self.keys)
    }

    /// Takes one event at `now`, a time that never goes back.
    pub(crate) fn handle(&mut self, now: Duration, input: Input, outbox: &mut Outbox) {
        match input {
            Input::Begin(children) => self.on_begin(now, children, outbox),
            Input::Asked(request, what) => self.on_asked(now, request, what, outbox),
            Input::Started { key, pid } => self.on_started(now, key, pid, outbox),
            Input::Ignored { key } => self.on_ignored(now, key, outbox),
            Input::StartFailed { key, error } => self.on_start_failed(now, key, error, outbox),
            Input::Exited { pid, reason } => self.on_exited(now, pid, reason, outbox),
            Input::Stopped { key, pid } => self.on_stopped(now, key, &pid, outbox),
            Input::Elapsed => self.on_elapsed(now, outbox),
            Input::End(reason) => self.end(reason, EndCause::Asked, outbox),
        }
    }

    /// When `Elapsed` is to be said: at once while there are children to stop.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let at_once = self.has_more_to_stop().then_some(Duration::ZERO);
        at_once.or_else(|| self.alarms.first().map(|(at, _)| *at))
    }

    pub(crate) fn children(&self) -> &Children {
        &self.children
    }

    /// Whether the children that it begins with are up, and it does not end yet.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Which child an input is about, as long as it has not been handled.
    pub(crate) fn child_of(&self, input: &Input) -> Option<ChildKey> {
        match input {
            Input::Started { key, .. }
            | Input::Ignored { key }
            | Input::StartFailed { key, .. }
            | Input::Stopped { key, .. } => Some(*key),
            Input::Exited { pid, .. } => self.children.by_pid(pid),
            Input::Begin(_) | Input::Asked(..) | Input::Elapsed | Input::End(_) => None,
        }
    }

    /// Whether a restart starts this child.
    pub(crate) fn is_restarting(&self, key: ChildKey) -> bool {
        let operation = self.tracks.operation(self.track_of(key));
        let restarts = operation.is_some_and(|one| matches!(one.purpose, Purpose::Restart));
        restarts && self.is_starting(key)
    }

    fn is_beginning(&self) -> bool {
        matches!(self.phase, Phase::Beginning)
    }

    /// Whether all children have ended for good.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    fn on_exited(&mut self, now: Duration, pid: AnyPid, reason: ExitReason, outbox: &mut Outbox) {
        // Who is not known is none of its children: it linked itself, or was reported as stopped before.
        let Some(key) = self.children.by_pid(&pid) else { return };
        match self.children.get(key).map(|child| &child.life) {
            Some(Life::Running { since, .. }) => {
                let since = *since;
                let arrived = self.tracks.arrival();
                self.children.set_life(key, Life::Ended { pid: pid.clone(), reason, since });
                self.take(now, arrived, Work::Ended(key, pid), outbox);
            }
            Some(Life::Stopping { .. }) => self.on_stopped(now, key, &pid, outbox),
            Some(
                Life::Starting
                | Life::Ended { .. }
                | Life::Retrying
                | Life::Waiting { .. }
                | Life::Stopped,
            )
            | None => {}
        }
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Outbox) {
        if self.has_more_to_stop() {
            return self.end_next(None, outbox);
        }
        while let Some((at, key)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.alarms.remove(&(at, key));
            let arrived = self.tracks.arrival();
            self.take(now, arrived, Work::Due(key, at), outbox);
        }
    }

    /// Does a piece of work, or puts it behind what is under way.
    fn take(&mut self, now: Duration, arrived: u64, work: Work, outbox: &mut Outbox) {
        if self.phase.is_over() {
            if let Work::Asked(request, what) = &work {
                requests::refuse(*request, what, ChildError::Ending, outbox);
            }
            return;
        }
        let track = self.track_for(&work);
        if self.tracks.is_busy(track) {
            self.tracks.wait(track, arrived, work);
            return;
        }
        match work {
            Work::Ended(key, pid) => self.deal_with_end(now, key, &pid, outbox),
            Work::TryAgain(key) => self.try_again(now, key, outbox),
            Work::Due(key, at) => self.start_delayed(now, key, at, outbox),
            Work::Asked(request, what) => self.carry_out(now, request, what, outbox),
        }
    }
}

#[cfg(test)]
mod tests;
