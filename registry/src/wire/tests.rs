//! Golden bytes: a change here is a change of the protocol.

use serde::Serialize;
use serde::de::DeserializeOwned;
use starlings_runtime::{AnyPid, Incarnation, NodeInstance};

use super::{Claim, GroupsMessage, Message, NamesMessage, Rest};
use crate::key::{Key, Metadata};

fn golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    message: &T,
    bytes: &[u8],
) {
    assert_eq!(postcard::to_stdvec(message).unwrap(), bytes, "{message:?}");
    assert_eq!(postcard::from_bytes::<T>(bytes).as_ref(), Ok(message));
}

fn key() -> Key {
    Key::new("g").unwrap()
}

#[test]
fn golden_bytes_of_groups() {
    golden::<GroupsMessage>(
        &Message::Discover { stream: 1, request: 2, after: Some((key(), 3)) },
        &[0, 1, 2, 1, 1, b'g', 3],
    );
    let (facts, rest) = (vec![((key(), 4), 5)], Rest::Nothing);
    golden::<GroupsMessage>(
        &Message::Sync { stream: 1, request: 2, number: 3, after: None, facts, rest },
        &[1, 1, 2, 3, 0, 1, 1, b'g', 4, 5, 2],
    );
    golden::<GroupsMessage>(
        &Message::Delta { stream: 1, number: 2, changes: vec![((key(), 3), None)] },
        &[2, 1, 2, 1, 1, b'g', 3, 0],
    );
    golden::<GroupsMessage>(
        &Message::Digest { stream: 1, number: 300, len: 2 },
        &[3, 1, 0xac, 2, 2],
    );
}

#[test]
fn golden_bytes_of_names() {
    let home = NodeInstance { node: "a@b".parse().unwrap(), incarnation: Incarnation(7) };
    let replaces = Some(AnyPid::unbound(home, 3));
    let metadata = Metadata::new(b"m").unwrap();
    let claim = Claim { order: 1, serial: 2, replaces, metadata };
    golden::<NamesMessage>(
        &Message::Delta { stream: 1, number: 2, changes: vec![(key(), Some(claim))] },
        &[2, 1, 2, 1, 1, b'g', 1, 1, 2, 1, 3, b'a', b'@', b'b', 7, 3, 1, b'm'],
    );
}

#[test]
fn the_rest_of_a_sync_has_fixed_numbers() {
    golden(&Rest::Follows, &[0]);
    golden(&Rest::OnRequest, &[1]);
    golden(&Rest::Nothing, &[2]);
}
