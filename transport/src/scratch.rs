//! Where a message is encoded before it goes into a lane: not under the lane's lock, since encoding is
//! the program's code, which may take long, panic, or send itself; and not into new memory each time.

use std::cell::RefCell;

use crate::frame::ENVELOPE_BYTES_MAX;

thread_local! {
    /// The buffer of this thread. What is in it is of no use to the next one.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer, which it may keep what is in it of.
pub(crate) fn with_buffer<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    BUFFER.with(|buffer| {
        // Who sends while encoding finds it taken, and gets a new one.
        let Ok(mut buffer) = buffer.try_borrow_mut() else {
            return work(&mut Vec::new());
        };
        buffer.clear();
        let outcome = work(&mut buffer);
        if buffer.capacity() > 2 * ENVELOPE_BYTES_MAX {
            *buffer = Vec::new();
        }
        outcome
    })
}
