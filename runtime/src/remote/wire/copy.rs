//! Copying the bytes of messages.

/// Longest copy that is made in one. Bytes.
///
/// From some 2 KiB on the C library copies by one instruction of the processor (`rep movsb`), which on
/// AMD's Zen 3 and 4 takes 20 times as long if the target lies 1 to 63 bytes behind the source, modulo
/// 4096: 1400 ns in place of 60 for 4 KiB. That is where an encoded payload stands, behind the few
/// bytes of its header, since large pieces of memory all begin at the same place of a page. Pieces of
/// this length cost nothing elsewhere.
const PIECE_BYTES: usize = 2 << 10;

/// A long copy lets other threads have the processor each time it has done so much. Bytes; some 30 us.
///
/// Linux leaves a thread the processor for 3 ms or so, whoever wakes up meanwhile. On a machine with few
/// of them, that is what the calls of other actors would wait behind messages of 100 MB. See D44.
const TURN_BYTES: usize = 256 << 10;

/// Appends `bytes` to `out`, quickly wherever both lie.
#[inline]
pub fn append_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() <= PIECE_BYTES {
        out.extend_from_slice(bytes);
    } else {
        append_long(bytes, out);
    }
}

fn append_long(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    for turn in bytes.chunks(TURN_BYTES) {
        turn.chunks(PIECE_BYTES).for_each(|piece| out.extend_from_slice(piece));
        if turn.len() == TURN_BYTES {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_appended_once() {
        for len in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES + 7] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
            let mut out = vec![9];
            append_bytes(&bytes, &mut out);
            assert_eq!((out.first(), out.get(1..)), (Some(&9), Some(&bytes[..])));
        }
    }
}
