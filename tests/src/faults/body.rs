//! What messages hold: bytes that follow from where they belong, so that a part of another message shows.

/// How long the message of this number is. Bytes.
///
/// Most are small; some share their frame with no other, some are cut to fragments, a few to many.
#[must_use]
pub fn length(number: u64) -> usize {
    match number {
        n if n % 8192 == 4095 => 1 << 20,
        n if n % 1024 == 511 => 100 << 10,
        n if n % 64 == 31 => 4 << 10,
        n => usize::try_from(n % 48).unwrap_or_default(),
    }
}

/// The body of the message of this number in a stream.
#[must_use]
pub fn body(stream: u64, number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length(number) + 8);
    let words = words(stream, number);
    bytes.extend(words.take(length(number).div_ceil(8)).flat_map(u64::to_le_bytes));
    bytes.truncate(length(number));
    bytes
}

/// Whether these bytes are that body.
#[must_use]
pub fn is_body(stream: u64, number: u64, bytes: &[u8]) -> bool {
    let is_chunk = |(chunk, word): (&[u8], u64)| word.to_le_bytes().starts_with(chunk);
    bytes.len() == length(number) && bytes.chunks(8).zip(words(stream, number)).all(is_chunk)
}

/// What tells the streams apart.
#[must_use]
pub fn stream(sender: u32, epoch: u32, life: u64) -> u64 {
    (u64::from(sender) << 48) ^ (u64::from(epoch) << 32) ^ life
}

fn words(stream: u64, number: u64) -> impl Iterator<Item = u64> {
    let mut word = (stream ^ number.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_own_and_no_other() {
        for number in [0, 1, 47, 31, 511, 4095] {
            let mut bytes = body(7, number);
            assert!(is_body(7, number, &bytes));
            assert!(bytes.is_empty() || !is_body(8, number, &bytes));
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
                assert!(!is_body(7, number, &bytes));
            }
            bytes.push(0);
            assert!(!is_body(7, number, &bytes));
        }
        let lengths = [0, 31, 511, 4095].map(length);
        assert_eq!(lengths, [0, 4 << 10, 100 << 10, 1 << 20]);
    }
}
