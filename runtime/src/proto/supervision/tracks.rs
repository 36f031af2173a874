//! What is under way, and what waits for it.
//!
//! A track is what an OTP supervisor as a whole is: it does one thing after another, in the order of
//! arrival. Under `OneForAll` and `RestForOne` all children share one track; otherwise each child has
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
pub(super) type TrackKey = Option<ChildKey>;

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
pub(super) struct Track {
    pub(super) operation: Operation,
    /// In order of arrival.
    waiting: VecDeque<(u64, Work)>,
}

impl Track {
    pub(super) fn into_waiting(self) -> VecDeque<(u64, Work)> {
        self.waiting
    }
}

/// The tracks on which something is under way.
#[derive(Debug)]
pub(super) struct Tracks {
    busy: BTreeMap<TrackKey, Track>,
    arrived: u64,
    requests_waiting: usize,
    requests_max: usize,
}

impl Tracks {
    /// Tracks on which so many requests may wait, of all together.
    pub(super) fn new(requests_max: usize) -> Self {
        Self { busy: BTreeMap::new(), arrived: 0, requests_waiting: 0, requests_max }
    }

    /// A number that tells earlier from later: of what arrives, and of what begins.
    pub(super) fn arrival(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived
    }

    pub(super) fn occupy(&mut self, track: TrackKey, operation: Operation) {
        self.busy.insert(track, Track { operation, waiting: VecDeque::new() });
    }

    pub(super) fn operation_mut(&mut self, track: TrackKey) -> Option<&mut Operation> {
        self.busy.get_mut(&track).map(|track| &mut track.operation)
    }

    pub(super) fn operation(&self, track: TrackKey) -> Option<&Operation> {
        self.busy.get(&track).map(|track| &track.operation)
    }

    pub(super) fn is_busy(&self, track: TrackKey) -> bool {
        self.busy.contains_key(&track)
    }

    pub(super) fn has_room(&self) -> bool {
        self.requests_waiting < self.requests_max
    }

    /// Puts work behind what is under way, at its place in the order of arrival.
    pub(super) fn wait(&mut self, track: TrackKey, arrived: u64, work: Work) {
        let Some(track) = self.busy.get_mut(&track) else { return };
        self.requests_waiting += usize::from(matches!(work, Work::Asked(..)));
        let at = track.waiting.partition_point(|(other, _)| *other < arrived);
        track.waiting.insert(at, (arrived, work));
    }

    /// Ends what is under way on a track.
    pub(super) fn clear(&mut self, track: TrackKey) -> Option<Track> {
        let track = self.busy.remove(&track)?;
        let asked = track.waiting.iter().filter(|(_, work)| matches!(work, Work::Asked(..)));
        self.requests_waiting -= asked.count();
        Some(track)
    }

    pub(super) fn clear_all(&mut self) -> impl Iterator<Item = Track> {
        self.requests_waiting = 0;
        std::mem::take(&mut self.busy).into_values()
    }
}
