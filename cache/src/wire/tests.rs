//! Golden bytes: a change here is a change of the protocol.

use starlings_runtime::{Incarnation, NodeInstance};

use super::{Changes, Dots, KeyChange, Message, Part, ReplicaId, Written};

fn golden(message: &Message, bytes: &[u8]) {
    assert_eq!(postcard::to_stdvec(message).unwrap(), bytes, "{message:?}");
    assert_eq!(postcard::from_bytes::<Message>(bytes).as_ref(), Ok(message));
}

fn replica() -> ReplicaId {
    let instance = NodeInstance { node: "a@b".parse().unwrap(), incarnation: Incarnation(7) };
    ReplicaId { instance, start: 1 }
}

#[test]
fn golden_bytes() {
    let replicas = || vec![replica()];
    let written = Written { dot: (0, 2), stamp: 3, expires_ms: 4, value: b"v"[..].into() };
    let change = KeyChange { key: b"k"[..].into(), writes: vec![written], gone: vec![(0, 1)] };
    golden(
        &Message::Delta {
            changes: Changes { replicas: replicas(), keys: vec![change] },
            repair: false,
        },
        &[0, 1, 3, b'a', b'@', b'b', 7, 1, 1, 1, b'k', 1, 0, 2, 3, 4, 1, b'v', 1, 0, 1, 0],
    );
    golden(&Message::Digest { root: 1, context: 2 }, &[1, 1, 2]);
    golden(
        &Message::Context { root: 1, seen: vec![(replica(), vec![(1, 9)])], asks: true },
        &[2, 1, 1, 3, b'a', b'@', b'b', 7, 1, 1, 1, 9, 1],
    );
    golden(&Message::Groups { sums: vec![5] }, &[3, 1, 5]);
    golden(&Message::Buckets { groups: vec![(2, vec![6])] }, &[4, 1, 2, 1, 6]);
}

#[test]
fn golden_bytes_of_repair() {
    let dots = |dot| Dots { replicas: vec![replica()], dots: vec![dot] };
    let none = Dots::default;
    let part = || Part { bucket: 3, after: None, upto: Some(vec![b'k']) };
    golden(
        &Message::Inventory {
            part: part(),
            seen: vec![(replica(), 9)],
            dots: dots((0, 8)),
            last: true,
        },
        &[
            5, 3, 0, 1, 1, b'k', 1, 3, b'a', b'@', b'b', 7, 1, 9, 1, 3, b'a', b'@', b'b', 7, 1, 1,
            0, 8, 1,
        ],
    );
    golden(
        &Message::Verdict {
            part: part(),
            gone: none(),
            wanted: none(),
            dropped: true,
            last: false,
        },
        &[6, 3, 0, 1, 1, b'k', 0, 0, 0, 0, 1, 0],
    );
}
