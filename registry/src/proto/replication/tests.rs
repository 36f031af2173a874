//! The engine alone: two nodes, every message by hand.

use std::time::Duration;

use starlings_runtime::{Incarnation, NodeInstance};

use super::{
    CHANGES_PER_DELTA_MAX, Changed, DIGEST_INTERVAL, FACTS_PER_SYNC_MAX, Outbox, RETRY_MAX,
    RETRY_MIN, SYNCS_PER_REQUEST_MAX, State,
};
use crate::proto::{Input, Output};
use crate::wire::Message;

type Node = State<u32, u32>;

const NOW: Duration = Duration::ZERO;

fn instance(name: &str, incarnation: u64) -> NodeInstance {
    let node = format!("{name}@test").parse().unwrap();
    NodeInstance { node, incarnation: Incarnation(incarnation) }
}

fn node(name: &str) -> Node {
    State::new(instance(name, 1), 0, DIGEST_INTERVAL)
}

fn put(node: &mut Node, keys: impl IntoIterator<Item = u32>) -> Outbox<u32, u32> {
    let mut outbox = Vec::new();
    node.publish(keys.into_iter().map(|key| (key, Some(1))).collect(), &mut outbox).unwrap();
    outbox
}

fn up(node: &mut Node, peer: &Node) -> Outbox<u32, u32> {
    let mut outbox = Vec::new();
    node.handle(NOW, Input::NodeUp(peer.me().clone()), &mut outbox);
    outbox
}

/// Hands over what `from` sends, and returns what `to` answers.
fn deliver(from: &Node, sent: Outbox<u32, u32>, to: &mut Node) -> Outbox<u32, u32> {
    let mut outbox = Vec::new();
    for message in messages(&sent) {
        to.handle(NOW, Input::Received { from: from.me().clone(), message }, &mut outbox);
    }
    outbox
}

fn messages(outbox: &Outbox<u32, u32>) -> Vec<Message<u32, u32>> {
    let message = |output: &Output<_, _>| match output {
        Output::Send { message, .. } => Some(Message::clone(message)),
        Output::Event(_) => None,
    };
    outbox.iter().filter_map(message).collect()
}

fn changes(outbox: &Outbox<u32, u32>) -> Vec<(u32, Option<u32>, Option<u32>)> {
    let change = |output: &Output<_, Changed<u32, u32>>| match output {
        Output::Event(changed) => Some((changed.key, changed.before, changed.after)),
        Output::Send { .. } => None,
    };
    outbox.iter().filter_map(change).collect()
}

/// Two connected nodes, `b` with a whole copy of `a`.
fn pair(facts: impl IntoIterator<Item = u32>) -> (Node, Node) {
    let (mut a, mut b) = (node("a"), node("b"));
    put(&mut a, facts);
    up(&mut a, &b);
    let asked = up(&mut b, &a);
    let answer = deliver(&b, asked, &mut a);
    deliver(&a, answer, &mut b);
    assert_eq!(b.copy_of(a.me()), Some(a.own()));
    (a, b)
}

#[test]
fn more_facts_than_one_request_brings_come_in_bounded_syncs() {
    let len = u32::try_from(FACTS_PER_SYNC_MAX * SYNCS_PER_REQUEST_MAX).unwrap();
    let (mut a, mut b) = (node("a"), node("b"));
    put(&mut a, 0..=len);
    up(&mut a, &b);
    let asked = up(&mut b, &a);
    let answer = deliver(&b, asked, &mut a);
    assert_eq!(messages(&answer).len(), SYNCS_PER_REQUEST_MAX);
    let asked = deliver(&a, answer, &mut b);
    assert_eq!(messages(&asked).len(), 1);
    let answer = deliver(&b, asked, &mut a);
    assert_eq!(changes(&deliver(&a, answer, &mut b)), [(len, None, Some(1))]);
    assert_eq!(b.copy_of(a.me()), Some(a.own()));
}

