//! Long waits: calls whose timeout is some seconds, which nearly always end before it.
//!
//! Such a wait costs a slot and no look at the clock. A sweep comes by while there are any: it notes
//! when each wait that it finds anew will be over, and wakes those that are. So a wait is over late by
//! two sweeps at most, and never early.

use std::task::Waker;
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

/// How often waits are looked at.
pub(super) const SWEEP: Duration = Duration::from_millis(64);

/// Waits shorter than this are timed exactly. Two sweeps are a sixteenth of it.
pub(super) const WAIT_MIN: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Waits {
    slots: Slab<Wait>,
    /// Whether the driver has them swept.
    swept: bool,
}

#[derive(Debug)]
struct Wait {
    waker: Waker,
    timeout: Duration,
    /// When it will be over; `None` until a sweep has come by.
    over: Option<Instant>,
}

impl Waits {
    /// Begins a wait; whether the driver has to be told that there are any.
    pub(super) fn begin(&mut self, timeout: Duration, waker: Waker) -> (usize, bool) {
        let slot = self.slots.insert(Wait { waker, timeout, over: None });
        (slot, !std::mem::replace(&mut self.swept, true))
    }

    /// Has a wait wake another task; when it will be over.
    pub(super) fn renew(&mut self, slot: usize, waker: &Waker) -> Option<Instant> {
        let wait = self.slots.get_mut(slot)?;
        wait.waker.clone_from(waker);
        wait.over
    }

    pub(super) fn end(&mut self, slot: usize) {
        self.slots.try_remove(slot);
    }

    /// Whom to wake. They end their waits themselves.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<Waker> {
        self.swept = !self.slots.is_empty();
        if !self.swept && self.slots.capacity() > 1024 {
            self.slots = Slab::new();
        }
        let over = self.slots.iter_mut().filter_map(|(_, wait)| match wait.over {
            Some(over) => (over <= now).then(|| wait.waker.clone()),
            None => {
                wait.over = Some(now.checked_add(wait.timeout)?);
                None
            }
        });
        over.collect()
    }

    pub(super) fn is_swept(&self) -> bool {
        self.swept
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_over_after_its_time_and_within_two_sweeps() {
        let mut waits = Waits::default();
        let (slot, first) = waits.begin(WAIT_MIN, Waker::noop().clone());
        assert!(first && !waits.begin(WAIT_MIN * 9, Waker::noop().clone()).1);
        let mut now = Instant::now();
        let began = now;
        let mut over = 0;
        while over == 0 {
            now += SWEEP;
            over = waits.sweep(now).len();
        }
        assert!((WAIT_MIN..=WAIT_MIN + 2 * SWEEP).contains(&(now - began)));
        waits.end(slot);
        assert_eq!((waits.sweep(now).len(), waits.len()), (0, 1));
    }

    #[test]
    fn sweeps_end_when_nobody_waits() {
        let mut waits = Waits::default();
        let (slot, _) = waits.begin(WAIT_MIN, Waker::noop().clone());
        waits.sweep(Instant::now());
        assert!(waits.is_swept());
        waits.end(slot);
        waits.sweep(Instant::now());
        assert!(!waits.is_swept());
        assert!(waits.begin(WAIT_MIN, Waker::noop().clone()).1, "the driver is told again");
    }
}
