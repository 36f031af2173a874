//! How well this member itself does: Lifeguard's local health.

use std::time::Duration;

/// The highest multiple of its own times that a slow member takes. 8, as in Lifeguard: a probe then
/// takes 8 s, longer than a node is usually starved for at a time.
pub const HEALTH_MULTIPLE_MAX: u32 = 8;

/// A score: 0 is well. Each sign that this member is slow adds to it, each probe that went well takes
/// one off.
#[derive(Debug)]
pub(super) struct Health {
    score: u32,
    is_on: bool,
}

impl Health {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { score: 0, is_on }
    }

    pub(super) fn worsen(&mut self, by: usize) {
        if self.is_on {
            let by = u32::try_from(by).unwrap_or(HEALTH_MULTIPLE_MAX);
            self.score = self.score.saturating_add(by).min(HEALTH_MULTIPLE_MAX - 1);
        }
    }

    pub(super) fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) const fn score(&self) -> u32 {
        self.score
    }

    /// A time of this member, as long as it takes now.
    pub(super) fn scale(&self, span: Duration) -> Duration {
        span * (self.score + 1)
    }
}
