//! The randomness of one member: seeded, so that a run can be repeated.

/// A stream of numbers, splitmix64. Not for secrets.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An index into something of `len` elements; 0 if there are none.
    pub(super) fn index(&mut self, len: usize) -> usize {
        let number = usize::try_from(self.number() >> 32).unwrap_or(0);
        number.checked_rem(len).unwrap_or(0)
    }

    /// Something near `span`: between a half and one and a half of it.
    pub(super) fn around(&mut self, span: std::time::Duration) -> std::time::Duration {
        let permille = u32::try_from(self.index(1001)).unwrap_or(0);
        span / 2 + span * permille / 1000
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}
