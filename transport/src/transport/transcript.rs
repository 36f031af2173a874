//! What a node of version 3 said once, byte for byte, played back to the listener of today.
//!
//! The bytes were written down when nodes spoke version 3 only, with fixed nonces, and are not to be
//! changed: nodes that say them are in the field.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use starlings_runtime::DownReason;

use crate::cookie::Cookie;
use crate::pipe::{Connection, MemoryNetwork};
use crate::proto::handshake::{Listener, ListenerInput, Output, Party};
use crate::proto::peers::{SessionKey, Side};
use crate::testing::{Event, Net, Node, PATIENCE};
use crate::wire::tests::instance;
use crate::wire::{self, CONTROL_LANE, Opening, Pulse, Versions};

/// One lane's handshake: what the dialler says, and what it was answered.
struct Lane {
    hello: &'static str,
    challenge: &'static str,
    proof: &'static str,
    welcome: &'static str,
    ready: &'static str,
}

/// `a@h`, life 7, dials `b@h`, life 9, for session 300 of three lanes; the cookie is `secret`.
const LANES: [Lane; 3] = [
    Lane {
        hello: "5354524c0303 0361406807 03624068 00 ac02 00 00 03 e807 8827 00 \
                0101010101010101010101010101010101010101010101010101010101010101",
        challenge: "00 03 0362406809 00 03 e807 8827 00 \
                    1010101010101010101010101010101010101010101010101010101010101010",
        proof: "01 417aaebaa961974c8980b6c37dd16614fcb626f16dcdffb0837f42351e962ef5",
        welcome: "02 625d0a20e9d3c216d8f64d9ecc0f9c99a2976dc1b06641196812c09723a9c51b \
                  0d6772656574696e67206f662062",
        ready: "03 0d6772656574696e67206f662061",
    },
    Lane {
        hello: "5354524c0303 0361406807 03624068 00 ac02 00 01 03 e807 8827 00 \
                0202020202020202020202020202020202020202020202020202020202020202",
        challenge: "00 03 0362406809 00 03 e807 8827 00 \
                    1111111111111111111111111111111111111111111111111111111111111111",
        proof: "01 05cb5e6e9086ede34f63848c48074c99cfbda7a42c6b15116b31ea6f391663f9",
        welcome: "02 33e6e0acc200cab05361a9c85ba6e366c75c050f255177775c5067519ca2aff1 00",
        ready: "03 00",
    },
    Lane {
        hello: "5354524c0303 0361406807 03624068 00 ac02 00 02 03 e807 8827 00 \
                0303030303030303030303030303030303030303030303030303030303030303",
        challenge: "00 03 0362406809 00 03 e807 8827 00 \
                    1212121212121212121212121212121212121212121212121212121212121212",
        proof: "01 d3b0015c99a4f613c5d07d65c34556434c37b049e128a7d9505b9de67ec3ecba",
        welcome: "02 1405bf760ad42c1c2dd155f15dd8c8c2f9e59020273fcaf28aa1e61b0dea289e 00",
        ready: "03 00",
    },
];

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

/// The last frames, of lanes 0 to 2.
const GOODBYES: [&str; 3] =
    ["06000000 02000000 03 00", "06000000 01000000 03 00", "06000000 02000000 03 00"];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Today's listener, with the nonce of then.
fn listener(nonce: u8) -> Listener {
    let party = Party {
        me: instance("b@h", 9),
        versions: Versions::ALL,
        hidden: false,
        pulse: Pulse { heartbeat_ms: 1000, silent_ms: 5000 },
        lanes: 3,
        unpacks: false,
    };
    Listener::new(party, Cookie::new(*b"secret"), [nonce; 32])
}

fn said(outputs: &[Output]) -> Vec<u8> {
    match outputs {
        [Output::Send(message), ..] => postcard::to_allocvec(message).unwrap(),
        other => panic!("something is sent, not {other:?}"),
    }
}

/// The handshake of one lane, after which the node has it.
fn shake_hands(node: &Node, at: u8, lane: &Lane, connection: Connection) {
    let mut listener = listener(0x10 + at);
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
    assert_eq!(agreement.version, 3);
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

/// Goal: a node of version 3 can still talk to this one, and hears nothing but version 3.
/// Method: virtual time, so that no heartbeat comes in between.
#[tokio::test(start_paused = true)]
async fn recorded_node_of_version_3_is_understood_and_answered() {
    let net = Net::Memory(MemoryNetwork::default());
    let b = Node::start_as(&net, "b", 9, |_, _| {}).await;
    let pipe = net.pipe("recorded").listen("memory:recorded").await.unwrap();
    let mut lanes = Vec::new();
    for (at, lane) in (0..).zip(&LANES) {
        let dialled = net.pipe("player").dial("memory:recorded").await.unwrap();
        shake_hands(&b, at, lane, pipe.accept().await.unwrap());
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
    b.runtime.send_to(&"a@h".parse().unwrap(), b"answer").unwrap();
    hears(&mut lanes[1], ANSWER).await;
    for (lane, goodbye) in lanes.iter_mut().zip(GOODBYES) {
        says(lane, goodbye).await;
    }
    let down = Event::Down("a@h".parse().unwrap(), DownReason::Closed);
    b.sees("the down", |events| events.contains(&down)).await;
}
