//! Frames: how envelopes lie in a lane's byte stream.
//!
//! ```text
//!   0        4        8    9
//!   ┌────────┬────────┬────┬─────────────┐
//!   │ length │  seq   │kind│ body        │   numbers are little-endian
//!   └────────┴────────┴────┴─────────────┘   length counts what follows it: 5 + body
//!   body of envelopes: (length as a varint, envelope) ...
//! ```

use std::io;

use starlings_runtime::append_bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::FrameKind;

#[cfg(test)]
mod tests;

/// Largest envelope that shares frames with others. Bytes. Longer ones go by the bulk lane.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 10;

/// A frame of envelopes that is as long takes no more. Bytes.
pub(crate) const FRAME_BYTES_FULL: usize = 32 << 10;

/// Largest body of a frame. Bytes. A peer that announces a larger one loses its session, before
/// anything is allocated for it.
pub const FRAME_BYTES_MAX: usize = 128 << 10;

const _: () = assert!(FRAME_BYTES_FULL + ENVELOPE_BYTES_MAX + VARINT_BYTES_MAX <= FRAME_BYTES_MAX);

/// What a reader asks the socket for at once. Bytes. Large enough for thousands of small frames per
/// system call, small enough for a buffer per lane.
pub const READ_BYTES: usize = 128 << 10;

/// Largest length of an envelope, as a varint. Bytes.
pub(crate) const VARINT_BYTES_MAX: usize = 5;

const LENGTH_BYTES: usize = 4;
/// What stands before the body of a frame. Bytes.
pub(crate) const HEADER_BYTES: usize = LENGTH_BYTES + 5;

/// One frame, in the buffer that it was read into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) seq: u32,
    pub(crate) kind: FrameKind,
    pub(crate) is_packed: bool,
    pub(crate) body: &'a [u8],
}

/// Bytes that are not a frame. Nothing after them can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {0} bytes is larger than a frame may be")]
    TooLarge(usize),
    #[error("a frame of {0} bytes is shorter than its header")]
    TooShort(usize),
    #[error("frames of kind {0} are not known")]
    UnknownKind(u8),
}

/// Appends room for a header, and says where the frame begins.
pub(crate) fn begin(bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

/// The header of a frame with a body of so many bytes.
pub(crate) fn header(body_bytes: usize, seq: u32, kind: FrameKind) -> [u8; HEADER_BYTES] {
    header_of(body_bytes, seq.to_le_bytes(), kind.byte())
}

fn header_of(body_bytes: usize, [s0, s1, s2, s3]: [u8; 4], kind: u8) -> [u8; HEADER_BYTES] {
    debug_assert!(body_bytes <= FRAME_BYTES_MAX);
    let length = u32::try_from(body_bytes + HEADER_BYTES - LENGTH_BYTES).unwrap_or(u32::MAX);
    let [l0, l1, l2, l3] = length.to_le_bytes();
    [l0, l1, l2, l3, s0, s1, s2, s3, kind]
}

/// Bit of the kind's byte: the body is packed.
pub(crate) const PACKED: u8 = 0x80;

/// The header of a frame whose body was packed to so many bytes.
pub(crate) fn packed_header(raw: &[u8; HEADER_BYTES], body_bytes: usize) -> [u8; HEADER_BYTES] {
    let [.., s0, s1, s2, s3, kind] = *raw;
    header_of(body_bytes, [s0, s1, s2, s3], kind | PACKED)
}

/// Splits the first whole frame off: its header, its body, and what follows.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8; HEADER_BYTES], &[u8], &[u8])> {
    let length = announced(bytes).ok().flatten()?;
    let (header, rest) = bytes.split_first_chunk()?;
    let (body, after) = rest.split_at_checked(length + LENGTH_BYTES - HEADER_BYTES)?;
    Some((header, body, after))
}

/// Fills in the header of the frame that began at `start`.
pub(crate) fn finish(bytes: &mut [u8], start: usize, seq: u32, kind: FrameKind) {
    let body_bytes = bytes.len() - start - HEADER_BYTES;
    if let Some(room) = bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *room = header(body_bytes, seq, kind);
    }
}

/// Appends an envelope to the body of a frame.
pub(crate) fn put_envelope(envelope: &[u8], out: &mut Vec<u8>) {
    let mut length = envelope.len();
    while length >= 0x80 {
        out.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    out.push(length.to_le_bytes()[0]);
    append_bytes(envelope, out);
}

/// The envelopes in the body of a frame.
#[derive(Debug)]
pub(crate) struct Envelopes<'a> {
    rest: &'a [u8],
    is_broken: bool,
}

