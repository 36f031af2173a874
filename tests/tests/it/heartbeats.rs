//! The heartbeat of nodes that are connected, changed meanwhile: over a network within the process that
//! goes silent.

use std::time::Duration;

use starlings::prelude::*;
use starlings::runtime::{Incarnation, NodeInstance, NodeParts};
use starlings::{DownReason, HeartbeatError, set_heartbeat};
use starlings_transport::{MemoryNetwork, StartError};
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout};

/// With five missed: far longer than a test may take, and not long.
const SLOW: Duration = Duration::from_secs(600);
const FAST: Duration = Duration::from_millis(200);

const MISSED_MAX: u32 = 5;

const PATIENCE: Duration = Duration::from_secs(60);

async fn start(network: &MemoryNetwork, name: &str, heartbeat: Duration) -> Node {
    let pipe = (*network.pipe(name)).clone();
    let builder = Node::builder(&format!("{name}@localhost")).listen(format!("memory:{name}"));
    builder.cookie("it").pipe(pipe).heartbeat(heartbeat, MISSED_MAX).start().await.unwrap()
}

async fn connect(a: &Node, b: &Node) {
    let mut events = b.node_events();
    a.connect(b.name(), Some("memory:b")).await.unwrap();
    assert!(matches!(events.recv().await, Ok(NodeEvent::Up { .. })));
}

async fn is_down(events: &mut Receiver<NodeEvent>) {
    let event = timeout(PATIENCE, events.recv()).await.expect("the silence is found");
    let Ok(NodeEvent::Down { reason, .. }) = event else { panic!("{event:?}") };
    assert_eq!(reason, DownReason::HeartbeatTimeout);
}

/// Goal: what is asked for at one end counts at both, for the session that there is: the longer of both.
/// Method: first one end alone asks for less, which changes nothing; then the other one too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_both_ends_shorten_finds_a_silent_peer_at_both() {
    let network = MemoryNetwork::default();
    let (a, b) = (start(&network, "a", SLOW).await, start(&network, "b", SLOW).await);
    connect(&a, &b).await;
    let (mut at_a, mut at_b) = (a.node_events(), b.node_events());
    set_heartbeat(&a, FAST, MISSED_MAX).unwrap();
    set_heartbeat(&b, FAST, MISSED_MAX).unwrap();
    // Nothing is lost by the change, and both have heard of it once this is over.
    assert!(timeout(2 * MISSED_MAX * FAST, at_a.recv()).await.is_err());
    network.silence("a", "b");
    is_down(&mut at_a).await;
    is_down(&mut at_b).await;
}

/// Goal: one end that asks for more is given it by the other one.
/// Method: silence for longer than both would take without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_one_end_prolongs_counts_at_both() {
    let network = MemoryNetwork::default();
    let (a, b) = (start(&network, "a", FAST).await, start(&network, "b", FAST).await);
    connect(&a, &b).await;
    let (mut at_a, mut at_b) = (a.node_events(), b.node_events());
    set_heartbeat(&a, SLOW, MISSED_MAX).unwrap();
    // The other end has heard of it when it has answered something that was sent later.
    let lookup = a.on(b.name()).whereis("nobody").await;
    assert_eq!(lookup, Ok(None));
    assert!(timeout(MISSED_MAX * FAST, at_b.recv()).await.is_err());
    network.silence("a", "b");
    let silent = Instant::now();
    for events in [&mut at_a, &mut at_b] {
        let event = timeout(2 * MISSED_MAX * FAST, events.recv()).await;
        assert!(event.is_err(), "{event:?} after {:?}", silent.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_cannot_be_is_refused_and_changes_nothing() {
    let network = MemoryNetwork::default();
    let (a, b) = (start(&network, "a", SLOW).await, start(&network, "b", FAST).await);
    connect(&a, &b).await;
    let (mut at_a, mut at_b) = (a.node_events(), b.node_events());
    let day = Duration::from_secs(24 * 60 * 60);
    for (interval, missed_max) in
        [(Duration::ZERO, 5), (FAST, 0), (50 * day, 1), (day, 50), (Duration::MAX, u32::MAX)]
    {
        let refused = set_heartbeat(&a, interval, missed_max);
        let is_bad = matches!(refused, Err(HeartbeatError::Bad(StartError::BadHeartbeat)));
        assert!(is_bad, "{interval:?} {missed_max}: {refused:?}");
    }
    network.silence("a", "b");
    for events in [&mut at_a, &mut at_b] {
        let event = timeout(2 * MISSED_MAX * FAST, events.recv()).await;
        assert!(event.is_err(), "{event:?}");
    }
    let instance =
        NodeInstance { node: "c@localhost".parse().unwrap(), incarnation: Incarnation(1) };
    let alone = NodeParts::new(instance).start();
    let refused = set_heartbeat(&alone, FAST, MISSED_MAX);
    assert!(matches!(refused, Err(HeartbeatError::NoTransport)), "{refused:?}");
}
