use std::time::Duration;

use starlings_runtime::{Incarnation, NodeInstance};

use super::seal::Seal;
use super::wire::{self, Update};
use super::{Address, Config, Fact, Input, Message, Metrics, Output, Reason, State, TAG_BYTES};
use crate::cookie::Cookie;
use crate::wire::tests::instance;

mod bounds;

/// Of `body`, under the cookie `secret`.
const TAG: [u8; TAG_BYTES] =
    [175, 73, 59, 188, 166, 71, 243, 230, 209, 251, 204, 86, 68, 59, 58, 136];

const NOW: Duration = Duration::from_secs(100);

fn cookie() -> Cookie {
    Cookie::new(*b"secret")
}

fn address(text: &str) -> Address {
    Address::new(text).unwrap()
}

fn fact(name: &str, incarnation: u64, refutation: u32) -> Fact {
    let member = instance(&format!("{name}@h"), incarnation);
    Fact { member, refutation, address: address(&format!("{name}:1")) }
}

/// One member, and others that are played.
struct Member {
    state: State,
    now: Duration,
}

impl Member {
    fn new() -> Self {
        let me = instance("me@h", 5);
        let state = State::new(NOW, me, address("me:1"), &cookie(), Config::default(), 1);
        Self { state, now: NOW }
    }

    /// Knows these.
    fn knowing(names: &[&str]) -> Self {
        let mut member = Self::new();
        for name in names {
            member.hear(&fact(name, 1, 0), &Message::Gossip, &[]);
        }
        member
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut outbox = Vec::new();
        self.state.handle(self.now, input, &mut outbox);
        outbox
    }

    fn hear(&mut self, from: &Fact, message: &Message, updates: &[Update]) -> Vec<Output> {
        self.handle(Input::Received(datagram(from, message, updates)))
    }

    /// Lets the time go on, with everything that is due meanwhile; what comes of it but datagrams.
    fn pass(&mut self, span: Duration) -> Vec<Output> {
        let until = self.now + span;
        let mut outbox = Vec::new();
        while let Some(due) = self.state.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.state.handle(self.now, Input::Elapsed, &mut outbox);
        }
        self.now = until;
        outbox.retain(|output| !matches!(output, Output::Send { .. }));
        outbox
    }

    fn metrics(&self) -> Metrics {
        self.state.metrics()
    }
}

fn datagram(from: &Fact, message: &Message, updates: &[Update]) -> Vec<u8> {
    let mut bytes = wire::begin(from, message);
    updates.iter().for_each(|update| bytes.extend(wire::encode(update)));
    Seal::new(&cookie()).seal(&mut bytes);
    bytes
}

/// What is said in the datagrams to somebody.
fn said(outputs: &[Output], to: &str) -> Vec<(Fact, Message, Vec<Update>)> {
    let seal = Seal::new(&cookie());
    let mut said = Vec::new();
    for output in outputs {
        if let Output::Send { to: at, bytes } = output
            && at.as_str() == to
        {
            said.push(wire::decode(seal.open(bytes).unwrap()).unwrap());
        }
    }
    said
}

fn suspect(name: &str, incarnation: u64, refutation: u32, accuser: &str) -> Update {
    let member = instance(&format!("{name}@h"), incarnation);
    Update::Suspect { member, refutation, accuser: format!("{accuser}@h").parse().unwrap() }
}

fn down(name: &str, incarnation: u64, refutation: u32, accusers: &[&str]) -> Update {
    let accusers = accusers.iter().map(|accuser| format!("{accuser}@h").parse().unwrap());
    Update::Down { fact: fact(name, incarnation, refutation), accusers: accusers.collect() }
}

fn is_down(outputs: &[Output], name: &str) -> bool {
    let node = format!("{name}@h").parse().unwrap();
    outputs.iter().any(|it| matches!(it, Output::Down { member, .. } if member.node == node))
}

