//! Version 3, as nodes in the field speak it. Not to be changed.

use super::super::{
    After, Fragment, FragmentStart, FrameKind, Goodbye, Handshake, NewPulse, Opening, Refusal,
    Versions,
};
use super::{challenge_of, golden, hello_of, hex, pulse};

#[test]
fn hello_has_its_bytes() {
    let hello = hello_of(Versions { min: 3, max: 3 });
    let bytes = postcard::to_allocvec(&hello).unwrap();
    let expected = format!(
        "5354524c0303 0361406807 03624068 00 ac02 01ac02 00 03 e807 8827 01 {}",
        "01".repeat(32)
    );
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(Opening::decode(&bytes), Opening::Hello(Box::new(hello)));
}

#[test]
fn handshake_messages_have_their_bytes() {
    let challenge = format!("00 03 0362406809 01 03 e807 8827 00 {}", "02".repeat(32));
    golden(&Handshake::Challenge(challenge_of(3)), &challenge.replace(' ', ""));
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
    assert_eq!(kinds.map(FrameKind::since), [3; 6]);
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
