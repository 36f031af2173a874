//! A hybrid logical clock: milliseconds of the wall, and a count where they do not suffice.
//!
//! It never goes back, whatever the wall clock does, and it rises with the stamps of others, but only
//! as far as [`DRIFT_MAX_MS`]: a node whose clock is an hour ahead does not drag all others along.
//! Its writes are taken all the same, and a later write to such a key is stamped above it
//! ([`Clock::stamp`]), so that a skewed clock wins only against writes that it truly did not know.
//!
//! # Source
//! Kulkarni et al. 2014, "Logical Physical Clocks"; the guard is ours.

/// How far the clock follows stamps that are ahead of the wall clock. Milliseconds; one minute:
/// above any NTP error, below what users notice.
pub const DRIFT_MAX_MS: u64 = 60_000;

/// Bits of the count below the milliseconds.
const COUNT_BITS: u32 = 16;

/// A moment of some replica's clock: 48 bits of milliseconds since 1970, 16 bits of count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

/// The clock of one replica.
#[derive(Debug, Default)]
pub struct Clock {
    last: Stamp,
}

impl Stamp {
    fn at(wall_ms: u64) -> Self {
        Self(wall_ms.min(u64::MAX >> COUNT_BITS) << COUNT_BITS)
    }

    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Clock {
    /// A stamp above all earlier ones of this clock, above `seen` (the newest stamp of the key to be
    /// written), and not below the wall clock. `seen` alone does not move the clock.
    pub fn stamp(&mut self, wall_ms: u64, seen: Option<Stamp>) -> Stamp {
        self.last = Stamp::at(wall_ms).max(self.last.next());
        self.last.max(seen.map_or_else(Stamp::default, Stamp::next))
    }

    /// Notes the stamp of another replica's write.
    pub fn observe(&mut self, wall_ms: u64, stamp: Stamp) {
        if stamp <= Stamp::at(wall_ms.saturating_add(DRIFT_MAX_MS)) {
            self.last = self.last.max(stamp);
        }
    }
}

#[cfg(test)]
mod tests;
