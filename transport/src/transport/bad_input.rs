//! What a peer can get wrong, on purpose or not: at most its own session ends.

use std::time::Duration;

use starlings_runtime::{ConnectError, DownReason};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::by_hand::{dialler, ends, join, join_as, raw, session};
use crate::cookie::Cookie;
use crate::frame::{FRAME_BYTES_MAX, PACKED, header, put_envelope};
use crate::greet::{self, Expect, HANDSHAKE_BYTES_MAX, HANDSHAKE_TIMEOUT};
use crate::pipe::MemoryNetwork;
use crate::testing::{Net, Node};
use crate::wire::{
    self, Fragment, FragmentStart, FrameKind, Handshake, LANES_MIN, Opening, Refusal, VERSION_MAX,
    VERSION_MIN,
};

mod again;

/// Two nodes with a session that is not to be disturbed.
async fn bystanders(net: &Net) -> (Node, Node) {
    let (a, b) = (Node::start(net, "a").await, Node::start(net, "b").await);
    a.connect(&b).await.unwrap();
    b.sees_up(&a).await;
    (a, b)
}

fn frame(seq: u32, kind: FrameKind, body: &[u8]) -> Vec<u8> {
    [&header(body.len(), seq, kind), body].concat()
}

fn envelopes(seq: u32, envelopes: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    envelopes.iter().for_each(|envelope| put_envelope(envelope, &mut body));
    frame(seq, FrameKind::Envelopes, &body)
}

fn fragment(seq: u32, message: u32, bytes: Option<u32>, part: &[u8]) -> Vec<u8> {
    let start = bytes.map(|bytes| FragmentStart { bytes, after: None });
    let head = postcard::to_allocvec(&Fragment { message, start }).unwrap();
    frame(seq, FrameKind::Fragment, &[&head, part].concat())
}

#[tokio::test]
async fn bytes_that_break_the_protocol_end_their_session_only() {
    let too_large = u32::try_from(FRAME_BYTES_MAX + 6).unwrap();
    let mut unknown = frame(0, FrameKind::Envelopes, b"");
    unknown[8] = 77;
    let envelope = || envelopes(0, &[b"x"]);
    let packed = |body: &[u8]| {
        let mut bytes = frame(0, FrameKind::Envelopes, body);
        bytes[8] |= PACKED;
        bytes
    };
    let bomb = [&u32::MAX.to_le_bytes()[..], &[0; 64]].concat();
    let cases: [(&str, u8, Vec<u8>); 26] = [
        ("a packed frame that does not unpack", 1, packed(b"xxxxxxxx")),
        ("a packed frame that expands too far", 1, packed(&bomb)),
        ("a frame that is too large", 1, too_large.to_le_bytes().to_vec()),
        ("a control frame of the greatest length", 0, vec![0xff; 4]),
        ("a user frame of the greatest length", 1, vec![0xff; 4]),
        ("a bulk frame of the greatest length", 2, vec![0xff; 4]),
        ("a frame without a header", 1, vec![0; 4]),
        ("a frame of an unknown kind", 1, unknown),
        ("a gap", 1, envelopes(1, &[b"x"])),
        ("a repeat", 1, envelope().repeat(2)),
        ("an envelope longer than its frame", 1, frame(0, FrameKind::Envelopes, &[2, 7])),
        ("a length that does not end", 1, frame(0, FrameKind::Envelopes, &[0xff; 9])),
        ("envelopes on the control lane", 0, envelope()),
        ("envelopes on the bulk lane", 2, envelope()),
        ("a fragment on a user lane", 1, fragment(0, 0, Some(1), b"x")),
        ("a fragment that is none", 2, frame(0, FrameKind::Fragment, b"")),
        ("a fragment out of order", 2, fragment(0, 0, None, b"x")),
        ("a message that is too large", 2, fragment(0, 0, Some(u32::MAX), b"x")),
        ("a message longer than announced", 2, fragment(0, 0, Some(1), b"xx")),
        ("a confirmation on a user lane", 1, frame(0, FrameKind::Delivered, &[0])),
        ("a confirmation of what was never sent", 0, frame(0, FrameKind::Delivered, &[0])),
        ("a heartbeat with a body", 0, frame(0, FrameKind::Heartbeat, b"x")),
        ("a word about the end on a user lane", 1, frame(0, FrameKind::Idle, &[2])),
        ("a word about the end out of turn", 0, frame(0, FrameKind::Idle, &[2])),
        ("an end that was not agreed on", 0, frame(0, FrameKind::Goodbye, &[2])),
        ("a goodbye of no kind", 0, frame(0, FrameKind::Goodbye, b"\xff")),
    ];
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        for (n, (what, lane, bytes)) in cases.iter().enumerate() {
            let mut lanes = session(&net, &a).await;
            lanes[usize::from(*lane)].write.write_all(bytes).await.unwrap();
            a.sees(what, |events| events.iter().filter(|event| is_violation(event)).count() > n)
                .await;
            ends(&mut lanes[0]).await;
            ends(&mut lanes[1]).await;
        }
        a.talks_to(&b, "undisturbed").await;
    }
}

