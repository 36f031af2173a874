//! The bytes of every message. A change here without a new version breaks clusters.

use starlings_runtime::{DownReason, Incarnation, NodeInstance};

use super::{
    After, Challenge, Fragment, FragmentStart, FrameKind, Goodbye, Handshake, Hello, MAGIC,
    NewPulse, Opening, Preamble, Pulse, Refusal, VERSION, decode,
};

pub(crate) fn instance(name: &str, incarnation: u64) -> NodeInstance {
    NodeInstance { node: name.parse().unwrap(), incarnation: Incarnation(incarnation) }
}

pub(crate) fn hello() -> Hello {
    Hello {
        preamble: Preamble { magic: MAGIC, version_min: VERSION, version_max: VERSION },
        dialler: instance("a@h", 7),
        wanted: "b@h".parse().unwrap(),
        hidden: false,
        session: 300,
        lane: 0,
        lanes: 3,
        pulse: pulse(),
        unpacks: true,
        nonce: [1; 32],
    }
}

pub(crate) fn challenge() -> Challenge {
    Challenge {
        version: VERSION,
        listener: instance("b@h", 9),
        hidden: true,
        lanes: 3,
        pulse: pulse(),
        unpacks: false,
        nonce: [2; 32],
    }
}

fn pulse() -> Pulse {
    Pulse { heartbeat_ms: 1000, silent_ms: 5000 }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn golden(message: &Handshake, expected: &str) {
    let bytes = postcard::to_allocvec(message).unwrap();
    assert_eq!(hex(&bytes), expected, "{message:?}");
    assert_eq!(decode::<Handshake>(&bytes).as_ref(), Some(message));
    for cut in 0..bytes.len() {
        assert_eq!(decode::<Handshake>(&bytes[..cut]), None, "cut at {cut}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(decode::<Handshake>(&longer), None, "a byte too many");
}

#[test]
fn hello_has_its_bytes() {
    let bytes = postcard::to_allocvec(&hello()).unwrap();
    let expected =
        format!("5354524c0303 0361406807 03624068 00 ac02 00 03 e807 8827 01 {}", "01".repeat(32));
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(Opening::decode(&bytes), Opening::Hello(Box::new(hello())));
}

#[test]
fn handshake_messages_have_their_bytes() {
    let challenge_bytes = format!("00 03 0362406809 01 03 e807 8827 00 {}", "02".repeat(32));
    golden(&Handshake::Challenge(challenge()), &challenge_bytes.replace(' ', ""));
    golden(&Handshake::Proof([3; 32]), &format!("01{}", "03".repeat(32)));
    golden(
        &Handshake::Welcome { proof: [4; 32], greeting: vec![0xaa] },
        &format!("02{}01aa", "04".repeat(32)),
    );
    golden(&Handshake::Ready { greeting: vec![0xbb, 0xcc] }, "0302bbcc");
}

#[test]
fn refusals_have_their_bytes() {
    let version = Refusal::Version { version_min: 1, version_max: 2 };
    let refusals = [
        (version, "04000102"),
        (Refusal::NotThisNode("b@h".parse().unwrap()), "040103624068"),
        (Refusal::WrongCookie, "0402"),
        (Refusal::Malformed, "0403"),
        (Refusal::AlreadyConnected, "0404"),
        (Refusal::SimultaneousDial, "0405"),
        (Refusal::OlderIncarnation, "0406"),
        (Refusal::UnknownSession, "0407"),
        (Refusal::ShuttingDown, "0408"),
        (Refusal::NotAllowed, "0409"),
    ];
    for (refusal, expected) in refusals {
        golden(&Handshake::Refuse(refusal), expected);
    }
}

#[test]
fn frame_kinds_and_goodbyes_have_their_bytes() {
    use FrameKind::{Delivered, Envelopes, Goodbye as Farewell, Heartbeat};
    let kinds = [Envelopes, Heartbeat, Farewell, FrameKind::Fragment, Delivered, FrameKind::Pulse];
    assert_eq!(kinds.map(FrameKind::byte), [1, 2, 3, 4, 5, 6]);
    for byte in 0..=u8::MAX {
        assert!(FrameKind::of(byte).is_none_or(|kind| kind.byte() == byte));
    }
    assert_eq!(postcard::to_allocvec(&Goodbye::Disconnect).unwrap(), [0]);
    assert_eq!(postcard::to_allocvec(&Goodbye::Shutdown).unwrap(), [1]);
}

#[test]
fn new_pulses_have_their_bytes() {
    let new = NewPulse { pulse: pulse(), is_answer: true };
    assert_eq!(postcard::to_allocvec(&new).unwrap(), [232, 7, 136, 39, 1]);
}

#[test]
fn fragments_have_their_bytes() {
    let middle = Fragment { message: 300, start: None };
    assert_eq!(postcard::to_allocvec(&middle).unwrap(), [172, 2, 0]);
    let start = FragmentStart { bytes: 300, after: None };
    let alone = Fragment { message: 1, start: Some(start) };
    assert_eq!(postcard::to_allocvec(&alone).unwrap(), [1, 1, 172, 2, 0]);
    let start = FragmentStart { bytes: 300, after: Some(After { lane: 1, frames: 300 }) };
    let first = Fragment { message: 1, start: Some(start) };
    assert_eq!(postcard::to_allocvec(&first).unwrap(), [1, 1, 172, 2, 1, 1, 172, 2]);
}

#[test]
fn opening_of_another_version_is_foreign_whatever_follows() {
    let mut other = hello();
    other.preamble.version_min = VERSION + 1;
    other.preamble.version_max = VERSION + 4;
    let mut bytes = postcard::to_allocvec(&other).unwrap();
    bytes.truncate(9);
    assert_eq!(Opening::decode(&bytes), Opening::Foreign);
}

#[test]
fn opening_that_is_not_a_hello_is_garbage() {
    let bytes = postcard::to_allocvec(&hello()).unwrap();
    for cut in 0..bytes.len() {
        assert_eq!(Opening::decode(&bytes[..cut]), Opening::Garbage, "{cut}");
    }
    assert_eq!(Opening::decode(b"GET / HTTP/1.1\r\n\r\n"), Opening::Garbage);
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Opening::decode(&longer), Opening::Garbage);
}

#[test]
fn goodbye_is_said_only_for_orderly_ends() {
    assert_eq!(
        Goodbye::for_reason(&DownReason::Disconnected).map(Goodbye::heard),
        Some(DownReason::Closed)
    );
    assert_eq!(
        Goodbye::for_reason(&DownReason::Shutdown).map(Goodbye::heard),
        Some(DownReason::Shutdown)
    );
    assert_eq!(Goodbye::for_reason(&DownReason::Overflow), None);
}
