//! How many lanes a session has, and what one of them does to the others.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{DownReason, LaneKey, Urgency};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::TransportConfig;
use crate::pipe::{MemoryNetwork, ReadHalf, WriteHalf};
use crate::testing::{Event, Net, Node};
use crate::wire::LANES_MIN;

/// Goal: a session has as many user lanes as the end that wants fewer, whichever dials.
#[tokio::test]
async fn session_has_the_fewer_user_lanes_of_both() {
    for [of_a, of_b] in [[1, 1], [1, 7], [7, 1], [3, 5], [5, 3], [14, 2], [14, 14]] {
        for a_dials in [true, false] {
            let network = MemoryNetwork::default();
            let net = Net::Memory(network.clone());
            let start = async |name, user_lanes| {
                let change = |config: &mut TransportConfig, _: &mut Vec<u8>| {
                    config.user_lanes = user_lanes;
                };
                Node::start_as(&net, name, 1, change).await
            };
            let (a, b) = (start("a", of_a).await, start("b", of_b).await);
            let (dialler, listener) = if a_dials { (&a, &b) } else { (&b, &a) };
            dialler.connect(listener).await.unwrap();
            listener.sees_up(dialler).await;
            a.talks_to(&b, "hello").await;
            let lanes = usize::from(of_a.min(of_b) + LANES_MIN - 1);
            assert_eq!(network.connection_count("a", "b"), lanes, "{of_a} and {of_b}");
            all_senders_get_through(&a, &b).await;
        }
    }
}

/// Messages of many senders come by whatever lanes there are.
async fn all_senders_get_through(a: &Node, b: &Node) {
    for (from, to) in [(a, b), (b, a)] {
        let outlet = from.outlet(to);
        for key in 0..100 {
            let mut encode = |out: &mut Vec<u8>| {
                out.push(key);
                Ok(())
            };
            outlet.send(LaneKey(key.into()), Urgency::Refusable, &mut encode).unwrap();
        }
        let is_all = |events: &Vec<Event>| {
            let all = (0..100).map(|key| Event::Delivered(from.id(), vec![key]));
            all.into_iter().all(|event| events.contains(&event))
        };
        to.sees("a word of each sender", is_all).await;
    }
}

const HEARTBEAT: Duration = Duration::from_millis(100);
const MISSED_MAX: u32 = 5;

/// Bytes of the message, and how many of it go through the relay at once and how often.
const LONG_BYTES: usize = 100_000_000;
const PIECE_BYTES: usize = 64 << 10;
const PIECE_TIME: Duration = Duration::from_millis(4);

/// Goal: a message that takes many times the silent period does not make its sender look dead.
/// Method: virtual time; all connections share a relay that carries one piece of 64 KiB every 4 ms.
#[tokio::test(start_paused = true)]
async fn long_message_delays_no_heartbeats() {
    let net = Net::Memory(MemoryNetwork::default());
    let start = async |name| {
        let change = |config: &mut TransportConfig, _: &mut Vec<u8>| {
            (config.heartbeat, config.missed_max) = (HEARTBEAT, MISSED_MAX);
        };
        Node::start_as(&net, name, 1, change).await
    };
    let (a, b) = (start("a").await, start("b").await);
    relay(&net, b.address.clone()).await;
    a.connect_at(b.id(), "memory:relay").await.unwrap();
    b.sees_up(&a).await;
    let begun = Instant::now();
    let mut encode = |out: &mut Vec<u8>| {
        out.resize(out.len() + LONG_BYTES, 7);
        Ok(())
    };
    a.outlet(&b).send(LaneKey(1), Urgency::Refusable, &mut encode).unwrap();
    let is_there =
        |event: &Event| matches!(event, Event::Delivered(_, it) if it.len() == LONG_BYTES);
    let mut events = b.runtime.watch();
    let came =
        timeout(Duration::from_secs(60), events.wait_for(|events| events.iter().any(is_there)));
    assert!(came.await.is_ok(), "a: {:?}", a.events());
    assert!(begun.elapsed() >= 10 * MISSED_MAX * HEARTBEAT, "{:?}", begun.elapsed());
    let is_down = |event: &Event| matches!(event, Event::Down(_, DownReason::HeartbeatTimeout));
    assert!(!a.events().iter().chain(&b.events()).any(is_down));
    a.talks_to(&b, "still there").await;
}

/// Carries connections to `to`, each piece in its turn.
async fn relay(net: &Net, to: String) {
    let pipe = net.pipe("relay");
    let listener = pipe.listen("memory:relay").await.unwrap();
    tokio::spawn(async move {
        let turn = Arc::new(Mutex::new(()));
        while let Ok(near) = listener.accept().await {
            let far = pipe.dial(&to).await.unwrap();
            tokio::spawn(carry(near.read, far.write, turn.clone()));
            tokio::spawn(carry(far.read, near.write, turn.clone()));
        }
    });
}

async fn carry(mut from: Box<dyn ReadHalf>, mut to: Box<dyn WriteHalf>, turn: Arc<Mutex<()>>) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut piece).await {
        let turn = turn.lock().await;
        sleep(PIECE_TIME).await;
        drop(turn);
        if to.write_all(&piece[..bytes]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
