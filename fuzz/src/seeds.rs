//! Inputs that are well formed: what the targets are for.

use starlings_cache::wire::{
    Changes, Dots, KeyChange, Message as CacheMessage, Part, ReplicaId, Written,
};
use starlings_registry::wire::{Claim, GroupsMessage, Message, NamesMessage, Rest};
use starlings_registry::{Key, Metadata};
use starlings_runtime::{AnyPid, append, fuzzing};
use starlings_transport::fuzzing::{body, datagram, datagram_parts, frame, pack};
use starlings_transport::proto::handshake::{ListenerInput, Output};
use starlings_transport::proto::membership::{
    Fact, MEMBERSHIP_VERSION, Message as MembershipMessage, Update,
};
use starlings_transport::wire::{
    After, Fragment, FragmentStart, Goodbye, Handshake, Idle, NewPulse, Opening, Pulse, Refusal,
};

use crate::joined;
use crate::targets::handshake::{dialler, instance, listener};
use crate::targets::membership::address;
use crate::targets::node::{facts, function};

fn encoded(message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(message, &mut bytes).expect("what is to be encoded");
    bytes
}

/// The envelopes of all kinds, for the actor that is there.
pub fn envelopes() -> Vec<Vec<u8>> {
    let (serial, args, _) = facts();
    let places = 0..4;
    let of = |place| fuzzing::envelopes(serial, place, ("fuzz.counter", args), &encoded(&1_i64));
    let (name, key) = function();
    let args = encoded(&(vec![1_i64, -2], Some("no")));
    let run = fuzzing::run_envelope(name, key, &args);
    places.flat_map(of).chain([run]).collect()
}

/// All of them in a row, and each alone.
pub fn conversations() -> Vec<Vec<u8>> {
    let all = envelopes();
    let mut conversations: Vec<_> = all.iter().map(|one| joined(&[one.clone()])).collect();
    conversations.extend(all.chunks(all.len() / 4).map(joined));
    conversations
}

/// The greeting of a node.
pub fn greetings() -> Vec<Vec<u8>> {
    vec![facts().2]
}

/// Streams of frames: of each kind, small and large, packed and not.
pub fn frames() -> Vec<Vec<u8>> {
    let envelopes = body(&[vec![1; 5], Vec::new(), vec![2; 300]]);
    let bodies = [envelopes, Vec::new(), vec![0], vec![3, 1, 5, 0, 9], vec![3], vec![1, 1, 0]];
    let frames = (0..).zip(1..).zip(&bodies);
    let stream: Vec<u8> =
        frames.filter_map(|((seq, kind), body)| frame(seq, kind, body)).flatten().collect();
    let mut packed = stream.clone();
    pack(&mut packed);
    assert!(packed.len() < stream.len(), "something is packed");
    [(0, &stream), (255, &stream), (6, &packed)]
        .map(|(step, it)| [&[step], &it[..]].concat())
        .into()
}

/// A handshake that ends well, and refusals.
pub fn handshake() -> Vec<Vec<u8>> {
    let (mut dialler, mut listener) = (dialler(), listener());
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let hello = dialler.hello().clone();
    listener.handle(ListenerInput::Opened(Opening::Hello(Box::new(hello.clone()))), &mut heard);
    let Some(Output::Send(challenge)) = heard.pop() else { panic!("a challenge") };
    dialler.handle(Some(challenge.clone()), &mut said);
    let proof = Handshake::Proof([0; 32]);
    let welcome = Handshake::Welcome { proof: [4; 32], greeting: vec![1, 2] };
    let ready = Handshake::Ready { greeting: vec![1, 2] };
    let refuse = Handshake::Refuse(Refusal::Version { version_min: 1, version_max: 2 });
    let [challenge, proof, welcome, ready, refuse] =
        [challenge, proof, welcome, ready, refuse].map(|message| encoded(&message));
    let hello = encoded(&hello);
    vec![
        joined(&[hello.clone(), proof, ready]),
        joined(&[challenge.clone(), welcome]),
        joined(&[challenge, refuse]),
        joined(&[hello]),
    ]
}

