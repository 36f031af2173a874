use std::time::Duration;

use starlings_runtime::DownReason;

use super::{ENDED_MAX, Input, Output, SessionKey, Side, State};
use crate::proto::handshake::Claim;
use crate::wire::Refusal;
use crate::wire::tests::instance;

const JOIN: Duration = Duration::from_secs(5);
const NOW: Duration = Duration::from_secs(100);

struct Node(State);

impl Node {
    fn new(name: &str) -> Self {
        Self(State::new(name.parse().unwrap(), JOIN))
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut outbox = Vec::new();
        self.0.handle(NOW, input, &mut outbox);
        outbox
    }

    fn connect(&mut self, node: &str, id: u64) -> Vec<Output> {
        let node = node.parse().unwrap();
        self.handle(Input::Connect { node, id, lanes: 2 })
    }

    fn claim(&mut self, node: &str, incarnation: u64, session: u64, lane: u8) -> Vec<Output> {
        self.claim_after(node, incarnation, session, lane, None)
    }

    fn claim_after(
        &mut self,
        node: &str,
        incarnation: u64,
        session: u64,
        lane: u8,
        lost: Option<u64>,
    ) -> Vec<Output> {
        self.handle(Input::Claimed(Claim {
            peer: instance(node, incarnation),
            session,
            lost,
            lane,
            lanes: 2,
        }))
    }

    fn join(&mut self, node: &str, incarnation: u64, key: SessionKey, lane: u8) -> Vec<Output> {
        let peer = instance(node, incarnation);
        self.handle(Input::Joined { peer, key, lane, lanes: 2 })
    }

    /// Accepts a whole session.
    fn accept(&mut self, node: &str, incarnation: u64, id: u64) -> Vec<Output> {
        for lane in [0, 1] {
            let outputs = self.claim(node, incarnation, id, lane);
            assert_eq!(outputs[0], Output::Admitted, "lane {lane}");
        }
        assert_eq!(self.join(node, incarnation, accepted(id), 1), []);
        self.join(node, incarnation, accepted(id), 0)
    }

    fn end(&mut self, node: &str, key: SessionKey) -> Vec<Output> {
        let node = node.parse().unwrap();
        self.handle(Input::Ended { node, key })
    }

    fn ending(&mut self, node: &str, key: SessionKey) -> Vec<Output> {
        let node = node.parse().unwrap();
        self.handle(Input::Ending { node, key })
    }

    fn challenged(&mut self, node: &str, id: u64) {
        let node = node.parse().unwrap();
        let key = dialled(id);
        assert_eq!(self.handle(Input::Challenged { node, key }), []);
    }
}

fn accepted(id: u64) -> SessionKey {
    let side = Side::Accepted;
    SessionKey { side, id }
}

fn dialled(id: u64) -> SessionKey {
    let side = Side::Dialled;
    SessionKey { side, id }
}

fn up(node: &str, incarnation: u64, key: SessionKey) -> Output {
    let peer = instance(node, incarnation);
    Output::Up { peer, key }
}

fn abandon(node: &str, key: SessionKey) -> Output {
    let node = node.parse().unwrap();
    Output::Abandon { node, key }
}

fn close(node: &str, key: SessionKey, reason: DownReason) -> Output {
    let node = node.parse().unwrap();
    Output::Close { node, key, reason }
}

fn refused(refusal: Refusal) -> [Output; 1] {
    [Output::Refused(refusal)]
}

#[test]
fn dial_is_up_when_all_lanes_have_joined() {
    let mut a = Node::new("a@h");
    let node = "b@h".parse().unwrap();
    let key = dialled(1);
    assert_eq!(a.connect("b@h", 1), [Output::Dial { node, key }]);
    assert_eq!(a.connect("b@h", 2), [Output::Busy], "one dial serves all");
    assert_eq!(a.join("b@h", 4, key, 0), []);
    assert_eq!(a.join("b@h", 4, key, 1), [up("b@h", 4, key)]);
    assert_eq!(a.connect("b@h", 3), [Output::Connected]);
}

#[test]
fn greater_node_refuses_the_dial_that_crosses_its_own() {
    let mut b = Node::new("b@h");
    b.connect("a@h", 1);
    b.challenged("a@h", 1);
    assert_eq!(b.claim("a@h", 1, 9, 0), refused(Refusal::SimultaneousDial));
}

