//! The clock that the pure state machines are driven by.

use std::time::Duration;

use tokio::time::Instant;

/// Tells instants as the time since the node started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// Sleeps until then; for ever if there is no such instant.
    pub(crate) async fn sleep_until(self, then: Option<Duration>) {
        match then.and_then(|then| self.0.checked_add(then)) {
            Some(then) => tokio::time::sleep_until(then).await,
            None => std::future::pending().await,
        }
    }
}
