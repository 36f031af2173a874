//! Replicas that talk by hand: pushes, repair, limits.

use std::time::Duration;

use starlings_registry::proto::{Input, Output};
use starlings_runtime::{Incarnation, NodeInstance};

use super::{
    Changed, DELTA_BYTES_MAX, KEY_BYTES_MAX, Now, Outbox, PutError, SYNC_INTERVAL, State,
    VALUE_BYTES_MAX,
};
use crate::proto::map::Key;
use crate::wire::{Changes, KeyChange, Message, Written};

const NOW: Now = Now { at: Duration::ZERO, wall_ms: 1_000_000 };

fn instance(name: &str) -> NodeInstance {
    let node = format!("{name}@test").parse().unwrap();
    NodeInstance { node, incarnation: Incarnation(1) }
}

fn replica(name: &str) -> State {
    State::new(instance(name), 0, SYNC_INTERVAL)
}

fn key(text: impl std::fmt::Display) -> Key {
    text.to_string().into_bytes().into()
}

fn put(state: &mut State, key_text: impl std::fmt::Display, bytes: usize) -> Outbox {
    let mut outbox = Vec::new();
    state.put(NOW, key(key_text), vec![7; bytes].into(), 0, &mut outbox).unwrap();
    outbox
}

fn connect(a: &mut State, b: &mut State) -> usize {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    a.handle(NOW, Input::NodeUp(instance("b")), &mut of_a);
    b.handle(NOW, Input::NodeUp(instance("a")), &mut of_b);
    settle(a, of_a, b, of_b)
}

/// Hands everything over until both are silent; returns how many deltas that took.
fn settle(a: &mut State, mut of_a: Outbox, b: &mut State, mut of_b: Outbox) -> usize {
    let mut deltas = 0;
    while !of_a.is_empty() || !of_b.is_empty() {
        let (from_a, from_b) = (std::mem::take(&mut of_a), std::mem::take(&mut of_b));
        deltas += hand_over("a", from_a, b, &mut of_b);
        deltas += hand_over("b", from_b, a, &mut of_a);
    }
    deltas
}

fn hand_over(from: &str, sent: Outbox, to: &mut State, answers: &mut Outbox) -> usize {
    let mut deltas = 0;
    for output in sent {
        if let Output::Send { message, .. } = output {
            deltas += usize::from(matches!(message, Message::Delta { .. }));
            to.handle(NOW, Input::Received { from: instance(from), message }, answers);
        }
    }
    deltas
}

#[test]
fn two_full_replicas_become_one_map_in_bounded_deltas() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    for number in 0..400 {
        put(&mut a, format!("a{number}"), 10_000);
        put(&mut b, format!("b{number}"), 10_000);
    }
    let deltas = connect(&mut a, &mut b);
    assert_eq!(a.map().len(), 800);
    assert_eq!(a.map(), b.map());
    assert!(deltas >= 8_000_000 / (2 * DELTA_BYTES_MAX), "{deltas}");
}

#[test]
fn one_lost_push_costs_one_delta() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    for number in 0..5_000 {
        put(&mut a, number, 8);
    }
    connect(&mut a, &mut b);
    put(&mut a, "lost", 8);
    assert_ne!(a.map(), b.map());
    let mut digest = Vec::new();
    a.handle(Now { at: SYNC_INTERVAL, ..NOW }, Input::Elapsed, &mut digest);
    assert_eq!(settle(&mut a, digest, &mut b, Vec::new()), 1);
    assert_eq!(a.map(), b.map());
}

#[test]
fn lost_removals_are_repaired_and_nothing_comes_back() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    for number in 0..100 {
        put(&mut a, number, 8);
    }
    connect(&mut a, &mut b);
    for number in 0..100 {
        assert!(b.remove(key(number), &mut Vec::new()));
    }
    let mut digest = Vec::new();
    a.handle(Now { at: SYNC_INTERVAL, ..NOW }, Input::Elapsed, &mut digest);
    settle(&mut a, digest, &mut b, Vec::new());
    assert!(a.map().is_empty() && b.map().is_empty());
}

#[test]
fn keys_of_a_departed_replica_are_removed_for_good() {
    let (mut a, mut b, mut c) = (replica("a"), replica("b"), replica("c"));
    put(&mut a, "k", 8);
    connect(&mut a, &mut b);
    b.handle(NOW, Input::NodeDown(instance("a")), &mut Vec::new());
    assert!(b.remove(key("k"), &mut Vec::new()));
    let (mut of_b, mut of_c) = (Vec::new(), Vec::new());
    b.handle(NOW, Input::NodeUp(instance("a")), &mut of_b);
    c.handle(NOW, Input::NodeUp(instance("b")), &mut of_c);
    settle(&mut b, of_b, &mut c, of_c);
    assert!(b.map().is_empty() && c.map().is_empty());
}

