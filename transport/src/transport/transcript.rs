//! What nodes of each version say, byte for byte and with fixed nonces, played back to the listener of
//! today; and what listeners of earlier versions answer, played back to its dialler.
//!
//! The bytes are not to be changed: nodes that say them are in the field.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use starlings_runtime::DownReason;

use crate::cookie::Cookie;
use crate::pipe::{Connection, MemoryNetwork};
use crate::proto::handshake::{Agreement, Claim, Dialler, Listener, ListenerInput, Output, Party};
use crate::proto::peers::{SessionKey, Side};
use crate::testing::{Event, Net, Node, PATIENCE};
use crate::wire::tests::instance;
use crate::wire::{
    self, CONTROL_LANE, ChannelBinding, Opening, Pulse, VERSION_MAX, VERSION_MIN, Versions,
};

mod answers;
mod version_3;
mod version_4;
mod version_5;

/// One lane's handshake: what the dialler says, and what it was answered.
struct Lane {
    hello: &'static str,
    challenge: &'static str,
    proof: &'static str,
    welcome: &'static str,
    ready: &'static str,
}

/// What `a@h`, life 7, said to `b@h`, life 9, which it dialled for session 300 of three lanes; the cookie
/// is `secret`.
struct Recording {
    version: u16,
    /// The channel of all lanes.
    channel: Option<ChannelBinding>,
    lanes: [Lane; 3],
    /// On the control lane, from version 4 on: the question whether the session may end, and the answer of
    /// an end that needs it.
    idle: Option<[&'static str; 2]>,
    /// The last frames, of lanes 0 to 2.
    goodbyes: [&'static str; 3],
}

/// On the user lane: two envelopes in one frame.
const ENVELOPES: &str = "0d000000 00000000 01 03 6f6e65 03 74776f";

/// On the bulk lane: a message in two parts, to be delivered after the first frame of the user lane.
const FRAGMENTS: &str = "0e000000 00000000 04 00 01 06 01 01 01 6c6f6e \
                         0a000000 01000000 04 00 00 676572";

/// On the control lane: a heartbeat.
const HEARTBEAT: &str = "05000000 00000000 02";

/// On the control lane: other times are asked for; and the answer.
const PULSE: &str = "0a000000 01000000 06 e807 8827 00";
const PULSE_ANSWER: &str = "0a000000 01000000 06 e807 8827 01";

/// What the control lane answers to the message of the bulk lane.
const DELIVERED: &str = "06000000 00000000 05 00";

/// What the user lane says when the node sends `answer`.
const ANSWER: &str = "0c000000 00000000 01 06 616e73776572";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn party(me: &str, incarnation: u64, versions: Versions) -> Party {
    Party {
        me: instance(me, incarnation),
        versions,
        hidden: false,
        pulse: Pulse { heartbeat_ms: 1000, silent_ms: 5000 },
        lanes: 3,
        unpacks: false,
    }
}

/// Today's listener, with the nonce of then.
fn listener(nonce: u8, channel: Option<ChannelBinding>) -> Listener {
    let party = party("b@h", 9, Versions::ALL);
    Listener::new(party, Cookie::new(*b"secret"), [nonce; 32]).by(channel)
}

fn said(outputs: &[Output]) -> Vec<u8> {
    match outputs {
        [Output::Send(message), ..] => postcard::to_allocvec(message).unwrap(),
        other => panic!("something is sent, not {other:?}"),
    }
}

/// The handshake of one lane, after which the node has it.
fn shake_hands(node: &Node, at: u8, recording: &Recording, connection: Connection) {
    let lane = &recording.lanes[usize::from(at)];
    let mut listener = listener(0x10 + at, recording.channel);
    let mut handle = |input| {
        let mut outbox = Vec::new();
        listener.handle(input, &mut outbox);
        outbox
    };
    let heard = |hex| ListenerInput::Received(wire::decode(&bytes(hex)));
    let challenged = handle(ListenerInput::Opened(Opening::decode(&bytes(lane.hello))));
    assert_eq!(said(&challenged), bytes(lane.challenge), "lane {at}");
    let proven = handle(heard(lane.proof));
    let [Output::Proven(claim)] = &proven[..] else { panic!("lane {at}: {proven:?}") };
    node.hub.admit(claim.clone()).unwrap();
    let greeting = match at {
        CONTROL_LANE => b"greeting of b".to_vec(),
        _ => Vec::new(),
    };
    let welcomed = handle(ListenerInput::Admitted { greeting });
    assert_eq!(said(&welcomed), bytes(lane.welcome), "lane {at}");
    let done = handle(heard(lane.ready));
    let [Output::Done(agreement)] = &done[..] else { panic!("lane {at}: {done:?}") };
    assert_eq!(agreement.version, recording.version);
    let key = SessionKey { side: Side::Accepted, id: claim.session };
    node.hub.join(key, at, connection, agreement.clone());
}

async fn says(connection: &mut Connection, hex: &str) {
    connection.write.write_all(&bytes(hex)).await.unwrap();
    connection.write.flush().await.unwrap();
}

async fn hears(connection: &mut Connection, hex: &str) {
    let expected = bytes(hex);
    let mut heard = vec![0; expected.len()];
    let read = timeout(PATIENCE, connection.read.read_exact(&mut heard)).await;
    read.expect("something is said").unwrap();
    assert_eq!(heard, expected);
}

/// Goal: a node of an earlier version, and another one of today's, is understood, and hears nothing but
/// its own version.
/// Method: virtual time, so that no heartbeat comes in between.
#[tokio::test(start_paused = true)]
async fn recorded_nodes_of_all_versions_are_understood_and_answered() {
    let recordings = [version_3::RECORDING, version_4::RECORDING, version_5::RECORDING];
    assert!(recordings.iter().map(|recording| recording.version).eq(VERSION_MIN..=VERSION_MAX));
    for recording in recordings {
        is_understood_and_answered(&recording).await;
    }
}

async fn is_understood_and_answered(recording: &Recording) {
    let net = Net::Memory(MemoryNetwork::default());
    let b = Node::start_as(&net, "b", 9, |_, _| {}).await;
    b.runtime.needs.store(true, Ordering::SeqCst);
    let pipe = net.pipe("recorded").listen("memory:recorded").await.unwrap();
    let mut lanes = Vec::new();
    for at in 0..3 {
        let dialled = net.pipe("player").dial("memory:recorded").await.unwrap();
        shake_hands(&b, at, recording, pipe.accept().await.unwrap());
        lanes.push(dialled);
    }
    b.sees("the up", |events| events.contains(&Event::Up(instance("a@h", 7)))).await;
    assert_eq!(b.infos()[0].greeting, b"greeting of a");

    says(&mut lanes[0], HEARTBEAT).await;
    // First what waits for the other.
    says(&mut lanes[2], FRAGMENTS).await;
    says(&mut lanes[1], ENVELOPES).await;
    hears(&mut lanes[0], DELIVERED).await;
    let delivered = |envelope: &[u8]| Event::Delivered("a@h".parse().unwrap(), envelope.to_vec());
    assert_eq!(b.events()[1..], [b"one" as &[u8], b"two", b"longer"].map(delivered));
    says(&mut lanes[0], PULSE).await;
    hears(&mut lanes[0], PULSE_ANSWER).await;
    if let Some([question, answer]) = recording.idle {
        says(&mut lanes[0], question).await;
        hears(&mut lanes[0], answer).await;
    }
    b.runtime.send_to(&"a@h".parse().unwrap(), b"answer").unwrap();
    hears(&mut lanes[1], ANSWER).await;
    for (lane, goodbye) in lanes.iter_mut().zip(recording.goodbyes) {
        says(lane, goodbye).await;
    }
    let down = Event::Down("a@h".parse().unwrap(), DownReason::Closed);
    b.sees("the down", |events| events.contains(&down)).await;
}

/// Today's dialler and what it says to recorded answers; what both have agreed on.
fn dials(at: u8, lane: &Lane, channel: Option<ChannelBinding>) -> Agreement {
    // What a later version has beside these changes nothing of this.
    let party = party("a@h", 7, Versions { min: 3, max: 5 });
    let claim = Claim { peer: party.me.clone(), session: 300, lost: None, lane: at, lanes: 3 };
    let greeting = match at {
        CONTROL_LANE => b"greeting of a".to_vec(),
        _ => Vec::new(),
    };
    let (cookie, wanted) = (Cookie::new(*b"secret"), "b@h".parse().unwrap());
    let dialler = Dialler::new(party, cookie, wanted, &claim, greeting, [at + 1; 32]);
    let mut dialler = dialler.by(channel);
    assert_eq!(postcard::to_allocvec(dialler.hello()).unwrap(), bytes(lane.hello), "lane {at}");
    let mut handle = |hex| {
        let mut outbox = Vec::new();
        dialler.handle(wire::decode(&bytes(hex)), &mut outbox);
        outbox
    };
    let proven = handle(lane.challenge);
    let [Output::Challenged, answer @ ..] = &proven[..] else { panic!("lane {at}: {proven:?}") };
    assert_eq!(said(answer), bytes(lane.proof), "lane {at}");
    let done = handle(lane.welcome);
    assert_eq!(said(&done), bytes(lane.ready), "lane {at}");
    let [_, Output::Done(agreement)] = &done[..] else { panic!("lane {at}: {done:?}") };
    agreement.clone()
}

/// Goal: this node can dial one of an earlier version, also by a channel, of which that one knows nothing.
#[test]
fn recorded_listeners_of_earlier_versions_are_agreed_with() {
    let channel = Some([5; 32]);
    let recorded = [(3, answers::VERSION_3), (4, answers::VERSION_4)];
    assert!(recorded.iter().map(|(version, _)| *version).eq(VERSION_MIN..VERSION_MAX));
    for (version, lanes) in recorded {
        for (at, lane) in (0..).zip(&lanes) {
            let agreement = dials(at, lane, channel);
            assert_eq!((agreement.version, agreement.lanes), (version, 3));
            assert_eq!(agreement.peer, instance("b@h", 9));
            let greeting: &[u8] = if at == CONTROL_LANE { b"greeting of b" } else { b"" };
            assert_eq!(agreement.greeting, greeting);
        }
    }
}

#[test]
fn recorded_listener_of_today_is_agreed_with() {
    for (at, lane) in (0..).zip(&version_5::RECORDING.lanes) {
        let agreement = dials(at, lane, version_5::RECORDING.channel);
        assert_eq!(agreement.version, version_5::RECORDING.version);
    }
}