fn is_violation(event: &crate::testing::Event) -> bool {
    use crate::testing::Event;
    matches!(event, Event::Down(_, DownReason::ProtocolError(_)))
}

#[tokio::test]
async fn frame_cut_short_by_the_end_is_not_delivered() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let mut lanes = session(&net, &a).await;
        let bytes = envelopes(0, &[b"cut short"]);
        lanes[1].write.write_all(&bytes[..12]).await.unwrap();
        lanes[1].write.shutdown().await.unwrap();
        let raw = "raw@h".parse().unwrap();
        let down = crate::testing::Event::Down(raw, DownReason::Closed);
        a.sees("the down", |events| events.last() == Some(&down)).await;
        assert_eq!(a.events().len(), 3, "two ups and a down: {:?}", a.events());
        ends(&mut lanes[0]).await;
        a.talks_to(&b, "undisturbed").await;
    }
}

#[tokio::test]
async fn wrong_cookie_is_refused_at_both_ends() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let refused = join(&net, &a, b"guess", 0).await.err();
        assert_eq!(refused, Some(Handshake::Refuse(Refusal::WrongCookie)));
        let c = Node::start_as(&net, "c", 1, |config, _| {
            config.cookie = Cookie::new(*b"guess");
        });
        let refused = c.await.connect(&a).await;
        let Err(ConnectError::HandshakeFailed { why, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(why, "refused: the cookies differ");
        a.talks_to(&b, "undisturbed").await;
        assert_eq!(a.infos().len(), 1);
    }
}

#[tokio::test]
async fn unknown_version_is_told_ours() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let mut connection = raw(&net, &a).await;
        let mut hello = dialler(b"secret", 1, None, 0, true).hello().clone();
        (hello.preamble.version_min, hello.preamble.version_max) = (8, 9);
        greet::send(&mut connection, &hello).await.unwrap();
        let bytes = greet::receive(&mut connection, Expect::Plain).await.unwrap();
        let refusal = Refusal::Version { version_min: VERSION_MIN, version_max: VERSION_MAX };
        assert_eq!(wire::decode(&bytes), Some(Handshake::Refuse(refusal)));
        ends(&mut connection).await;
        a.talks_to(&b, "undisturbed").await;
    }
}

#[tokio::test]
async fn listener_of_another_version_fails_the_connect() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let listener = net.pipe("raw").listen(match net {
            Net::Tcp => "127.0.0.1:0",
            Net::Memory(_) => "memory:raw",
        });
        let listener = listener.await.unwrap();
        let address = listener.local_address();
        let answer = async {
            let mut connection = listener.accept().await.unwrap();
            let bytes = greet::receive(&mut connection, Expect::Plain).await.unwrap();
            assert!(matches!(Opening::decode(&bytes), Opening::Hello(_)));
            let refusal = Refusal::Version { version_min: 8, version_max: 9 };
            greet::send(&mut connection, &Handshake::Refuse(refusal)).await.unwrap();
        };
        let raw = "raw@h".parse().unwrap();
        let (refused, ()) = tokio::join!(a.connect_at(raw, &address), answer);
        assert!(matches!(refused, Err(ConnectError::HandshakeFailed { .. })), "{refused:?}");
        a.talks_to(&b, "undisturbed").await;
    }
}

