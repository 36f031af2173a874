//! The bytes of every message. A change here without a new version breaks clusters: those of each
//! version stand in a file of their own, which is never changed once that version is out.

use starlings_runtime::{DownReason, Incarnation, NodeInstance};

use super::{
    Challenge, FrameKind, Goodbye, Handshake, Hello, Opening, Preamble, Pulse, VERSION_MAX,
    VERSION_MIN, Versions, decode,
};

mod version_3;
mod version_4;
mod version_5;

pub(crate) fn instance(name: &str, incarnation: u64) -> NodeInstance {
    NodeInstance { node: name.parse().unwrap(), incarnation: Incarnation(incarnation) }
}

pub(crate) fn hello() -> Hello {
    hello_of(Versions::ALL)
}

fn hello_of(versions: Versions) -> Hello {
    Hello {
        preamble: Preamble::new(versions),
        dialler: instance("a@h", 7),
        wanted: "b@h".parse().unwrap(),
        hidden: false,
        session: 300,
        lost: Some(300),
        lane: 0,
        lanes: 3,
        pulse: pulse(),
        unpacks: true,
        nonce: [1; 32],
    }
}

pub(crate) fn challenge() -> Challenge {
    challenge_of(VERSION_MAX)
}

pub(crate) fn challenge_of(version: u16) -> Challenge {
    Challenge {
        version,
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
fn opening_of_another_version_is_foreign_whatever_follows() {
    let mut other = hello();
    other.preamble.version_min = VERSION_MAX + 1;
    other.preamble.version_max = VERSION_MAX + 4;
    let mut bytes = postcard::to_allocvec(&other).unwrap();
    bytes.truncate(9);
    assert_eq!(Opening::decode(&bytes), Opening::Foreign);
    let earlier = Versions { min: VERSION_MIN - 1, max: VERSION_MIN - 1 };
    let bytes = postcard::to_allocvec(&Preamble::new(earlier)).unwrap();
    assert_eq!(Opening::decode(&bytes), Opening::Foreign);
}

#[test]
fn opening_of_a_later_node_that_speaks_ours_is_a_hello() {
    let later = hello_of(Versions { min: VERSION_MAX, max: VERSION_MAX + 5 });
    let bytes = postcard::to_allocvec(&later).unwrap();
    assert_eq!(Opening::decode(&bytes), Opening::Hello(Box::new(later)));
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
fn each_byte_is_one_kind_of_frame_at_most() {
    for byte in 0..=u8::MAX {
        let kind = FrameKind::of(byte);
        assert!(kind.is_none_or(|kind| kind.byte() == byte));
        assert!(kind.is_none_or(|kind| Versions::ALL.contains(kind.since())));
    }
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
