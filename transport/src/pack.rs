//! Packed frames: bodies compressed by lz4, where both ends can and it is asked for.
//!
//! ```text
//!   0          4
//!   ┌──────────┬──────────────────────┐
//!   │ raw size │ one block of lz4     │   body of a frame whose kind has bit 7 set
//!   └──────────┴──────────────────────┘
//! ```

use crate::frame::{self, FRAME_BYTES_MAX, HEADER_BYTES};

/// What is compressed on its way to a peer: from how many bytes on, for each kind of lane. Of no use where
/// messages are compressed or encrypted already, or where the network is faster than lz4, some 1.5 GB/s
/// for each core. What does not come out smaller goes as it is, and so does all of the control lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compress {
    /// On the user lanes: what is written together there, of messages up to 64 KiB. Bytes of a frame's
    /// body. `None`: nothing.
    pub messages: Option<usize>,
    /// On the bulk lane: the parts of longer messages, of up to 64 KiB each. Bytes. `None`: nothing.
    pub bulk: Option<usize>,
}

impl Compress {
    /// From so many bytes on, whatever the lane.
    #[must_use]
    pub const fn above(bytes: usize) -> Self {
        Self { messages: Some(bytes), bulk: Some(bytes) }
    }
}

/// Bytes of the size before a packed body.
const SIZE_BYTES: usize = 4;

/// A packed body that is none. The session is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("packed frames were not agreed on")]
    NotAgreed,
    #[error("a packed frame would have {0} bytes")]
    TooLarge(usize),
    #[error("a packed frame that does not unpack")]
    Malformed,
}

/// Whether this build can pack at all.
pub(crate) const CAN_PACK: bool = cfg!(feature = "lz4");

/// Packs the bodies of the frames in `batch` that have at least `above` bytes and come out smaller.
pub(crate) fn pack(batch: &mut Vec<u8>, above: usize) {
    let (mut packed, mut rest) = (Vec::new(), &batch[..]);
    let mut kept = 0;
    while let Some((header, body, after)) = frame::split(rest) {
        let start = batch.len() - rest.len();
        if body.len() >= above
            && let Some(smaller) = pack_body(body)
        {
            packed.extend_from_slice(batch.get(kept..start).unwrap_or_default());
            packed.extend_from_slice(&frame::packed_header(header, SIZE_BYTES + smaller.len()));
            packed.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
            packed.extend_from_slice(&smaller);
            kept = start + HEADER_BYTES + body.len();
        }
        rest = after;
    }
    if kept > 0 {
        packed.extend_from_slice(batch.get(kept..).unwrap_or_default());
        *batch = packed;
    }
}

/// The packed form of a body; `None` if it is not smaller.
#[cfg(feature = "lz4")]
fn pack_body(body: &[u8]) -> Option<Vec<u8>> {
    let packed = lz4_flex::block::compress(body);
    (SIZE_BYTES + packed.len() < body.len()).then_some(packed)
}

#[cfg(not(feature = "lz4"))]
fn pack_body(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// Unpacks a body into `out`, which holds nothing else afterwards. Nothing is allocated for a body that
/// would be larger than a frame may be.
pub(crate) fn unpack(body: &[u8], out: &mut Vec<u8>) -> Result<(), UnpackError> {
    let (size, packed) = body.split_first_chunk().ok_or(UnpackError::Malformed)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
    if size > FRAME_BYTES_MAX {
        return Err(UnpackError::TooLarge(size));
    }
    out.clear();
    out.resize(size, 0);
    if unpack_into(packed, out) == Some(size) { Ok(()) } else { Err(UnpackError::Malformed) }
}

#[cfg(feature = "lz4")]
fn unpack_into(packed: &[u8], out: &mut [u8]) -> Option<usize> {
    lz4_flex::block::decompress_into(packed, out).ok()
}

#[cfg(not(feature = "lz4"))]
fn unpack_into(_: &[u8], _: &mut [u8]) -> Option<usize> {
    None
}

#[cfg(all(test, feature = "lz4"))]
mod tests {
    use super::*;
    use crate::wire::FrameKind;

    fn frame(seq: u32, body: &[u8]) -> Vec<u8> {
        [&frame::header(body.len(), seq, FrameKind::Envelopes), body].concat()
    }

    #[test]
    fn frames_that_come_out_smaller_are_packed_and_others_stay_as_they_are() {
        let mut random: u64 = 7;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random.to_le_bytes()[7]
        })
        .take(2000)
        .collect();
        let (small, zeros) = (frame(0, &[7; 99]), frame(1, &[0; 5000]));
        let (other, more) = (frame(2, &noise), frame(3, &[1; 300]));
        let mut batch = [&small[..], &zeros, &other, &more].concat();
        let raw = batch.len();
        pack(&mut batch, 100);
        assert!(batch.len() < raw - 5000 && batch.len() > 2000, "{} of {raw}", batch.len());
        let (mut rest, mut bodies, mut unpacked) = (&batch[..], Vec::new(), Vec::new());
        while let Some((header, body, after)) = frame::split(rest) {
            let is_packed = header[HEADER_BYTES - 1] & frame::PACKED != 0;
            let body = if is_packed {
                unpack(body, &mut unpacked).unwrap();
                &unpacked[..]
            } else {
                body
            };
            bodies.push((is_packed, body.to_vec()));
            rest = after;
        }
        let expected =
            [(false, vec![7; 99]), (true, vec![0; 5000]), (false, noise), (true, vec![1; 300])];
        assert!(bodies == expected, "other bodies, or others packed");
    }

    /// The blocks were written by hand from the description of the format: a literal, so many bytes from one
    /// back, more literals. Another program may leave fewer literals at the end than this one.
    #[test]
    fn packed_frame_has_golden_bytes() {
        let (head, raw_size) = ([0, 0, 0, 3, 0, 0, 0, 0x80 | 1], [100, 0, 0, 0]);
        let frame_of = |len: u8, block: &[u8]| [&[len], &head[..], &raw_size, block].concat();
        let ours = frame_of(21, &[0x1f, 7, 1, 0, 74, 0x60, 7, 7, 7, 7, 7, 7]);
        let theirs = frame_of(20, &[0x1f, 7, 1, 0, 75, 0x50, 7, 7, 7, 7, 7]);
        for golden in [&ours, &theirs] {
            let Some((_, body, [])) = frame::split(golden) else { panic!("it is one frame") };
            let mut out = Vec::new();
            assert_eq!(unpack(body, &mut out), Ok(()));
            assert_eq!(out, [7; 100]);
        }
        let mut batch = frame(3, &[7; 100]);
        pack(&mut batch, 100);
        assert_eq!(batch, ours);
    }

    #[test]
    fn what_does_not_unpack_or_expands_too_far_is_refused() {
        let mut out = Vec::new();
        let bomb = [&u32::MAX.to_le_bytes()[..], &[0; 10]].concat();
        assert_eq!(unpack(&bomb, &mut out), Err(UnpackError::TooLarge(u32::MAX as usize)));
        assert_eq!(out.capacity(), 0, "nothing is allocated for it");
        let packed = pack_body(&[0; 5000]).unwrap();
        for size in [0_u32, 4999, 5001] {
            let wrong = [&size.to_le_bytes()[..], &packed].concat();
            assert_eq!(unpack(&wrong, &mut out), Err(UnpackError::Malformed), "{size}");
        }
        for bytes in [&[][..], &[1, 0, 0], &[1, 0, 0, 0], &[9, 0, 0, 0, 0xff, 0xff]] {
            assert_eq!(unpack(bytes, &mut out), Err(UnpackError::Malformed));
        }
    }
}
