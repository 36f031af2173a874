//! What is under way, and what waits for it.
//!
//! A lane is what an OTP supervisor as a whole is: it does one thing after another, in the order of
//! arrival. Under `OneForAll` and `RestForOne` all children share one lane; otherwise each child has
//! its own, so that a slow one holds up nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::children::ChildKey;
use super::rules::ChildRules;
use crate::pid::AnyPid;

/// Requests that wait for a child to start or stop, above which more are refused as `Busy`. Count.
/// 1024: the callers of so many have long given up by their own timeouts.
pub(super) const REQUESTS_WAITING_MAX: usize = 1024;

/// Names a request, for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

/// What the supervisor is asked to do with a child.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// Start a child behind those there are. The key is a new one, from `State::next_key`.
    Add(ChildKey, ChildRules),
    /// Stop a child, and do not start it again.
    Terminate(Whom),
    /// Start a stopped child.
    StartAgain(String),
    /// Forget a stopped child.
    Delete(String),
}

/// Whom a request is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Whom {
    Id(String),
    Pid(AnyPid),
}

/// All children, or one.
pub(super) type LaneKey = Option<ChildKey>;

#[derive(Debug)]
pub(super) enum Work {
    /// This life of it.
    Ended(ChildKey, AnyPid),
    /// A start failed during a restart.
    TryAgain(ChildKey),
    /// A delay is over.
    Due(ChildKey, Duration),
    Asked(RequestId, Request),
}

/// What is being done: stops, last first and one at a time, and then starts, in order.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) purpose: Purpose,
    pub(super) stops: Vec<ChildKey>,
    pub(super) starts: VecDeque<ChildKey>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The children that the supervisor begins with.
    Begin,
    Restart,
    /// The others of a group are stopped; this child and they are started at that time.
    Delay(ChildKey, Duration),
    Add(RequestId),
    StartAgain(RequestId),
    Terminate(RequestId),
}

impl Purpose {
    pub(super) fn request(self) -> Option<RequestId> {
        match self {
            Self::Add(request) | Self::StartAgain(request) | Self::Terminate(request) => {
                Some(request)
            }
            Self::Begin | Self::Restart | Self::Delay(..) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) operation: Operation,
    /// In order of arrival.
    waiting: VecDeque<(u64, Work)>,
}

impl Lane {
    pub(super) fn into_waiting(self) -> VecDeque<(u64, Work)> {
        self.waiting
    }
}

/// The lanes on which something is under way.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    busy: BTreeMap<LaneKey, Lane>,
    arrived: u64,
    requests_waiting: usize,
}

impl Lanes {
    /// A number that tells earlier from later arrivals.
    pub(super) fn arrival(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived
    }

    pub(super) fn occupy(&mut self, lane: LaneKey, operation: Operation) {
        self.busy.insert(lane, Lane { operation, waiting: VecDeque::new() });
    }

    pub(super) fn operation(&mut self, lane: LaneKey) -> Option<&mut Operation> {
        self.busy.get_mut(&lane).map(|lane| &mut lane.operation)
    }

    pub(super) fn is_busy(&self, lane: LaneKey) -> bool {
        self.busy.contains_key(&lane)
    }

    pub(super) fn has_room(&self) -> bool {
        self.requests_waiting < REQUESTS_WAITING_MAX
    }

    /// Puts work behind what is under way, at its place in the order of arrival.
    pub(super) fn wait(&mut self, lane: LaneKey, arrived: u64, work: Work) {
        let Some(lane) = self.busy.get_mut(&lane) else { return };
        self.requests_waiting += usize::from(matches!(work, Work::Asked(..)));
        let at = lane.waiting.partition_point(|(other, _)| *other < arrived);
        lane.waiting.insert(at, (arrived, work));
    }

    /// Ends what is under way on a lane.
    pub(super) fn clear(&mut self, lane: LaneKey) -> Option<Lane> {
        let lane = self.busy.remove(&lane)?;
        let asked = lane.waiting.iter().filter(|(_, work)| matches!(work, Work::Asked(..)));
        self.requests_waiting -= asked.count();
        Some(lane)
    }

    pub(super) fn clear_all(&mut self) -> impl Iterator<Item = Lane> {
        self.requests_waiting = 0;
        std::mem::take(&mut self.busy).into_values()
    }
}
