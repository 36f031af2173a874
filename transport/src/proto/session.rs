//! One session: whether the peer is alive, and how the session ends.
//!
//! ```text
//!                Close(Disconnected | Shutdown)             all flushed, all lanes ended
//!          ┌──────────────────────────────────▶ closing ────────── or grace over ───────┐
//!   open ──┤                                                                             ▼
//!          ├── Goodbye on a lane ─────────────▶ leaving ── goodbye or end on all lanes ─▶ closed
//!          │                                               or grace over                 ▲
//!          └── silence, end of a lane, violation, overflow, any other Close ─────────────┘
//!
//!   open: used ─ quiet ─▶ asked ─ the other agrees ─▶ closing (Idle); or used again
//!         used ─ asked by the other, and quiet ─▶ agreed ─ Goodbye(Idle) ─▶ leaving; or used again
//! ```
//!
//! The control lane proves the peer alive: it says something at least once per heartbeat, and its
//! silence for the silent period ends the session. It alone, since it alone is written and read by
//! threads that the program cannot block; a user lane whose node is busy says nothing for a while and
//! is not dead. That a connection among several dies silently is found by its pipe (TCP: the kernel's
//! keepalive and user timeout).
//! Invariant: [`Output::Closed`] comes once, is the last output, and carries the first reason.
//! What this does not do: tell a slow peer from a dead one.

use std::time::Duration;

use starlings_runtime::DownReason;

use crate::wire::{Goodbye, Idle, NewPulse, Pulse};

mod idle;
mod pulse;
#[cfg(test)]
mod tests;

pub use idle::{Facts, IdleRules};
use idle::{Idling, Next};
use pulse::Pulses;

/// How long an orderly end may take before it is cut short, on either side. Long enough to flush a
/// lane at its soft limit over a slow network, short enough not to hold up a shutdown.
pub const GRACE: Duration = Duration::from_secs(1);

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Bytes came in on the control lane.
    Heard,
    /// Bytes were written to the control lane.
    Sent,
    /// This node asks for other times.
    NewPulse(Pulse),
    /// The peer does, or answers.
    PulseHeard(NewPulse),
    /// It was looked whether the session is needed.
    Looked(Facts),
    /// The other end said something about a session that is not needed. At an [`Idle::Ask`] and an
    /// [`Idle::Agree`] this end is to be frozen before the facts are looked at: no more envelopes are let
    /// in until [`Output::Thaw`].
    IdleHeard(Idle, Facts),
    /// A goodbye came in: no frame follows on that lane.
    GoodbyeHeard {
        /// Which.
        lane: u8,
        /// Why.
        goodbye: Goodbye,
    },
    /// All that was to be sent on a lane is written, goodbye included.
    Flushed {
        /// Which.
        lane: u8,
    },
    /// A lane's connection ended.
    LaneEnded {
        /// Which.
        lane: u8,
    },
    /// The peer sent what the protocol does not have.
    Violated(String),
    /// A lane's outgoing buffer passed its hard limit.
    Overflowed,
    /// This node wants the session gone.
    Close(DownReason),
    /// The deadline has come.
    Elapsed,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append a heartbeat to the control lane.
    Heartbeat,
    /// Tell the peer of other times, on the control lane.
    Pulse(NewPulse),
    /// Look whether the session is needed, and answer with [`Input::Looked`].
    Look,
    /// Say this about a session that is not needed, on the control lane.
    Idle(Idle),
    /// Let envelopes in again, those that were kept first.
    Thaw,
    /// Append a goodbye to every lane, and nothing after it.
    Goodbye(Goodbye),
    /// Stop reading and writing, then report the session down.
    Closed(DownReason),
}

/// One session, from the moment it is up.
#[derive(Debug)]
pub struct State {
    pulses: Pulses,
    /// Not in sessions of versions that do not have it.
    idling: Option<Idling>,
    /// When bytes came in last, and when bytes went out last.
    heard: Duration,
    sent: Duration,
    lanes: Vec<Lane>,
    phase: Phase,
}

#[derive(Debug, Default)]
struct Lane {
    is_flushed: bool,
    has_ended: bool,
}

#[derive(Debug)]
enum Phase {
    Open,
    /// We say goodbye.
    Closing {
        reason: DownReason,
        until: Duration,
    },
    /// The peer does.
    Leaving {
        reason: DownReason,
        until: Duration,
    },
    Closed,
}

