//! The count of recent restarts.

use std::collections::VecDeque;
use std::time::Duration;

use super::rules::Intensity;

#[derive(Debug)]
pub(super) struct RecentRestarts {
    intensity: Intensity,
    /// When restarts happened, oldest first; never longer than `intensity.restarts + 1`.
    times: VecDeque<Duration>,
}

impl RecentRestarts {
    pub(super) fn new(intensity: Intensity) -> Self {
        Self { intensity, times: VecDeque::new() }
    }

    /// Counts one more restart; whether it is still within the intensity.
    pub(super) fn allows(&mut self, now: Duration) -> bool {
        let Intensity { restarts, period } = self.intensity;
        self.times.push_back(now);
        while self.times.front().is_some_and(|at| now.saturating_sub(*at) > period) {
            self.times.pop_front();
        }
        let allowed = self.times.len() <= restarts;
        if !allowed {
            self.times.pop_front();
        }
        allowed
    }
}