#[test]
fn lesser_node_gives_its_dial_up_for_the_one_that_crosses_it() {
    let mut a = Node::new("a@h");
    a.connect("b@h", 1);
    a.challenged("b@h", 1);
    let outputs = a.claim("b@h", 1, 9, 0);
    assert_eq!(outputs, [Output::Admitted, abandon("b@h", dialled(1))]);
    let late = a.join("b@h", 1, dialled(1), 0);
    assert_eq!(late, [abandon("b@h", dialled(1))], "the dial is forgotten");
}

#[test]
fn dial_that_reaches_nobody_gives_way_whatever_the_names() {
    let mut b = Node::new("b@h");
    b.connect("a@h", 1);
    let outputs = b.claim("a@h", 1, 9, 0);
    assert_eq!(outputs, [Output::Admitted, abandon("a@h", dialled(1))]);
}

#[test]
fn live_session_refuses_its_own_incarnation_and_earlier_ones() {
    let mut a = Node::new("a@h");
    assert_eq!(a.accept("b@h", 5, 1), [up("b@h", 5, accepted(1))]);
    assert_eq!(a.claim("b@h", 5, 2, 0), refused(Refusal::AlreadyConnected));
    assert_eq!(a.claim("b@h", 4, 3, 0), refused(Refusal::OlderIncarnation));
}

#[test]
fn later_incarnation_is_up_only_after_the_down_of_the_earlier() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    let outputs = a.claim("b@h", 6, 2, 0);
    let closed = close("b@h", accepted(1), DownReason::Closed);
    assert_eq!(outputs, [Output::Admitted, closed]);
    assert_eq!(a.join("b@h", 6, accepted(2), 0), []);
    a.claim("b@h", 6, 2, 1);
    assert_eq!(a.join("b@h", 6, accepted(2), 1), [], "it waits for the down");
    assert_eq!(a.end("b@h", accepted(1)), [up("b@h", 6, accepted(2))]);
}

#[test]
fn dialled_peer_that_turns_out_later_ends_the_live_session() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    a.handle(Input::Disconnect("b@h".parse().unwrap()));
    a.connect("b@h", 2);
    a.join("b@h", 6, dialled(2), 0);
    assert_eq!(a.join("b@h", 6, dialled(2), 1), []);
    assert_eq!(a.end("b@h", accepted(1)), [up("b@h", 6, dialled(2))]);
}

#[test]
fn dialled_peer_that_turns_out_earlier_is_abandoned() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    a.handle(Input::Disconnect("b@h".parse().unwrap()));
    a.connect("b@h", 2);
    let outputs = a.join("b@h", 4, dialled(2), 0);
    assert_eq!(outputs, [abandon("b@h", dialled(2))]);
}

#[test]
fn lane_of_another_session_is_refused() {
    let mut a = Node::new("a@h");
    let unknown = refused(Refusal::UnknownSession);
    assert_eq!(a.claim("b@h", 1, 1, 1), unknown, "no session");
    a.claim("b@h", 1, 1, 0);
    assert_eq!(a.claim("b@h", 1, 2, 1), unknown, "another id");
    assert_eq!(a.claim("b@h", 2, 1, 1), unknown, "another incarnation");
    assert_eq!(a.claim("b@h", 1, 1, 2), unknown, "a lane too many");
    a.claim("b@h", 1, 1, 1);
    a.join("b@h", 1, accepted(1), 1);
    assert_eq!(a.claim("b@h", 1, 1, 1), unknown, "a lane twice");
}

#[test]
fn peer_that_dials_again_has_given_its_dial_up() {
    let mut a = Node::new("a@h");
    a.claim("b@h", 1, 1, 0);
    let outputs = a.claim("b@h", 1, 2, 0);
    assert_eq!(outputs, [Output::Admitted, abandon("b@h", accepted(1))]);
}

#[test]
fn accepted_dial_that_does_not_complete_expires() {
    let mut a = Node::new("a@h");
    a.claim("b@h", 1, 1, 0);
    assert_eq!(a.0.deadline(), Some(NOW + JOIN));
    assert_eq!(a.handle(Input::Elapsed), []);
    let mut outbox = Vec::new();
    a.0.handle(NOW + JOIN, Input::Elapsed, &mut outbox);
    assert_eq!(outbox, [abandon("b@h", accepted(1))]);
    assert!(a.0.is_idle());
    assert_eq!(a.0.deadline(), None);
}