impl State {
    /// A session that is up as of `now`, with what this end and the other one ask of it.
    #[must_use]
    pub fn new(now: Duration, lanes: u8, [mine, theirs]: [Pulse; 2]) -> Self {
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        let pulses = Pulses::new(mine, theirs);
        Self { pulses, idling: None, heard: now, sent: now, lanes, phase: Phase::Open }
    }

    /// The same, with a peer that can close sessions which are not needed.
    #[must_use]
    pub fn with_idle(mut self, rules: IdleRules) -> Self {
        self.idling = Some(Idling::new(self.heard, rules));
        self
    }

    /// When [`Input::Elapsed`] is due. May rise with every input; falls only when there is an output, or
    /// an input is [`Input::GoodbyeHeard`], [`Input::PulseHeard`], [`Input::Looked`] or
    /// [`Input::IdleHeard`].
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Open => {
                let silent = self.heard.saturating_add(self.pulses.silent());
                let alive = silent.min(self.sent.saturating_add(self.pulses.heartbeat()));
                let idle = self.idling.as_ref().and_then(Idling::deadline);
                Some(idle.map_or(alive, |idle| alive.min(idle)))
            }
            Phase::Closing { until, .. } | Phase::Leaving { until, .. } => Some(*until),
            Phase::Closed => None,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Duration, input: Input, outbox: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Heard => self.heard = now,
            Input::Sent => self.sent = now,
            Input::NewPulse(pulse) => outbox.push(Output::Pulse(self.pulses.ask(pulse))),
            Input::PulseHeard(new) => outbox.extend(self.pulses.hear(new).map(Output::Pulse)),
            Input::Looked(facts) => self.on_looked(now, facts, outbox),
            Input::IdleHeard(said, facts) => self.on_idle(now, said, facts, outbox),
            Input::GoodbyeHeard { lane, goodbye } => {
                self.on_goodbye(now, lane, goodbye, outbox);
            }
            Input::Flushed { lane } => {
                self.on_lane(lane, |lane| lane.is_flushed = true);
                self.finish_if_quiet(outbox);
            }
            Input::LaneEnded { lane } => {
                self.on_lane(lane, |lane| lane.has_ended = true);
                match &self.phase {
                    Phase::Open => self.finish(DownReason::Closed, outbox),
                    Phase::Closing { .. } | Phase::Leaving { .. } => self.finish_if_quiet(outbox),
                    Phase::Closed => {}
                }
            }
            Input::Violated(why) => self.finish_for(DownReason::ProtocolError(why), outbox),
            Input::Overflowed => self.finish_for(DownReason::Overflow, outbox),
            Input::Close(reason) => self.on_close(now, reason, outbox),
            Input::Elapsed => self.on_elapsed(now, outbox),
        }
    }

    fn on_looked(&mut self, now: Duration, facts: Facts, outbox: &mut Vec<Output>) {
        if let (Phase::Open, Some(idling)) = (&self.phase, &mut self.idling) {
            outbox.extend(idling.looked(now, facts).map(Output::Idle));
        }
    }

    fn on_idle(&mut self, now: Duration, said: Idle, facts: Facts, outbox: &mut Vec<Output>) {
        let silent = self.pulses.silent();
        let next = match (&self.phase, &mut self.idling) {
            (Phase::Open, Some(idling)) => idling.heard(now, said, facts, silent),
            (Phase::Closing { reason, .. } | Phase::Leaving { reason, .. }, _)
                if *reason != DownReason::Idle =>
            {
                Next::Thaw(None)
            }
            (Phase::Open, None) => Next::Violated,
            (Phase::Closing { .. } | Phase::Leaving { .. } | Phase::Closed, _) => Next::Nothing,
        };
        match next {
            Next::Nothing => {}
            Next::Say(said) => outbox.push(Output::Idle(said)),
            Next::Thaw(said) => {
                outbox.push(Output::Thaw);
                outbox.extend(said.map(Output::Idle));
            }
            Next::Close => {
                // Who has agreed is at the other end of it, for as long as that is there.
                let until = now.saturating_add(silent.max(GRACE));
                self.phase = Phase::Closing { reason: DownReason::Idle, until };
                outbox.push(Output::Goodbye(Goodbye::Idle));
            }
            Next::Violated => self.violated("it is not its turn to close the session", outbox),
        }
    }

    fn on_goodbye(&mut self, now: Duration, lane: u8, goodbye: Goodbye, outbox: &mut Vec<Output>) {
        self.on_lane(lane, |lane| lane.has_ended = true);
        if matches!(self.phase, Phase::Open) {
            let has_agreed = self.idling.as_ref().is_some_and(Idling::has_agreed);
            if goodbye == Goodbye::Idle && !has_agreed {
                return self.violated("it closes a session that is needed", outbox);
            }
            let until = now.saturating_add(GRACE);
            self.phase = Phase::Leaving { reason: goodbye.heard(), until };
        }
        self.finish_if_quiet(outbox);
    }

    fn violated(&mut self, why: &str, outbox: &mut Vec<Output>) {
        self.finish_for(DownReason::ProtocolError(why.to_owned()), outbox);
    }

    fn on_close(&mut self, now: Duration, reason: DownReason, outbox: &mut Vec<Output>) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        let Some(goodbye) = Goodbye::for_reason(&reason) else {
            return self.finish(reason, outbox);
        };
        let until = now.saturating_add(GRACE);
        self.phase = Phase::Closing { reason, until };
        outbox.push(Output::Goodbye(goodbye));
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        match &self.phase {
            Phase::Open => {
                if self.heard.saturating_add(self.pulses.silent()) <= now {
                    return self.finish(DownReason::HeartbeatTimeout, outbox);
                }
                if self.idling.as_ref().is_some_and(|idling| idling.is_overdue(now)) {
                    return self.finish(DownReason::HeartbeatTimeout, outbox);
                }
                if self.idling.as_mut().is_some_and(|idling| idling.is_look_due(now)) {
                    outbox.push(Output::Look);
                }
                if self.sent.saturating_add(self.pulses.heartbeat()) <= now {
                    // Counts as sent at once: a lane that cannot write gathers no more than one
                    // heartbeat per interval.
                    self.sent = now;
                    outbox.push(Output::Heartbeat);
                }
            }
            Phase::Closing { reason, until } | Phase::Leaving { reason, until } => {
                if *until <= now {
                    self.finish(reason.clone(), outbox);
                }
            }
            Phase::Closed => {}
        }
    }

    /// The end of a goodbye: nothing is left to write, or nothing to read.
    fn finish_if_quiet(&mut self, outbox: &mut Vec<Output>) {
        let all_ended = self.lanes.iter().all(|lane| lane.has_ended);
        let all_flushed = self.lanes.iter().all(|lane| lane.is_flushed);
        match &self.phase {
            Phase::Closing { reason, .. } if all_ended && all_flushed => {
                self.finish(reason.clone(), outbox);
            }
            Phase::Leaving { reason, .. } if all_ended => self.finish(reason.clone(), outbox),
            Phase::Open | Phase::Closing { .. } | Phase::Leaving { .. } | Phase::Closed => {}
        }
    }

    /// The end for a fault: a goodbye said or heard before it stays the reason.
    fn finish_for(&mut self, fault: DownReason, outbox: &mut Vec<Output>) {
        let reason = match &self.phase {
            Phase::Closing { reason, .. } | Phase::Leaving { reason, .. } => reason.clone(),
            Phase::Open | Phase::Closed => fault,
        };
        self.finish(reason, outbox);
    }

    fn finish(&mut self, reason: DownReason, outbox: &mut Vec<Output>) {
        self.phase = Phase::Closed;
        outbox.push(Output::Closed(reason));
    }

    fn on_lane(&mut self, lane: u8, change: impl FnOnce(&mut Lane)) {
        if let Some(lane) = self.lanes.get_mut(usize::from(lane)) {
            change(lane);
        }
    }
}

/// The sequence numbers of the frames that come in on one lane.
#[derive(Debug, Default)]
pub struct Sequence {
    expected: u32,
}

impl Sequence {
    /// Takes the number of the next frame; says what is wrong with it, if anything.
    ///
    /// Numbers begin at 0 and wrap around.
    ///
    /// # Errors
    /// It is not the one that follows: a frame was lost, repeated or made up. The session is to be
    /// ended.
    pub fn take(&mut self, seq: u32) -> Result<(), SequenceGap> {
        let expected = self.expected;
        if seq != expected {
            return Err(SequenceGap { expected, seq });
        }
        self.expected = expected.wrapping_add(1);
        Ok(())
    }
}

/// A frame that does not follow the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame {seq} came where {expected} was due")]
pub struct SequenceGap {
    expected: u32,
    seq: u32,
}
