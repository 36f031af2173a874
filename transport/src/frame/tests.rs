use super::{
    Envelopes, FRAME_BYTES_MAX, Frame, FrameError, Frames, READ_BYTES, begin, finish, put_envelope,
};
use crate::wire::FrameKind;

fn frame(seq: u32, kind: FrameKind, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff];
    let start = begin(&mut bytes);
    bytes.extend_from_slice(body);
    finish(&mut bytes, start, seq, kind);
    bytes.split_off(1)
}

/// What comes out when `bytes` arrive in pieces of `piece`.
async fn cut(bytes: &[u8], piece: usize) -> Result<Vec<(u32, Vec<u8>)>, FrameError> {
    let mut frames = Frames::default();
    let mut found = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            frames.fill(&mut piece).await.unwrap();
            while let Some(frame) = frames.next()? {
                found.push((frame.seq, frame.body.to_vec()));
            }
        }
    }
    Ok(found)
}

#[test]
fn frames_have_their_bytes() {
    let envelope = frame(0x0102_0304, FrameKind::Envelopes, b"hi");
    assert_eq!(envelope, [7, 0, 0, 0, 4, 3, 2, 1, 1, b'h', b'i']);
    let heartbeat = frame(1, FrameKind::Heartbeat, b"");
    assert_eq!(heartbeat, [5, 0, 0, 0, 1, 0, 0, 0, 2]);
    let goodbye = frame(2, FrameKind::Goodbye, &[0]);
    assert_eq!(goodbye, [6, 0, 0, 0, 2, 0, 0, 0, 3, 0]);
}

#[tokio::test]
async fn frames_come_out_whole_however_they_arrive() {
    let large = vec![7; FRAME_BYTES_MAX];
    let bodies: [&[u8]; 4] = [b"a", b"", &large, b"bcd"];
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for (seq, body) in (0..).zip(bodies) {
        bytes.extend(frame(seq, FrameKind::Envelopes, body));
        expected.push((seq, body.to_vec()));
    }
    for piece in [1, 3, 9, 1000, bytes.len()] {
        assert_eq!(cut(&bytes, piece).await.unwrap(), expected, "pieces of {piece}");
    }
}

/// What comes out when each frame that is not there as a whole is read straight to where it belongs.
async fn cut_directly(bytes: &[u8], piece: usize) -> Vec<(u32, Vec<u8>)> {
    let (mut frames, mut found) = (Frames::default(), Vec::new());
    let mut pieces = bytes.chunks(piece.min(1000));
    let mut rest: &[u8] = &[];
    loop {
        while let Some(frame) = frames.next().unwrap() {
            found.push((frame.seq, frame.body.to_vec()));
        }
        if let Some((frame, missing)) = frames.begun().unwrap() {
            let (seq, mut body) = (frame.seq, frame.body.to_vec());
            let length = body.len() + missing;
            while body.len() < length {
                if rest.is_empty() {
                    rest = pieces.next().unwrap();
                }
                let missing = length - body.len();
                frames.fill_into(&mut rest, &mut body, missing, 13).await.unwrap();
            }
            found.push((seq, body));
        } else {
            if rest.is_empty() {
                let Some(next) = pieces.next() else { return found };
                rest = next;
            }
            frames.fill(&mut rest).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_begun_frame_can_be_read_to_another_place() {
    let bodies = [0, 1, 5, 5000, 13, 2, 20_000, 0, 0, 3000].map(|length| vec![7; length]);
    let expected: Vec<_> = (0..).zip(bodies).collect();
    let frames = expected.iter().map(|(seq, body)| frame(*seq, FrameKind::Fragment, body));
    let bytes = frames.collect::<Vec<_>>().concat();
    for piece in [7, 10, 16, 100, 999, bytes.len()] {
        assert_eq!(cut_directly(&bytes, piece).await, expected, "pieces of {piece}");
    }
}

#[tokio::test]
async fn truncated_frame_does_not_come_out() {
    let bytes = frame(0, FrameKind::Envelopes, b"abc");
    for cut_at in 0..bytes.len() {
        assert_eq!(cut(&bytes[..cut_at], 64).await.unwrap(), [], "cut at {cut_at}");
    }
}

#[tokio::test]
async fn frame_that_is_too_large_is_refused_by_its_length_alone() {
    let length = u32::try_from(FRAME_BYTES_MAX + 6).unwrap();
    let mut frames = Frames::default();
    frames.fill(&mut &length.to_le_bytes()[..]).await.unwrap();
    assert_eq!(frames.next(), Err(FrameError::TooLarge(FRAME_BYTES_MAX + 6)));
    assert!(frames.bytes.capacity() <= READ_BYTES);
}

#[tokio::test]
async fn announced_length_alone_costs_no_memory() {
    let length = u32::try_from(FRAME_BYTES_MAX).unwrap();
    let mut frames = Frames::default();
    for _ in 0..2 {
        let mut piece = &length.to_le_bytes()[..];
        frames.fill(&mut piece).await.unwrap();
        assert_eq!(frames.next(), Ok(None));
    }
    assert!(frames.bytes.capacity() <= READ_BYTES);
}

#[tokio::test]
async fn malformed_headers_are_refused() {
    let mut unknown = frame(0, FrameKind::Envelopes, b"");
    unknown[8] = 9;
    assert_eq!(cut(&unknown, 64).await, Err(FrameError::UnknownKind(9)));
    assert_eq!(cut(&[4, 0, 0, 0, 0], 64).await, Err(FrameError::TooShort(4)));
}

#[tokio::test]
async fn buffer_shrinks_after_a_large_frame() {
    let mut bytes = frame(0, FrameKind::Envelopes, &vec![1; FRAME_BYTES_MAX]);
    bytes.extend(frame(1, FrameKind::Envelopes, b"x"));
    let mut frames = Frames::default();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        frames.fill(&mut rest).await.unwrap();
        while let Some(Frame { .. }) = frames.next().unwrap() {}
    }
    frames.fill(&mut rest).await.unwrap();
    assert!(frames.bytes.capacity() <= 2 * READ_BYTES);
}

#[test]
fn envelopes_of_all_lengths_come_out_as_they_went_in() {
    let lengths = [0, 1, 127, 128, 300, 16_383, 16_384, 65_536];
    let sent = lengths.map(|length| vec![7; length]);
    let mut body = Vec::new();
    sent.iter().for_each(|envelope| put_envelope(envelope, &mut body));
    let mut envelopes = Envelopes::new(&body);
    assert!(envelopes.by_ref().eq(sent.iter().map(Vec::as_slice)));
    assert!(!envelopes.is_broken());
    let ends: Vec<_> = sent
        .iter()
        .scan(0, |end, envelope| {
            let mut one = Vec::new();
            put_envelope(envelope, &mut one);
            *end += one.len();
            Some(*end)
        })
        .collect();
    for cut in (0..600).chain(body.len() - 600..body.len()) {
        let mut envelopes = Envelopes::new(&body[..cut]);
        envelopes.by_ref().for_each(drop);
        assert_eq!(envelopes.is_broken(), cut > 0 && !ends.contains(&cut), "cut at {cut}");
    }
}
