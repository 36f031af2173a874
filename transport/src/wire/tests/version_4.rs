//! Version 4: what it has beside version 3, all of which it has too.

use super::super::{Handshake, Opening, Versions};
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
