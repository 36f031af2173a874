//! Messages that an actor may never handle.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A queue that drops what is left in it one by one. One that panics in its `Drop` takes none of the
/// others along, and keeps no end of an actor from being told: two such panics at once would end the
/// process.
#[derive(Debug)]
pub(crate) struct Unhandled<T>(pub(crate) VecDeque<T>);

impl<T> Default for Unhandled<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Drop for Unhandled<T> {
    fn drop(&mut self) {
        while let Some(item) = self.0.pop_front() {
            if catch_unwind(AssertUnwindSafe(|| drop(item))).is_err() {
                tracing::warn!("a message that was not handled panicked when it was dropped");
            }
        }
    }
}