impl<'a> Envelopes<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, is_broken: false }
    }

    /// Whether it ended before the body did.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn split(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (mut length, mut rest) = (0, self.rest);
        for shift in (0..).step_by(7).take(VARINT_BYTES_MAX) {
            let (byte, after) = rest.split_first()?;
            length |= usize::from(byte & 0x7f) << shift;
            rest = after;
            if byte & 0x80 == 0 {
                return rest.split_at_checked(length);
            }
        }
        None
    }
}

impl<'a> Iterator for Envelopes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() || self.is_broken {
            return None;
        }
        let split = self.split();
        self.is_broken = split.is_none();
        let (envelope, rest) = split?;
        self.rest = rest;
        Some(envelope)
    }
}

/// Cuts frames out of what is read. One buffer for all; nothing is allocated or copied per frame.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// What lies before has been handed out.
    at: usize,
}

impl Frames {
    /// Reads once; the number of bytes, 0 at the end of the stream.
    ///
    /// To be called when [`Frames::next`] has nothing more to give.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room();
        from.read_buf(&mut self.bytes).await
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = announced(rest)? else {
            return Ok(None);
        };
        let Some(frame) = rest.get(LENGTH_BYTES..LENGTH_BYTES + length) else {
            return Ok(None);
        };
        self.at += LENGTH_BYTES + length;
        parse(frame).map(Some)
    }

    /// The frame that has begun to come in, with what is there of its body, and how many bytes of that
    /// are missing; if its header is there.
    pub(crate) fn begun(&self) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = announced(rest)? else {
            return Ok(None);
        };
        let there = rest.get(LENGTH_BYTES..).unwrap_or_default();
        if there.len() < HEADER_BYTES - LENGTH_BYTES {
            return Ok(None);
        }
        Ok(Some((parse(there)?, length.saturating_sub(there.len()))))
    }

    /// Takes what is there as handed out, and reads on into `into`, for the last `missing` bytes of the
    /// begun frame, which `into` then has at its end; and a few more, so that the next frame may be
    /// told: these stay here. Reads once; the number of bytes, 0 at the end of the stream.
    pub(crate) async fn fill_into(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        into: &mut Vec<u8>,
        missing: usize,
        ahead: usize,
    ) -> io::Result<usize> {
        self.bytes.clear();
        self.at = 0;
        let end = into.len() + missing;
        let limit = u64::try_from(missing + ahead).unwrap_or(u64::MAX);
        let count = from.take(limit).read_buf(into).await?;
        self.bytes.extend_from_slice(into.get(end..).unwrap_or_default());
        into.truncate(end);
        Ok(count)
    }

    /// Moves the begun frame to the front, and makes room to read on.
    fn make_room(&mut self) {
        let begun = self.bytes.len() - self.at;
        self.bytes.copy_within(self.at.., 0);
        self.bytes.truncate(begun);
        self.at = 0;
        let frame_bytes = match announced(&self.bytes) {
            Ok(Some(length)) => LENGTH_BYTES + length,
            Ok(None) | Err(_) => 0,
        };
        if frame_bytes <= READ_BYTES {
            self.bytes.shrink_to(READ_BYTES);
        }
        // By doubling, so that a frame costs memory only as its bytes come in.
        let capacity = frame_bytes.min(2 * begun).max(READ_BYTES);
        self.bytes.reserve_exact(capacity.saturating_sub(begun).max(1));
    }
}

/// The frame of these bytes, without its length.
fn parse(frame: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some(([s0, s1, s2, s3, kind], body)) = frame.split_first_chunk() else {
        return Err(FrameError::TooShort(frame.len()));
    };
    let is_packed = kind & PACKED != 0;
    let kind = FrameKind::of(kind & !PACKED).ok_or(FrameError::UnknownKind(*kind))?;
    let seq = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
    Ok(Frame { seq, kind, is_packed, body })
}

/// How long the frame is that begins here, if enough of it is there to tell.
fn announced(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(length) = bytes.first_chunk() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length < HEADER_BYTES - LENGTH_BYTES {
        return Err(FrameError::TooShort(length));
    }
    if length > FRAME_BYTES_MAX + HEADER_BYTES - LENGTH_BYTES {
        return Err(FrameError::TooLarge(length));
    }
    Ok(Some(length))
}