#[test]
fn a_restarted_replica_reads_what_it_wrote_in_an_earlier_life() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    put(&mut a, "k", 8);
    connect(&mut a, &mut b);
    let mut again = State::new(instance("a"), 1, SYNC_INTERVAL);
    connect(&mut again, &mut b);
    assert!(again.get(b"k").is_some());
    let sent = put(&mut again, "k", 9);
    settle(&mut again, sent, &mut b, Vec::new());
    assert_eq!(b.get(b"k").map(|value| value.len()), Some(9));
}

#[test]
fn a_write_expires_everywhere_without_a_message() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    let mut sent = Vec::new();
    connect(&mut a, &mut b);
    a.put(NOW, key("k"), key("v"), NOW.wall_ms + 5, &mut sent).unwrap();
    settle(&mut a, sent, &mut b, Vec::new());
    assert_eq!(b.next_expiry_ms(), Some(NOW.wall_ms + 5));
    let mut outbox = Vec::new();
    b.expire(NOW.wall_ms + 4, &mut outbox);
    assert_eq!(outbox, []);
    b.expire(NOW.wall_ms + 5, &mut outbox);
    let gone = Changed { key: key("k"), before: Some(key("v")), value: None };
    assert_eq!(outbox, [Output::Event(gone)]);
    assert_eq!(b.next_expiry_ms(), None);
}

#[test]
fn keys_and_values_are_bounded() {
    let mut a = replica("a");
    let mut try_put = |key: usize, value: usize| {
        a.put(NOW, vec![0; key].into(), vec![0; value].into(), 0, &mut Vec::new())
    };
    let (key, value) = (KEY_BYTES_MAX + 1, VALUE_BYTES_MAX + 1);
    assert_eq!(try_put(key, 0), Err(PutError::KeyTooLong(key)));
    assert_eq!(try_put(0, value), Err(PutError::ValueTooLong(value)));
    assert_eq!(try_put(KEY_BYTES_MAX, VALUE_BYTES_MAX), Ok(()));
}

#[test]
fn what_a_peer_writes_beyond_the_limits_is_left_out() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    connect(&mut a, &mut b);
    let long = vec![7; KEY_BYTES_MAX + 1];
    let mut sent = put(&mut b, "fine", 1);
    let Some(Output::Send { message: Message::Delta { changes, .. }, .. }) = sent
        .iter_mut()
        .find(|output| matches!(output, Output::Send { message: Message::Delta { .. }, .. }))
    else {
        panic!("a put is pushed")
    };
    let mut hostile = changes.keys[0].clone();
    hostile.key = long.clone().into();
    hostile.writes[0].dot.1 = 99;
    changes.keys.push(hostile);
    hand_over("b", sent, &mut a, &mut Vec::new());
    assert!(a.get(b"fine").is_some() && a.get(&long).is_none());
}

#[test]
fn what_a_stranger_says_is_ignored() {
    let (mut a, mut b) = (replica("a"), replica("b"));
    connect(&mut a, &mut b);
    let sent = put(&mut a, "k", 8);
    b.handle(NOW, Input::NodeDown(instance("a")), &mut Vec::new());
    let mut answers = Vec::new();
    hand_over("a", sent, &mut b, &mut answers);
    assert!(b.map().is_empty() && answers.is_empty());
}

/// Goal: a peer that names writes which this replica has not made yet takes none of them away.
/// Found by the fuzz target `cache`: a delta with a dot of the receiver itself, and then a put.
#[test]
fn writes_to_come_are_not_taken_for_known_ones() {
    let me = replica("a").me().clone();
    let written = Written { dot: (0, 1), stamp: 1, expires_ms: 0, value: [1].as_slice().into() };
    let delta = |writes, gone| Message::Delta {
        changes: Changes {
            replicas: vec![me.clone()],
            keys: vec![KeyChange { key: key("other"), writes, gone }],
        },
        repair: true,
    };
    let root = replica("a").map().root();
    let all = vec![(me.clone(), vec![(1, u64::MAX)])];
    for message in [
        delta(vec![written], vec![]),
        delta(vec![], vec![(0, 1), (0, 2)]),
        Message::Context { root, seen: all, asks: false },
    ] {
        let mut a = replica("a");
        a.handle(NOW, Input::NodeUp(instance("b")), &mut Vec::new());
        a.handle(NOW, Input::Received { from: instance("b"), message }, &mut Vec::new());
        for name in ["k", "l"] {
            put(&mut a, name, 8);
            assert!(a.get(name.as_bytes()).is_some(), "a write of its own is read");
        }
        assert!(a.get(b"other").is_none());
    }
}
