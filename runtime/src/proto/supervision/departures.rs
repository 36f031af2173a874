//! How the going of a node counts: as one restart, however many children were there.
//!
//! A node that is lost ends its children with `NoConnection`, one after another. One that shuts
//! down in order stops them with `Shutdown`, kills those that take too long, and is lost at last.
//! The first of these signs counts as a restart. As long as that counts, and no longer, the
//! restarts of what began on that node before it do not count again. What began there afterwards
//! does, so that a connection that comes and goes spends the intensity.
//!
//! Source: ours; `docs/decisions.md`, D43.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::SpawnError;
use crate::identity::NodeId;
use crate::reason::ExitReason;

/// What may come of the going of a node: the end of a child there, or of a start.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) node: NodeId,
    pub(super) kind: SignKind,
    /// When what has ended began, as a number of `Tracks::arrival`.
    pub(super) began: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignKind {
    /// Stopped, or killed since that took too long; and not by its supervisor.
    Stopped,
    /// The session was lost.
    Lost,
}

impl SignKind {
    pub(super) fn of_end(reason: &ExitReason) -> Option<Self> {
        match reason {
            ExitReason::Shutdown | ExitReason::Killed => Some(Self::Stopped),
            ExitReason::NoConnection => Some(Self::Lost),
            ExitReason::Normal
            | ExitReason::NoProc
            | ExitReason::Panic(_)
            | ExitReason::Error(_)
            | ExitReason::Custom { .. } => None,
        }
    }
}

/// The node whose loss made a start fail, if that is why it failed.
pub(super) fn lost_with(error: SpawnError) -> Option<NodeId> {
    if let SpawnError::NoConnection(node) = error { Some(node) } else { None }
}

/// The latest going of each node, as far as it still counts: no more than restarts are counted.
#[derive(Debug)]
pub(super) struct Departures {
    period: Duration,
    latest: BTreeMap<NodeId, Departure>,
}

#[derive(Debug)]
struct Departure {
    /// When it was counted.
    counted: Duration,
    /// What began earlier has gone with the node.
    at: u64,
    /// Whether the session is known to be lost; before that the node was stopping.
    lost: bool,
}

impl Departures {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, latest: BTreeMap::new() }
    }

    /// Whether this belongs to a going that has been counted; `at` is a new number of
    /// `Tracks::arrival`.
    pub(super) fn explain(&mut self, now: Duration, sign: &Sign, at: u64) -> bool {
        let period = self.period;
        let known = self.latest.get_mut(&sign.node);
        let counts = |known: &&mut Departure| now.saturating_sub(known.counted) <= period;
        let Some(known) = known.filter(counts) else { return false };
        // A node that is stopping goes at last; what was started there meanwhile goes with it.
        let goes_at_last = sign.kind == SignKind::Lost && !known.lost;
        let explained = goes_at_last || sign.began < known.at;
        if goes_at_last {
            (known.lost, known.at) = (true, at);
        }
        explained
    }

    /// This was counted as a restart: it may be the first sign of a going.
    pub(super) fn note(&mut self, now: Duration, sign: Sign, at: u64) {
        let lost = sign.kind == SignKind::Lost;
        let period = self.period;
        self.latest.retain(|_, known| now.saturating_sub(known.counted) <= period);
        self.latest.insert(sign.node, Departure { counted: now, at, lost });
    }
}