/// Bodies of frames.
pub fn bodies() -> Vec<Vec<u8>> {
    let pulse = Pulse { heartbeat_ms: 100, silent_ms: 500 };
    let bodies = [
        encoded(&Goodbye::Disconnect),
        encoded(&Goodbye::Shutdown),
        encoded(&Goodbye::Idle),
        encoded(&Idle::Ask(vec![0, 300])),
        encoded(&Idle::Agree(vec![0, 300])),
        encoded(&Idle::Decline),
        encoded(&Idle::Withdraw),
        encoded(&NewPulse { pulse, is_answer: false }),
        encoded(&NewPulse { pulse, is_answer: true }),
        encoded(&0_u32),
        encoded(&300_u32),
    ];
    let mut all: Vec<_> = bodies.iter().map(|body| joined(&[body.clone()])).collect();
    all.push(joined(&bodies));
    all
}

/// Messages in fragments, in turns.
pub fn bulk() -> Vec<Vec<u8>> {
    let begins = |message, bytes, after| {
        let start = Some(FragmentStart { bytes, after });
        [encoded(&Fragment { message, start }), vec![7; 10]].concat()
    };
    let goes_on = |message| [encoded(&Fragment { message, start: None }), vec![8; 10]].concat();
    let after = Some(After { lane: 1, frames: 5 });
    vec![
        joined(&[begins(0, 10, None)]),
        joined(&[begins(0, 20, after), begins(1, 30, None), goes_on(1), goes_on(0), goes_on(1)]),
        (0..64).map(|n| [17, 2, 65, 3, 2, 34, 3, 7][n % 8]).collect(),
    ]
}

fn pid() -> AnyPid {
    AnyPid::unbound(instance("b@h"), 7)
}

/// Pids as bytes and as text.
pub fn pids() -> Vec<Vec<u8>> {
    let texts = ["<0.7>", "<b@h.7>", "<b@h#7.7>", "b@h"];
    let mut pids: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    pids.push(encoded(&pid()));
    pids
}

fn conversation<M: serde::Serialize>(messages: &[M]) -> Vec<Vec<u8>> {
    let messages: Vec<_> = messages.iter().map(encoded).collect();
    let mut all: Vec<_> = messages.iter().map(|message| joined(&[message.clone()])).collect();
    all.push(joined(&messages));
    all
}

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

/// What a peer says about groups.
pub fn groups() -> Vec<Vec<u8>> {
    let (stream, membership) = (5, |n| (key("group"), n));
    let messages: [GroupsMessage; 4] = [
        Message::Discover { stream, request: 1, after: Some(membership(1)) },
        Message::Sync {
            stream,
            request: 1,
            number: 0,
            after: None,
            facts: vec![(membership(1), 2), (membership(2), 1)],
            rest: Rest::Nothing,
        },
        Message::Delta {
            stream,
            number: 1,
            changes: vec![(membership(1), None), (membership(3), Some(1))],
        },
        Message::Digest { stream, number: 1, len: 2 },
    ];
    conversation(&messages)
}

/// What a peer says about names.
pub fn names() -> Vec<Vec<u8>> {
    let claim = |order, replaces| Claim {
        order,
        serial: 7,
        replaces,
        metadata: Metadata::new(b"data").expect("short"),
    };
    let stream = 5;
    let messages: [NamesMessage; 4] = [
        Message::Discover { stream, request: 1, after: None },
        Message::Sync {
            stream,
            request: 1,
            number: 0,
            after: None,
            facts: vec![(key("boss"), claim(1, None))],
            rest: Rest::Nothing,
        },
        Message::Delta {
            stream,
            number: 1,
            changes: vec![(key("boss"), None), (key("other"), Some(claim(2, Some(pid()))))],
        },
        Message::Digest { stream, number: 1, len: 1 },
    ];
    conversation(&messages)
}