fn is_up(outputs: &[Output], name: &str) -> bool {
    let node = format!("{name}@h").parse().unwrap();
    outputs.iter().any(|it| matches!(it, Output::Up { member, .. } if member.node == node))
}

#[test]
fn datagrams_have_these_bytes() {
    let from = fact("a", 3, 2);
    let head = b"\x01\x03a@h\x03\x02\x03a:1";
    let messages = [
        (Message::Ping { number: 7, to: "b@h".parse().unwrap() }, &b"\x00\x07\x03b@h"[..]),
        (Message::Ack { number: 7 }, b"\x01\x07"),
        (
            Message::PingRequest {
                number: 7,
                target: "b@h".parse().unwrap(),
                address: address("b:1"),
            },
            b"\x02\x07\x03b@h\x03b:1",
        ),
        (Message::Relayed { number: 7 }, b"\x03\x07"),
        (Message::Nack { number: 7 }, b"\x04\x07"),
        (Message::Gossip, b"\x05"),
        (Message::Transfer, b"\x06"),
        (Message::Sync { digest: 9, is_answer: true }, b"\x07\x09\x01"),
    ];
    let updates = [
        (Update::Up(fact("c", 1, 0)), &b"\x00\x03c@h\x01\x00\x03c:1"[..]),
        (suspect("c", 1, 4, "d"), b"\x01\x03c@h\x01\x04\x03d@h"),
        (down("c", 1, 4, &["d", "e"]), b"\x02\x03c@h\x01\x04\x03c:1\x02\x03d@h\x03e@h"),
        (Update::Left(fact("c", 1, 0)), b"\x03\x03c@h\x01\x00\x03c:1"),
    ];
    for (message, expected) in messages {
        let bytes = wire::begin(&from, &message);
        assert_eq!(bytes, [head, expected].concat(), "{message:?}");
        assert_eq!(wire::decode(&bytes), Some((from.clone(), message, Vec::new())));
    }
    for (update, expected) in updates {
        assert_eq!(wire::encode(&update), expected, "{update:?}");
        let mut bytes = wire::begin(&from, &Message::Gossip);
        bytes.extend_from_slice(expected);
        assert_eq!(wire::decode(&bytes), Some((from.clone(), Message::Gossip, vec![update])));
        bytes.pop();
        assert_eq!(wire::decode(&bytes), None, "every byte, and none missing");
    }
    let mut sealed = b"body".to_vec();
    Seal::new(&cookie()).seal(&mut sealed);
    assert_eq!(sealed[..4], *b"body");
    assert_eq!(sealed[4..], TAG);
}

#[test]
fn tag_holds_for_its_cookie_and_bytes_only() {
    let bytes = datagram(&fact("a", 1, 0), &Message::Gossip, &[]);
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let mut member = Member::new();
        assert_eq!(member.handle(Input::Received(forged)), [], "bit {bit}");
        assert_eq!(member.metrics().bad, 1);
    }
    assert_eq!(Seal::new(&Cookie::new(*b"other")).open(&bytes), None);
    assert!(is_up(&Member::new().handle(Input::Received(bytes)), "a"));
}

#[test]
fn verdict_takes_a_second_accuser() {
    let mut member = Member::knowing(&["a", "b", "c"]);
    member.hear(&fact("a", 1, 0), &Message::Gossip, &[suspect("c", 1, 0, "a")]);
    member.hear(&fact("a", 1, 0), &Message::Gossip, &[suspect("c", 1, 0, "a")]);
    // Nobody answers here, so this member accuses all three itself; the one that has two accusers is
    // judged, and the others are not, as long as one of them says something.
    let mut outputs = Vec::new();
    for _ in 0..60 {
        outputs.extend(member.pass(Duration::from_secs(1)));
        outputs.extend(member.hear(&fact("a", 1, 0), &Message::Gossip, &[]));
    }
    assert!(is_down(&outputs, "c"), "{outputs:?}");
    assert!(!is_down(&outputs, "a") && !is_down(&outputs, "b"), "{outputs:?}");
    for output in &outputs {
        if let Output::Down { reason: Reason::Verdict { accusers }, .. } = output {
            assert_eq!(accusers.len(), 2);
        }
    }
    assert!(member.metrics().lapsed > 0, "accused by one only");
    // Once nobody does, there is no second accuser to wait for.
    let outputs = member.pass(Duration::from_secs(120));
    assert!(is_down(&outputs, "a") && is_down(&outputs, "b"), "{outputs:?}");
}

