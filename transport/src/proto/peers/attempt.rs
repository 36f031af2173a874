//! A session that is being made.

use std::time::Duration;

use starlings_runtime::Incarnation;

use super::SessionKey;

#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) key: SessionKey,
    pub(super) stage: Stage,
    pub(super) lanes: u8,
    /// Bit n: lane n has joined.
    pub(super) joined: u32,
    pub(super) expires: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Ours; the peer has said nothing yet.
    Calling,
    /// Ours; the peer has said who it is.
    Challenged,
    /// Both ends agreed on it.
    Agreed(Incarnation),
}

impl Attempt {
    pub(super) fn new(key: SessionKey, stage: Stage, lanes: u8, expires: Option<Duration>) -> Self {
        Self { key, stage, lanes, joined: 0, expires }
    }

    pub(super) fn has(&self, lane: u8) -> bool {
        self.joined & (1 << lane) != 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.joined.count_ones() == u32::from(self.lanes)
    }
}