#[test]
fn failed_attempt_leaves_nothing() {
    let mut a = Node::new("a@h");
    a.connect("b@h", 1);
    let node = "b@h".parse().unwrap();
    let key = dialled(1);
    assert_eq!(a.handle(Input::Failed { node, key }), []);
    assert!(a.0.is_idle());
}

#[test]
fn session_being_disconnected_is_not_found() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    let node = || "b@h".parse().unwrap();
    let outputs = a.handle(Input::Disconnect(node()));
    assert_eq!(outputs, [close("b@h", accepted(1), DownReason::Disconnected)]);
    assert_eq!(a.handle(Input::Disconnect(node())), [], "once");
    let (node, key) = (node(), dialled(2));
    assert_eq!(a.connect("b@h", 2), [Output::Dial { node, key }]);
}

#[test]
fn life_that_is_lost_takes_its_session_and_no_later_one() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    assert_eq!(a.handle(Input::Lost(instance("b@h", 4))), [], "an earlier life");
    assert_eq!(a.handle(Input::Lost(instance("c@h", 4))), [], "nobody");
    let outputs = a.handle(Input::Lost(instance("b@h", 5)));
    assert_eq!(outputs, [close("b@h", accepted(1), DownReason::HeartbeatTimeout)]);
    assert_eq!(a.handle(Input::Lost(instance("b@h", 5))), [], "once");
}

#[test]
fn stopping_node_closes_all_and_lets_nobody_in() {
    let mut a = Node::new("a@h");
    a.accept("b@h", 5, 1);
    a.connect("c@h", 2);
    let outputs = a.handle(Input::Stop);
    let closed = close("b@h", accepted(1), DownReason::Shutdown);
    assert_eq!(outputs, [closed, abandon("c@h", dialled(2))]);
    assert_eq!(a.claim("d@h", 1, 1, 0), refused(Refusal::ShuttingDown));
    assert_eq!(a.connect("d@h", 3), refused(Refusal::ShuttingDown));
    assert_eq!(a.end("b@h", accepted(1)), []);
    assert!(a.0.is_idle());
}

#[test]
fn session_that_is_over_is_not_found_by_who_connects() {
    let mut node = Node::new("a@h");
    assert_eq!(node.accept("b@h", 1, 1).len(), 1);
    assert_eq!(node.connect("b@h", 9), [Output::Connected]);
    assert_eq!(node.ending("b@h", accepted(8)), []);
    assert_eq!(node.connect("b@h", 9), [Output::Connected], "that was another session");
    assert_eq!(node.ending("b@h", accepted(1)), []);
    assert!(matches!(node.connect("b@h", 9)[..], [Output::Dial { .. }]));
    assert_eq!(node.end("b@h", accepted(1)), []);
}

/// Goal: a peer that has lost a session which this node still holds gets another at once.
#[test]
fn peer_that_says_which_session_it_lost_is_let_in() {
    let mut node = Node::new("a@h");
    assert_eq!(node.accept("b@h", 1, 1).len(), 1);
    let refused = [Output::Refused(Refusal::AlreadyConnected)];
    assert_eq!(node.claim_after("b@h", 1, 2, 0, None), refused);
    assert_eq!(node.claim_after("b@h", 1, 2, 0, Some(7)), refused, "that was another session");
    let closes = Output::Close {
        node: "b@h".parse().unwrap(),
        key: accepted(1),
        reason: DownReason::Closed,
    };
    assert_eq!(node.claim_after("b@h", 1, 2, 0, Some(1)), [Output::Admitted, closes]);
    let older = [Output::Refused(Refusal::OlderIncarnation)];
    assert_eq!(node.claim_after("b@h", 0, 3, 0, Some(1)), older);
}

#[test]
fn sessions_that_ended_are_remembered_within_bounds() {
    let mut node = Node::new("a@h");
    let b = "b@h".parse().unwrap();
    assert_eq!(node.0.last_ended(&b), None);
    node.accept("b@h", 1, 1);
    assert_eq!(node.0.last_ended(&b), None, "it lives");
    node.ending("b@h", accepted(1));
    assert_eq!(node.0.last_ended(&b), Some(1), "it is about to be reported");
    node.end("b@h", accepted(1));
    assert_eq!(node.0.last_ended(&b), Some(1));
    for n in 0..ENDED_MAX {
        let name = format!("c{n}@h");
        node.accept(&name, 1, 5);
        node.end(&name, accepted(5));
    }
    assert_eq!(node.0.last_ended(&b), None, "another one took its place");
}
