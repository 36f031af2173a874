//! What a supervisor keeps for a child.

use super::child::ChildSpec;
use super::handover::Slot;
use super::placement::Place;
use crate::panics::spared;
use crate::pid::AnyPid;

/// A child's spec, and what its supervisor keeps for it.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) spec: ChildSpec,
    pub(super) slot: Option<Slot>,
    /// The place that it takes, if it is placed and has not ended.
    pub(super) place: Option<Place>,
}

impl Adopted {
    pub(super) fn new(spec: ChildSpec) -> Self {
        let slot = spec.handover.then(Slot::default);
        Self { spec, slot, place: None }
    }

    /// Drops what was kept. The arguments of a child, and what it left for its next life, are values
    /// of the program, whose drop may panic: that is no end of the supervisor.
    pub(super) fn let_go(self, supervisor: &AnyPid) {
        let Self { spec, slot, place: _ } = self;
        let ChildSpec { id: child, start, placement, .. } = spec;
        // One after the other: a second panic while the first one unwinds would end the process.
        let dropped = [spared(|| drop(start)), spared(|| drop(placement)), spared(|| drop(slot))];
        if dropped.iter().any(Result::is_err) {
            tracing::warn!(
                node = %supervisor.node(),
                %supervisor,
                child,
                "what was kept for a child panicked when it was dropped"
            );
        }
    }
}
