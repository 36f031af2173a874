//! Time that passes while something is looked at again and again.

use std::time::{Duration, Instant};

/// What counts of the time between two looks at most: in a longer one the process was stopped, or the machine
/// had no time for it, and what is waited for had none either.
const LOOK_MAX: Duration = Duration::from_millis(100);

/// How long something has been waited for, by the looks at it.
#[derive(Debug)]
pub struct Waited {
    looked: Instant,
    waited: Duration,
}

impl Waited {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        Self { looked: now(), waited: Duration::ZERO }
    }

    /// Looks: whether it has been longer than this.
    pub fn is_over(&mut self, most: Duration) -> bool {
        self.looked_at(now());
        self.waited > most
    }

    fn looked_at(&mut self, now: Instant) {
        self.waited += now.saturating_duration_since(self.looked).min(LOOK_MAX);
        self.looked = now;
    }
}

#[expect(clippy::disallowed_methods, reason = "what waits for processes waits in real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nobody_looked_counts_for_little() {
        let mut waited = Waited::start();
        let start = waited.looked;
        waited.looked_at(start + Duration::from_secs(600));
        assert_eq!(waited.waited, LOOK_MAX);
        for ms in 1..=50 {
            waited.looked_at(start + Duration::from_secs(600) + Duration::from_millis(ms));
        }
        assert_eq!(waited.waited, LOOK_MAX + Duration::from_millis(50));
    }
}
