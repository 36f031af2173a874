//! The header of an envelope.

/// One envelope, or the tail of a method with further arguments.
pub fn run(bytes: &[u8]) {
    let _ = starlings_runtime::fuzzing::splits(bytes);
    let mut rest = bytes;
    while !rest.is_empty() && starlings_runtime::take_tail::<Option<String>>(7, &mut rest).is_ok() {
    }
    let _ = starlings_runtime::skip_tails(bytes);
}
