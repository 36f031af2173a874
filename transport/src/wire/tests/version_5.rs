//! Version 5: it says what version 4 does, and its proofs are over the channel too, where there is one.

use super::super::{Handshake, Opening, Versions};
use super::{challenge_of, golden, hello_of, hex};
use crate::cookie::{Cookie, Prover, Said};

#[test]
fn hello_and_challenge_have_their_bytes() {
    let hello = hello_of(Versions { min: 3, max: 5 });
    let bytes = postcard::to_allocvec(&hello).unwrap();
    let expected = format!(
        "5354524c0305 0361406807 03624068 00 ac02 01ac02 00 03 e807 8827 01 {}",
        "01".repeat(32)
    );
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(Opening::decode(&bytes), Opening::Hello(Box::new(hello)));
    let challenge = format!("00 05 0362406809 01 03 e807 8827 00 {}", "02".repeat(32));
    golden(&Handshake::Challenge(challenge_of(5)), &challenge.replace(' ', ""));
}

/// The proofs were computed with another program.
#[test]
fn proofs_have_their_bytes_with_a_channel_and_without() {
    let (hello, challenge) = (hello_of(Versions { min: 3, max: 5 }), challenge_of(5));
    let table = [
        (Prover::Dialler, None, "5410f275b262050e3ef3de5faf3bbcfc7caa8cebc5c1c8712b76c3b14ceb77e7"),
        (
            Prover::Listener,
            None,
            "b3b512f8b1085147f34ee15b9d0f70e5d9459d808fabd65f4129226f5748d3b7",
        ),
        (
            Prover::Dialler,
            Some(&[3; 32]),
            "69ae87da3b9459a50bfa02296ed7bbea9699ad41e6ab222960d741c887566516",
        ),
        (
            Prover::Listener,
            Some(&[3; 32]),
            "deb073ab9375eaefb2a46310bd3c61d69dcc084a3149e50c891d6518fb8349e5",
        ),
    ];
    for (prover, channel, expected) in table {
        let said = Said { hello: &hello, challenge: &challenge, channel };
        assert_eq!(hex(&Cookie::new(*b"secret").prove(prover, said)), expected);
    }
}