#[test]
fn large_changes_are_several_deltas() {
    let (mut a, _) = pair([]);
    let sent = put(&mut a, 0..=u32::try_from(CHANGES_PER_DELTA_MAX).unwrap());
    assert_eq!(messages(&sent).len(), 2);
}

#[test]
fn a_gap_asks_again_and_only_differences_show() {
    let (mut a, mut b) = pair([1, 2]);
    put(&mut a, [3]);
    let sent = put(&mut a, [4]);
    let asked = deliver(&a, sent, &mut b);
    assert_eq!(changes(&asked), []);
    let answer = deliver(&b, asked, &mut a);
    let seen = deliver(&a, answer, &mut b);
    assert_eq!(changes(&seen), [(3, None, Some(1)), (4, None, Some(1))]);
}

#[test]
fn a_lost_last_delta_shows_in_the_digest() {
    let (mut a, mut b) = pair([1]);
    put(&mut a, [2]);
    let mut sent = Vec::new();
    a.handle(DIGEST_INTERVAL, Input::Elapsed, &mut sent);
    sent.retain(|out| matches!(out, Output::Send { message: Message::Digest { .. }, .. }));
    let asked = deliver(&a, sent, &mut b);
    let answer = deliver(&b, asked, &mut a);
    assert_eq!(changes(&deliver(&a, answer, &mut b)), [(2, None, Some(1))]);
}

#[test]
fn a_double_delta_is_ignored() {
    let (mut a, mut b) = pair([1]);
    let sent = put(&mut a, [2]);
    deliver(&a, sent.clone(), &mut b);
    assert_eq!(deliver(&a, sent, &mut b), []);
}

#[test]
fn what_a_lost_node_owned_goes_with_it_and_its_late_messages_are_ignored() {
    let (mut a, mut b) = pair([1, 2]);
    let late = put(&mut a, [3]);
    let mut outbox = Vec::new();
    b.handle(NOW, Input::NodeDown(a.me().clone()), &mut outbox);
    assert_eq!(changes(&outbox), [(1, Some(1), None), (2, Some(1), None)]);
    assert_eq!(deliver(&a, late, &mut b), []);
    assert_eq!(b.deadline(), None);
}

#[test]
fn a_new_life_replaces_the_old_one_and_not_the_other_way_round() {
    let (a, mut b) = pair([1]);
    let mut outbox = Vec::new();
    b.handle(NOW, Input::NodeUp(instance("a", 2)), &mut outbox);
    assert_eq!(changes(&outbox), [(1, Some(1), None)]);
    outbox.clear();
    b.handle(NOW, Input::NodeUp(a.me().clone()), &mut outbox);
    assert_eq!(outbox, []);
    assert_eq!(b.peers().collect::<Vec<_>>(), [&instance("a", 2)]);
}

#[test]
fn a_registry_that_started_anew_is_asked_for_all_of_its_facts() {
    let (a, mut b) = pair([1, 2]);
    let mut again: Node = State::new(a.me().clone(), 1, DIGEST_INTERVAL);
    put(&mut again, [2]);
    let asks = up(&mut again, &b);
    let answer = deliver(&again, asks, &mut b);
    let answer = deliver(&b, answer, &mut again);
    assert_eq!(changes(&deliver(&again, answer, &mut b)), [(1, Some(1), None)]);
}

#[test]
fn a_question_without_an_answer_is_asked_again_less_and_less_often() {
    let (mut a, b) = (node("a"), node("b"));
    up(&mut a, &b);
    let (mut waits, mut now) = (Vec::new(), NOW);
    for _ in 0..30 {
        let at = a.deadline().unwrap();
        let mut outbox = Vec::new();
        a.handle(at, Input::Elapsed, &mut outbox);
        if messages(&outbox).iter().any(|m| matches!(m, Message::Discover { .. })) {
            waits.push(at - now);
            now = at;
        }
    }
    assert_eq!(waits.first(), Some(&RETRY_MIN));
    assert_eq!(waits.last(), Some(&RETRY_MAX));
    assert!(waits.is_sorted());
}
