//! What the mailbox is made of: parking_lot and std, or loom's doubles of them when all of its
//! interleavings are tried (`--cfg starlings_loom`).

#[cfg(not(starlings_loom))]
pub(super) use std::hint::spin_loop;
#[cfg(not(starlings_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

#[cfg(starlings_loom)]
pub(super) use loom::hint::spin_loop;
#[cfg(starlings_loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(not(starlings_loom))]
pub(super) use parking_lot::{Mutex, MutexGuard};

/// loom's mutex with the interface of parking_lot's.
///
/// loom does not switch threads while a lock is held under which nothing else of loom is touched, so its
/// own `try_lock` would nearly always succeed. That of a weak mutex looks at a mark of whoever holds the
/// lock, and may see it late; any other waits, as the marks multiply what is to be tried.
#[cfg(starlings_loom)]
pub(super) struct Mutex<T> {
    pub(super) is_weak: bool,
    is_held: AtomicBool,
    inner: loom::sync::Mutex<T>,
}

#[cfg(starlings_loom)]
impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        let (is_held, inner) = (AtomicBool::new(false), loom::sync::Mutex::new(value));
        Self { is_weak: false, is_held, inner }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        let guard = self.inner.lock().expect("no thread of a loom test panics with the lock held");
        let mark = self.is_weak.then_some(&self.is_held);
        if let Some(mark) = mark {
            mark.store(true, Ordering::Relaxed);
        }
        MutexGuard { mark, guard }
    }

    /// `None` if somebody was seen to hold it; else waits for who took it since.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let is_held = self.is_weak && self.is_held.load(Ordering::Relaxed);
        (!is_held).then(|| self.lock())
    }
}

#[cfg(starlings_loom)]
pub(super) struct MutexGuard<'a, T> {
    mark: Option<&'a AtomicBool>,
    guard: loom::sync::MutexGuard<'a, T>,
}

#[cfg(starlings_loom)]
impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(mark) = self.mark {
            mark.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(starlings_loom)]
impl<T> std::ops::Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

#[cfg(starlings_loom)]
impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
