//! State that a child leaves for its next life.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

type Left = Mutex<Option<Box<dyn Any + Send>>>;

/// Where a child leaves a value. The supervisor holds it; with the child's spec it goes.
#[derive(Default)]
pub(crate) struct Slot(Arc<Left>);

impl Slot {
    /// What the child itself holds of it, so that a pid that is kept does not keep the value.
    pub(crate) fn lend(&self) -> LentSlot {
        LentSlot(Arc::downgrade(&self.0))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

/// The slot of a child as it knows it; nothing can be left in it once the supervisor let it go.
#[derive(Clone, Default)]
pub(crate) struct LentSlot(Weak<Left>);

impl LentSlot {
    /// Leaves a value, in the place of what is there.
    pub(crate) fn leave<T: Any + Send>(&self, value: T) {
        if let Some(left) = self.0.upgrade() {
            let before = left.lock().replace(Box::new(value));
            // User code may run in this drop: not under the lock.
            drop(before);
        }
    }

    /// Takes what is there, if it is a `T`; else it stays.
    pub(crate) fn take<T: Any + Send>(&self) -> Option<T> {
        let slot = self.0.upgrade()?;
        let mut left = slot.lock();
        match left.take()?.downcast::<T>() {
            Ok(value) => Some(*value),
            Err(other) => {
                *left = Some(other);
                None
            }
        }
    }
}

impl fmt::Debug for LentSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LentSlot")
    }
}
