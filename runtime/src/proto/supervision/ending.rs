//! The end of a supervisor: why it comes, and the stop of all children before it.

use super::children::{ChildKey, Life};
use super::requests::refuse;
use super::rules::{AutoShutdown, ChildError, Strategy};
use super::tracks::Work;
use super::{Answer, Outbox, Output, State};
use crate::reason::ExitReason;

/// Children of a dynamic supervisor that are stopped for one input when it ends; the deadline is at once
/// while there are more. Count. 1024: what comes out stays below 100 KiB, and others have their turn
/// in between.
const STOPS_AT_ONCE: usize = 1024;

/// Why a supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndCause {
    /// It was told to.
    Asked,
    /// More restarts than its intensity allows.
    Intensity,
    /// Its significant children have ended.
    AutoShutdown,
    /// One of the children that it began with did not start.
    StartFailed,
    /// What it was to begin with cannot be.
    BadSpec,
}

#[derive(Debug)]
pub(super) enum Phase {
    Beginning,
    Running,
    /// The children that are left are being stopped: `left` has those whose turn has not come, in
    /// start order.
    Ending {
        reason: ExitReason,
        cause: EndCause,
        left: Vec<ChildKey>,
    },
    Ended,
}

impl Phase {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Ending { .. } | Self::Ended)
    }
}

impl State {
    /// A significant child ended by itself and is not restarted.
    pub(super) fn consider_auto_shutdown(&mut self, outbox: &mut Outbox) {
        let ends = match self.rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => self.children.tally().significant == 0,
        };
        if ends {
            self.end(ExitReason::Shutdown, EndCause::AutoShutdown, outbox);
        }
    }

    /// Stops all children, in reverse start order (those of a dynamic supervisor all at once), and
    /// then ends. What waits for an answer is told.
    pub(super) fn end(&mut self, reason: ExitReason, cause: EndCause, outbox: &mut Outbox) {
        if self.phase.is_over() {
            return;
        }
        self.alarms.clear();
        for track in self.tracks.clear_all() {
            if let Some(request) = track.operation.purpose.request() {
                let answer = Answer::Refused(ChildError::Ending);
                outbox.push(Output::Answer { request, answer });
            }
            for (_, work) in track.into_waiting() {
                if let Work::Asked(request, what) = work {
                    refuse(request, &what, ChildError::Ending, outbox);
                }
            }
        }
        let left: Vec<_> = self.children.iter().map(|(key, _)| key).collect();
        for (key, child) in self.children.iter().filter(|(_, child)| child.life == Life::Starting) {
            outbox.push(Output::Cancel { key, shutdown: child.rules.shutdown });
        }
        self.phase = Phase::Ending { reason, cause, left };
        self.end_next(None, outbox);
    }

    /// Whether children wait for their stop, and for nothing else.
    pub(super) fn has_more_to_stop(&self) -> bool {
        let Phase::Ending { left, .. } = &self.phase else { return false };
        self.rules.strategy == Strategy::Dynamic && !left.is_empty()
    }

    /// One more child is stopped, or came up although the supervisor is ending.
    pub(super) fn end_next(&mut self, came_up: Option<ChildKey>, outbox: &mut Outbox) {
        let Phase::Ending { reason, cause, mut left } =
            std::mem::replace(&mut self.phase, Phase::Ended)
        else {
            return;
        };
        let at_once = self.rules.strategy == Strategy::Dynamic;
        if let Some(key) = came_up.filter(|_| at_once) {
            self.begin_stop(key, outbox);
        }
        let most = if at_once { STOPS_AT_ONCE } else { usize::MAX };
        for _ in 0..most {
            let Some(key) = left.last().copied() else { break };
            let under_way = self.begin_stop(key, outbox)
                || self.children.get(key).is_some_and(|child| child.life.is_under_way());
            if under_way && !at_once {
                break;
            }
            if !under_way {
                self.settle(key, outbox);
            }
            left.pop();
        }
        if left.is_empty() && self.children.tally().under_way == 0 {
            outbox.push(Output::End { reason, cause });
        } else {
            self.phase = Phase::Ending { reason, cause, left };
        }
    }
}
