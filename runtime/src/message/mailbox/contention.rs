//! How senders on several threads share the lock of one mailbox.
//!
//! A lock that goes from thread to thread with each push takes the lines of the cache along, which
//! costs several times the push. So who finds it held stays away from it for a while, in which the
//! other one pushes on alone; for how long is learned, so that most of them wait for a push or two.
//! Source: Agarwal and Cherian, "Adaptive backoff synchronization techniques", ISCA 1989.

use super::Mailbox;
use super::state::State;
use super::sync::{AtomicU32, MutexGuard, Ordering, spin_loop};

/// Shortest time to stay away. Pauses of the processor, of some 20 to 50 ns each. To loom a pause is
/// a chance for others to run, and those it has anyway.
const PAUSES_MIN: u32 = if cfg!(starlings_loom) { 0 } else { 8 };

/// Longest time to stay away. Pauses: some 20 to 50 us, in which the other sender pushes a thousand.
const PAUSES_MAX: u32 = if cfg!(starlings_loom) { 0 } else { 1024 };

/// Pushes between two contended ones that are worth a change of the thread. Count. At that the rate of
/// four senders is that of one; fewer pushes mean that the lock changes hands too often.
const PUSHES_AT_ONCE: u64 = 1024;

/// How often the lock is tried before the thread is parked. Count.
const TRIES_MAX: u32 = if cfg!(starlings_loom) { 1 } else { 4 };

/// How long to stay away from the lock: learned from how much is pushed meanwhile.
#[derive(Debug)]
pub(super) struct Backoff(AtomicU32);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(PAUSES_MIN))
    }

    fn pauses(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Learns how many pushes there were since the last time that somebody had to stay away.
    fn learn(&self, pushes: u64) {
        let pauses = self.pauses();
        let pauses = if pushes < PUSHES_AT_ONCE { pauses * 2 } else { pauses / 2 };
        self.0.store(pauses.clamp(PAUSES_MIN, PAUSES_MAX), Ordering::Relaxed);
    }
}

impl<M> Mailbox<M> {
    /// The lock, for a push of one message.
    #[inline]
    pub(super) fn lock_to_push(&self) -> MutexGuard<'_, State<M>> {
        self.state.try_lock().unwrap_or_else(|| self.lock_contended())
    }

    #[cold]
    fn lock_contended(&self) -> MutexGuard<'_, State<M>> {
        let mut state = self.stay_away();
        self.backoff.learn(state.pushed.saturating_sub(state.contended_at));
        state.contended_at = state.pushed;
        state
    }

    fn stay_away(&self) -> MutexGuard<'_, State<M>> {
        for _ in 0..TRIES_MAX {
            (0..self.backoff.pauses()).for_each(|_| spin_loop());
            if let Some(state) = self.state.try_lock() {
                return state;
            }
        }
        self.state.lock()
    }
}

#[cfg(all(test, not(starlings_loom)))]
mod tests {
    use super::*;

    #[test]
    fn time_away_grows_with_contention_and_shrinks_without() {
        let backoff = Backoff::new();
        (0..20).for_each(|_| backoff.learn(PUSHES_AT_ONCE - 1));
        assert_eq!(backoff.pauses(), PAUSES_MAX);
        backoff.learn(PUSHES_AT_ONCE);
        assert_eq!(backoff.pauses(), PAUSES_MAX / 2);
        (0..20).for_each(|_| backoff.learn(u64::MAX));
        assert_eq!(backoff.pauses(), PAUSES_MIN);
    }
}
