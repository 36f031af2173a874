//! Which timers are due when: pure, with ticks as the time.

use std::collections::BTreeMap;

use slab::Slab;

/// Timers by the tick at which they are due. Setting and cancelling cost the same however many there
/// are at one tick.
///
/// Who cancels a timer gives its key up: until that tick has passed the slot may be another's.
/// Afterwards the key is never used again. A tick without timers is not kept.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    ticks: BTreeMap<u64, Slab<T>>,
    /// Every tick up to this one has been taken.
    passed: u64,
    /// The tick that the driver sleeps for; `None` while it sleeps for none.
    awaited: Option<u64>,
    len: usize,
}

/// Names a timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerKey {
    tick: u64,
    slot: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self { ticks: BTreeMap::new(), passed: 0, awaited: None, len: 0 }
    }
}

impl<T> Wheel<T> {
    /// Sets a timer, due at the earliest at the next tick; whether the driver has to be woken for it.
    pub(super) fn set(&mut self, tick: u64, timer: T) -> (TimerKey, bool) {
        let tick = tick.max(self.passed + 1);
        let slot = self.ticks.entry(tick).or_default().insert(timer);
        self.len += 1;
        let is_first = self.awaited.is_none_or(|awaited| tick < awaited);
        if is_first {
            self.awaited = Some(tick);
        }
        (TimerKey { tick, slot }, is_first)
    }

    /// Takes a timer back, unless it is due already and was taken.
    pub(super) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let timers = self.ticks.get_mut(&key.tick)?;
        let timer = timers.try_remove(key.slot)?;
        if timers.is_empty() {
            self.ticks.remove(&key.tick);
        }
        self.len -= 1;
        Some(timer)
    }

    pub(super) fn find_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.ticks.get_mut(&key.tick)?.get_mut(key.slot)
    }

    /// Takes what is due at `now`, earliest first.
    pub(super) fn take_due(&mut self, now: u64) -> Vec<T> {
        let mut due = Vec::new();
        while let Some(entry) = self.ticks.first_entry()
            && *entry.key() <= now
        {
            let timers = entry.remove();
            self.len -= timers.len();
            due.extend(timers.into_iter().map(|(_, timer)| timer));
        }
        self.passed = self.passed.max(now);
        due
    }

    /// The tick to sleep for, if any: the driver calls it right before it sleeps.
    pub(super) fn next(&mut self) -> Option<u64> {
        self.awaited = self.ticks.keys().next().copied();
        self.awaited
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_once_and_earliest_first() {
        let mut wheel = Wheel::default();
        assert!(wheel.set(5, "five").1, "the driver sleeps for nothing");
        assert!(!wheel.set(7, "seven").1, "it sleeps for an earlier one");
        assert!(wheel.set(3, "three").1, "it sleeps for a later one");
        assert_eq!(wheel.take_due(2), [""; 0]);
        assert_eq!(wheel.take_due(5), ["three", "five"]);
        assert_eq!((wheel.next(), wheel.len()), (Some(7), 1));
        assert_eq!(wheel.take_due(9), ["seven"]);
        assert_eq!((wheel.next(), wheel.len()), (None, 0));
    }

    #[test]
    fn cancelled_timer_does_not_come_and_its_key_does_not_cancel_another() {
        let mut wheel = Wheel::default();
        let (key, _) = wheel.set(5, "first");
        assert_eq!(wheel.cancel(key), Some("first"));
        assert_eq!((wheel.next(), wheel.ticks.len()), (None, 0));
        wheel.set(6, "second");
        assert_eq!(wheel.take_due(6), ["second"]);
        // A timer for a tick that has passed is due at the next one, under another key.
        let (late, _) = wheel.set(5, "third");
        assert_eq!((wheel.cancel(key), wheel.len()), (None, 1));
        assert_eq!(wheel.cancel(late), Some("third"));
    }
}
