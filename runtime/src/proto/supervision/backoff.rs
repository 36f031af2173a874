//! How long what has failed before waits for its next try: a child that is restarted, a peer that is
//! dialled.

use std::time::Duration;

/// A delay before each restart of a child, or each dial of a peer that is kept connected: it doubles
/// from `base` to `max` while that keeps failing.
///
/// Restarts that wait count against the supervisor's intensity as soon as they are decided.
/// Under `OneForAll` and `RestForOne` the others are stopped at once, and started after the delay.
/// Source: ours; the delays are those of "exponential backoff and jitter".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The delay before the first restart. Greater than zero.
    pub base: Duration,
    /// No delay is longer. Not less than `base`, and at most a day.
    pub max: Duration,
    /// The part of each delay that is left to chance, 0 to 1: with 0.2 a delay of 10 s becomes one
    /// between 8 and 10 s, so that children that failed together do not come back together.
    pub jitter: f64,
    /// A child that was up for so long begins at `base` again.
    pub reset_after: Duration,
}

/// Longest delay that can be asked for. A day: what is down for longer needs people.
const DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Backoff {
    /// Delays from `base` to `max`, a fifth of each left to chance, that begin anew after a child
    /// was up for twice `max`.
    #[must_use]
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, jitter: 0.2, reset_after: max.saturating_mul(2) }
    }

    /// Sets the part of each delay that is left to chance, 0 to 1.
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Sets how long a child must be up for its delays to begin anew.
    #[must_use]
    pub fn reset_after(mut self, up: Duration) -> Self {
        self.reset_after = up;
        self
    }

    /// Whether it keeps to its bounds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let bounds = self.base..=DELAY_MAX;
        !self.base.is_zero() && bounds.contains(&self.max) && (0.0..=1.0).contains(&self.jitter)
    }

    /// The delay after `streak` restarts in a row; `chance` is in 0 to 1.
    #[must_use]
    pub fn delay(&self, streak: u32, chance: f64) -> Duration {
        let doubled = 1_u32.checked_shl(streak).map(|by| self.base.saturating_mul(by));
        let delay = doubled.unwrap_or(self.max).min(self.max);
        delay.mul_f64(1.0 - self.jitter * chance)
    }
}

/// Numbers for jitter, from a seed: splitmix64.
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to 1.
    pub(super) fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}
