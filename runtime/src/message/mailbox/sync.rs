//! What the mailbox is made of: parking_lot and std, or loom's doubles of them when all of its
//! interleavings are tried (`--cfg starlings_loom`).

#[cfg(not(starlings_loom))]
pub(super) use std::hint::spin_loop;
#[cfg(not(starlings_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

#[cfg(starlings_loom)]
pub(super) use loom::hint::spin_loop;
#[cfg(starlings_loom)]
pub(super) use loom::sync::MutexGuard;
#[cfg(starlings_loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(not(starlings_loom))]
pub(super) use parking_lot::{Mutex, MutexGuard};

/// loom's mutex with the interface of parking_lot's.
#[cfg(starlings_loom)]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(starlings_loom)]
impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no thread of a loom test panics with the lock held")
    }

    /// Waits: that it is not to be had at once is no other interleaving than that it is had later.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}
