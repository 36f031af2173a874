//! What the fuzz targets of `fuzz/` reach of this crate, beside what is public. Only there with
//! `--cfg starlings_fuzz`.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::cookie::Cookie;
use crate::frame::{self, Envelopes, Frames};
use crate::pack;
use crate::proto::membership::{self, Fact, Message, Update};
use crate::wire::FrameKind;

/// A frame: its number, the byte of its kind, whether it is packed, its body.
pub type Cut = (u32, u8, bool, Vec<u8>);

/// Cuts frames out of bytes that come in pieces of at most `step`; whether what follows them is none.
#[must_use]
pub fn cut(bytes: &[u8], step: usize) -> (Vec<Cut>, bool) {
    let (mut frames, mut cut) = (Frames::default(), Vec::new());
    for mut piece in bytes.chunks(step.max(1)) {
        while !piece.is_empty() {
            let filled =
                pin!(frames.fill(&mut piece)).poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(filled, Poll::Ready(Ok(1..))), "there was something to read");
            loop {
                match frames.next() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        let body = frame.body.to_vec();
                        cut.push((frame.seq, frame.kind.byte(), frame.is_packed, body));
                    }
                    Err(_) => return (cut, true),
                }
            }
        }
    }
    (cut, false)
}

/// The envelopes in the body of a frame, and whether the last one is broken.
#[must_use]
pub fn envelopes(body: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut envelopes = Envelopes::new(body);
    let whole = envelopes.by_ref().map(<[u8]>::to_vec).collect();
    (whole, envelopes.is_broken())
}

/// The body of a frame with these envelopes.
#[must_use]
pub fn body(envelopes: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    envelopes.iter().for_each(|envelope| frame::put_envelope(envelope, &mut body));
    body
}

/// A whole frame; `None` for a kind that there is not.
#[must_use]
pub fn frame(seq: u32, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
    let header = frame::header(body.len(), seq, FrameKind::of(kind)?);
    Some([&header[..], body].concat())
}

/// Packs the frames in `batch` that are worth it.
pub fn pack(batch: &mut Vec<u8>) {
    pack::pack(batch, 1);
}

/// Unpacks the body of a packed frame.
#[must_use]
pub fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    pack::unpack(body, &mut out).ok().map(|()| out)
}

/// A datagram of the membership: its body with the tag of this cookie.
#[must_use]
pub fn sealed(cookie: &Cookie, body: Vec<u8>) -> Vec<u8> {
    membership::sealed(cookie, body)
}

/// The body of a datagram of the membership.
#[must_use]
pub fn datagram(from: &Fact, message: &Message, updates: &[Update]) -> Vec<u8> {
    let mut body = membership::wire::begin(from, message);
    body.extend(updates.iter().flat_map(membership::wire::encode));
    body
}

/// The other way; `None` if it is none.
#[must_use]
pub fn datagram_parts(body: &[u8]) -> Option<(Fact, Message, Vec<Update>)> {
    membership::wire::decode(body)
}
