//! Version 4: what it has beside version 3, all of which it has too.

use super::super::{FrameKind, Goodbye, Handshake, Idle, Opening, Versions, decode};
use super::{challenge_of, golden, hello_of, hex};

#[test]
fn hello_and_challenge_have_their_bytes() {
    let hello = hello_of(Versions { min: 3, max: 4 });
    let bytes = postcard::to_allocvec(&hello).unwrap();
    let expected = format!(
        "5354524c0304 0361406807 03624068 00 ac02 01ac02 00 03 e807 8827 01 {}",
        "01".repeat(32)
    );
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(Opening::decode(&bytes), Opening::Hello(Box::new(hello)));
    let challenge = format!("00 04 0362406809 01 03 e807 8827 00 {}", "02".repeat(32));
    golden(&Handshake::Challenge(challenge_of(4)), &challenge.replace(' ', ""));
}

#[test]
fn words_about_a_session_that_is_not_needed_have_their_bytes() {
    assert_eq!((FrameKind::Idle.byte(), FrameKind::Idle.since()), (7, 4));
    let words = [
        (Idle::Ask(vec![1, 300]), "000201ac02"),
        (Idle::Agree(vec![0, u32::MAX]), "010200ffffffff0f"),
        (Idle::Decline, "02"),
        (Idle::Withdraw, "03"),
    ];
    for (said, expected) in words {
        let bytes = postcard::to_allocvec(&said).unwrap();
        assert_eq!((hex(&bytes), decode(&bytes)), (expected.to_owned(), Some(said)));
    }
    assert_eq!(postcard::to_allocvec(&Goodbye::Idle).unwrap(), [2]);
}