#[test]
fn accusers_that_are_unknown_down_or_the_accused_do_not_count() {
    let mut member = Member::knowing(&["a", "b", "c"]);
    let from = fact("a", 1, 0);
    for accuser in ["stranger", "c", "me"] {
        let outputs = member.hear(&from, &Message::Gossip, &[suspect("c", 1, 0, accuser)]);
        assert_eq!(outputs, [], "{accuser}");
    }
    let outputs = member.hear(&from, &Message::Gossip, &[down("c", 1, 0, &["x", "y"])]);
    assert_eq!(outputs, [], "a verdict is what its accusers say");
}

#[test]
fn refutation_beats_the_suspicion_it_answers_and_no_later_one() {
    let mut member = Member::knowing(&["a", "b", "c"]);
    let a = fact("a", 1, 0);
    let accused = member.hear(&a, &Message::Gossip, &[suspect("c", 1, 0, "a")]);
    assert!(accused.iter().any(|output| matches!(output, Output::Suspected { .. })));
    assert_eq!(member.hear(&a, &Message::Gossip, &[Update::Up(fact("c", 1, 1))]), []);
    let old = member.hear(&a, &Message::Gossip, &[suspect("c", 1, 0, "b")]);
    assert_eq!(old, [], "of before the refutation");
    let again = member.hear(&a, &Message::Gossip, &[suspect("c", 1, 1, "b")]);
    assert!(again.iter().any(|output| matches!(output, Output::Suspected { .. })));
}

#[test]
fn accused_refutes_with_a_higher_number_in_its_very_answer() {
    let mut member = Member::knowing(&["a"]);
    let ping = Message::Ping { number: 3, to: "me@h".parse().unwrap() };
    let accusation = Update::Suspect {
        member: instance("me@h", 5),
        refutation: 0,
        accuser: "a@h".parse().unwrap(),
    };
    let outputs = member.hear(&fact("a", 1, 0), &ping, std::slice::from_ref(&accusation));
    let said = said(&outputs, "a:1");
    assert_eq!(said[0].0.refutation, 1);
    assert_eq!(said[0].1, Message::Ack { number: 3 });
    member.hear(&fact("a", 1, 0), &Message::Gossip, &[accusation]);
    assert_eq!(member.metrics().refuted, 1, "a repeated one is refuted already");
}

#[test]
fn ping_for_another_node_is_not_answered() {
    let mut member = Member::new();
    let ping = Message::Ping { number: 3, to: "else@h".parse().unwrap() };
    let outputs = member.hear(&fact("a", 1, 0), &ping, &[]);
    assert_eq!(said(&outputs, "a:1"), []);
}

#[test]
fn suspected_hears_of_it_in_the_first_ping() {
    let mut member = Member::knowing(&["a", "b", "c"]);
    let outputs = member.hear(&fact("a", 1, 0), &Message::Gossip, &[suspect("c", 1, 0, "a")]);
    let said = said(&outputs, "c:1");
    assert!(matches!(said[0].1, Message::Ping { .. }), "it is asked at once");
    assert_eq!(said[0].2[0], suspect("c", 1, 0, "a"));
}

