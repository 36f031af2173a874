//! Where a message is encoded before it goes into a lane: not under the lane's lock, since encoding is
//! the program's code, which may take long, panic, or send itself; and not into new memory each time.

use std::cell::Cell;

use crate::frame::ENVELOPE_BYTES_MAX;

thread_local! {
    /// The buffer of this thread, while nobody encodes. Holds nothing.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer, which it may keep what is in it of.
pub(crate) fn with_buffer<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    // Who sends while encoding finds none, and gets a new one.
    let mut buffer = BUFFER.take();
    let outcome = work(&mut buffer);
    if buffer.capacity() <= 2 * ENVELOPE_BYTES_MAX {
        buffer.clear();
        BUFFER.set(buffer);
    }
    outcome
}