/// Goal: garbage gets no answer and is closed at once, whatever it is.
/// Method: bytes of a fixed generator, and what other protocols say first.
#[tokio::test]
async fn random_bytes_on_the_listening_port_are_closed() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        for n in 0..50_usize {
            let mut connection = raw(&net, &a).await;
            let bytes: Vec<u8> = match n {
                0 => b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
                1 => u32::try_from(HANDSHAKE_BYTES_MAX + 1).unwrap().to_le_bytes().to_vec(),
                _ => {
                    let body = (0..n).flat_map(|_| random().to_le_bytes());
                    let length = u32::try_from(8 * n).unwrap().to_le_bytes();
                    length.into_iter().chain(body).collect()
                }
            };
            let _ = connection.write.write_all(&bytes).await;
            ends(&mut connection).await;
        }
        a.talks_to(&b, "undisturbed").await;
        assert_eq!(a.infos().len(), 1, "nobody else was seen");
    }
}

/// Goal: who dials and says nothing is closed after the handshake timeout, and keeps nobody out until
/// then, even when there are more of them than handshakes may run at once. Method: virtual time.
#[tokio::test(start_paused = true)]
async fn silent_diallers_do_not_keep_others_out_for_long() {
    let net = Net::Memory(MemoryNetwork::default());
    let (a, b) = bystanders(&net).await;
    let mut silent = Vec::new();
    for _ in 0..crate::HANDSHAKES_MAX + 3 {
        silent.push(raw(&net, &a).await);
        // The backlog of the pipe is shorter than that.
        tokio::task::yield_now().await;
    }
    let c = Node::start(&net, "c").await;
    let begun = Instant::now();
    assert_eq!(c.connect(&a).await, Ok(()));
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    for connection in silent.iter_mut().rev() {
        ends(connection).await;
    }
    assert!(begun.elapsed() >= HANDSHAKE_TIMEOUT);
    a.talks_to(&b, "undisturbed").await;
}

/// Goal: half a session is given up, and a whole one can be made afterwards. Method: virtual time.
#[tokio::test(start_paused = true)]
async fn session_that_is_never_completed_is_given_up() {
    let net = Net::Memory(MemoryNetwork::default());
    let (a, b) = bystanders(&net).await;
    let mut control = join(&net, &a, b"secret", 0).await.unwrap();
    ends(&mut control).await;
    let lanes = session(&net, &a).await;
    assert_eq!(lanes.len(), usize::from(LANES_MIN));
    a.sees("the whole one", |events| {
        events.iter().filter(|event| matches!(event, crate::testing::Event::Up(_))).count() == 2
    })
    .await;
    a.talks_to(&b, "undisturbed").await;
}

/// Goal: a peer that noticed the end of a session first gets another one without waiting for this end's
/// silent period.
#[tokio::test]
async fn peer_that_lost_its_session_gets_another_at_once() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let _first = session(&net, &a).await;
        let refused = join_as(&net, &a, dialler(b"secret", 2, None, 0, true)).await.err();
        assert_eq!(refused, Some(Handshake::Refuse(Refusal::AlreadyConnected)));
        let mut second = Vec::new();
        for lane in 0..LANES_MIN {
            let dialler = dialler(b"secret", 2, Some(1), lane, true);
            second.push(join_as(&net, &a, dialler).await.unwrap());
        }
        a.sees("the second session", |events| {
            let of_raw = |event: &&crate::testing::Event| match event {
                crate::testing::Event::Up(peer) => peer.node.as_str() == "raw@h",
                crate::testing::Event::Down(peer, _) => peer.as_str() == "raw@h",
                crate::testing::Event::Delivered(..) => false,
            };
            events.iter().filter(of_raw).count() == 3
        })
        .await;
        a.talks_to(&b, "undisturbed").await;
    }
}