#[test]
fn later_life_supersedes_and_an_earlier_one_is_told_so() {
    let mut member = Member::knowing(&["a"]);
    let outputs = member.hear(&fact("a", 2, 0), &Message::Gossip, &[]);
    let by = Incarnation(2);
    let superseded = Output::Down { member: instance("a@h", 1), reason: Reason::Superseded { by } };
    assert_eq!(outputs[0], superseded);
    assert!(is_up(&outputs[1..], "a"));
    let outputs = member.hear(&fact("a", 1, 9), &Message::Gossip, &[]);
    assert_eq!(said(&outputs, "a:1")[0].2, [Update::Up(fact("a", 2, 0))]);
    assert!(!is_up(&outputs, "a"));
    let mut old = Member::new();
    let later = Fact { member: instance("me@h", 6), ..fact("me", 6, 0) };
    let outputs = old.hear(&fact("a", 1, 0), &Message::Gossip, &[Update::Up(later.clone())]);
    assert!(outputs.contains(&Output::Superseded { by: Incarnation(6) }));
    let outputs = old.hear(&later, &Message::Gossip, &[]);
    assert_eq!(outputs, [], "said once");
}

#[test]
fn left_stays_away_for_its_life_only() {
    let mut member = Member::knowing(&["a", "b"]);
    let b = fact("b", 1, 0);
    let outputs = member.hear(&b, &Message::Gossip, &[Update::Left(fact("a", 1, 0))]);
    assert_eq!(outputs[0], Output::Down { member: instance("a@h", 1), reason: Reason::Left });
    assert_eq!(member.hear(&fact("a", 1, 7), &Message::Gossip, &[]), []);
    assert_eq!(member.hear(&b, &Message::Gossip, &[Update::Up(fact("a", 1, 8))]), []);
    assert!(is_up(&member.hear(&fact("a", 2, 0), &Message::Gossip, &[]), "a"));
}

#[test]
fn down_is_remembered_for_a_while_and_beaten_by_a_refutation() {
    let mut member = Member::knowing(&["a", "b"]);
    member.hear(&fact("a", 1, 0), &Message::Transfer, &[down("x", 1, 3, &["a", "b"])]);
    let says = |member: &mut Member, refutation| {
        let up = Update::Up(fact("x", 1, refutation));
        is_up(&member.hear(&fact("b", 1, 0), &Message::Gossip, &[up]), "x")
    };
    assert!(!says(&mut member, 3), "old news");
    assert!(says(&mut member, 4), "it lives");
    let mut member = Member::knowing(&["a", "b"]);
    member.hear(&fact("a", 1, 0), &Message::Transfer, &[down("x", 1, 3, &["a", "b"])]);
    member.pass(Config::default().down_memory + Duration::from_secs(60));
    assert!(says(&mut member, 3), "nobody remembers any more");
}

#[test]
fn late_member_puts_off_its_verdicts() {
    let mut member = Member::knowing(&["a", "b", "c"]);
    let charges = [suspect("c", 1, 0, "a"), suspect("c", 1, 0, "b")];
    member.hear(&fact("a", 1, 0), &Message::Gossip, &charges);
    member.now += Duration::from_secs(600);
    let outputs = member.handle(Input::Elapsed);
    assert!(!is_down(&outputs, "c"), "what waits in its socket may say otherwise");
    assert_eq!(member.metrics().late, 1);
    let up = Update::Up(fact("c", 1, 1));
    member.hear(&fact("a", 1, 0), &Message::Gossip, &[up]);
    assert!(!is_down(&member.pass(Duration::from_secs(3)), "c"));
}

#[test]
fn random_bytes_are_never_taken() {
    let mut random = super::random::Random::new(3);
    let mut member = Member::knowing(&["a"]);
    for _ in 0..20_000 {
        let len = random.index(200);
        let bytes: Vec<u8> = (0..len).map(|_| random.number().to_le_bytes()[0]).collect();
        assert_eq!(member.handle(Input::Received(bytes.clone())), []);
        // Behind a valid tag too: a broken member may not harm the others.
        let mut sealed = bytes;
        Seal::new(&cookie()).seal(&mut sealed);
        member.handle(Input::Received(sealed));
    }
    assert!(member.metrics().bad >= 20_000);
    let members: Vec<NodeInstance> = member.state.members().map(|(member, _)| member).collect();
    assert_eq!(members, [instance("a@h", 1)]);
}