/// What a replica of a cache says.
pub fn cache() -> Vec<Vec<u8>> {
    let replica = || ReplicaId { instance: instance("b@h"), start: 1 };
    let bytes = |text: &str| std::sync::Arc::from(text.as_bytes());
    let write =
        |counter| Written { dot: (0, counter), stamp: 9, expires_ms: 0, value: bytes("value") };
    let change = |name, writes, gone| KeyChange { key: bytes(name), writes, gone };
    let keys =
        vec![change("key", vec![write(1)], vec![]), change("other", vec![write(2)], vec![(0, 1)])];
    let changes = Changes { replicas: vec![replica()], keys };
    let part = || Part { bucket: 3, after: None, upto: Some(b"key".to_vec()) };
    let dots = || Dots { replicas: vec![replica()], dots: vec![(0, 1), (0, 2)] };
    let none = Dots::default;
    let messages = [
        CacheMessage::Delta { changes, repair: true },
        CacheMessage::Digest { root: 1, context: 2 },
        CacheMessage::Context {
            root: 1,
            seen: vec![(replica(), vec![(1, 2), (4, 9)])],
            asks: true,
        },
        CacheMessage::Groups { sums: vec![1; 64] },
        CacheMessage::Buckets { groups: vec![(0, vec![1; 64])] },
        CacheMessage::Inventory {
            part: part(),
            seen: vec![(replica(), 2)],
            dots: dots(),
            last: true,
        },
        CacheMessage::Verdict {
            part: part(),
            gone: dots(),
            wanted: none(),
            dropped: true,
            last: true,
        },
    ];
    conversation(&messages)
}

/// What members tell each other: each message, and each piece of news, from one and from two others.
pub fn membership() -> Vec<Vec<u8>> {
    let fact = |name, refutation| {
        let (member, address) = (instance(name), address(name));
        Fact { member, refutation, address }
    };
    let (me, b, c) = (fact("a@h", 0), fact("b@h", 0), fact("c@h", 1));
    let node = |fact: &Fact| fact.member.node.clone();
    let messages = [
        MembershipMessage::Ping { number: 7, to: node(&me) },
        MembershipMessage::Ack { number: 0 },
        MembershipMessage::PingRequest { number: 7, target: node(&c), address: c.address.clone() },
        MembershipMessage::Relayed { number: 0 },
        MembershipMessage::Nack { number: 0 },
        MembershipMessage::Gossip,
        MembershipMessage::Transfer,
        MembershipMessage::Sync { digest: 1, is_answer: false },
    ];
    let suspect = |whom: &Fact, by: &Fact| {
        let (member, refutation) = (whom.member.clone(), whom.refutation);
        Update::Suspect { member, refutation, accuser: node(by) }
    };
    let news = [
        vec![Update::Up(c.clone())],
        vec![suspect(&me, &b), suspect(&c, &b)],
        vec![Update::Down { fact: c.clone(), accusers: vec![node(&b), node(&me)] }],
        vec![Update::Left(c.clone())],
    ];
    let gossip = || MembershipMessage::Gossip;
    let mut bodies: Vec<_> = messages.iter().map(|message| datagram(&b, message, &[])).collect();
    bodies.extend(news.iter().map(|news| datagram(&b, &gossip(), news)));
    bodies.push(datagram(&c, &gossip(), &[suspect(&b, &c)]));
    assert!(bodies.iter().all(|body| body[0] == MEMBERSHIP_VERSION));
    let mut all: Vec<_> = bodies.iter().map(|body| joined(&[body.clone()])).collect();
    all.push(joined(&bodies));
    bodies.push(Vec::new());
    bodies.reverse();
    all.push(joined(&bodies));
    all
}

/// Whether the seeds are what they claim to be.
///
/// # Panics
/// If one is not.
pub fn check() {
    let taken = |bytes: Vec<u8>| crate::parts(&bytes).map(<[u8]>::to_vec).collect::<Vec<_>>();
    for envelope in envelopes() {
        assert!(fuzzing::splits(&envelope), "{envelope:?}");
    }
    for datagram in membership().into_iter().flat_map(taken) {
        assert!(datagram.is_empty() || datagram_parts(&datagram).is_some(), "{datagram:?}");
    }
    for stream in frames() {
        let (cut, is_broken) = starlings_transport::fuzzing::cut(&stream[1..], usize::MAX);
        assert!(cut.len() == 6 && !is_broken, "{cut:?}");
    }
    for message in groups().into_iter().flat_map(taken) {
        starlings_runtime::decode::<GroupsMessage>(&message).expect("about groups");
    }
    for message in names().into_iter().flat_map(taken) {
        starlings_runtime::decode::<NamesMessage>(&message).expect("about names");
    }
    for message in cache().into_iter().flat_map(taken) {
        starlings_runtime::decode::<CacheMessage>(&message).expect("about a cache");
    }
}
