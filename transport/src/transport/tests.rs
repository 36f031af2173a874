//! Sessions between nodes of this process, over every pipe.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{ConnectError, DownReason, LaneKey, NodeId, OutletError, Urgency};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{Spawner, StartError, TransportConfig};
use crate::cookie::Cookie;
use crate::dial;
use crate::frame::ENVELOPE_BYTES_MAX;
use crate::lane::LANE_BYTES_SOFT;
use crate::listener::drive_listener;
use crate::pipe::MemoryNetwork;
use crate::proto::bulk::MESSAGE_BYTES_MAX;
use crate::testing::{BAD_ENVELOPE, BAD_GREETING, Event, Net, Node};
use crate::wire::Pulse;

async fn pair(net: &Net) -> (Node, Node) {
    let (a, b) = (Node::start(net, "a").await, Node::start(net, "b").await);
    a.connect(&b).await.unwrap();
    b.sees_up(&a).await;
    (a, b)
}

fn ups_of(events: &[Event]) -> usize {
    let ups = events.iter().filter(|event| matches!(event, Event::Up(_)));
    ups.count()
}

#[tokio::test]
async fn session_is_up_at_both_ends_with_the_other_greeting() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        assert_eq!(a.infos()[0].greeting, b"greeting of b");
        assert_eq!(b.infos()[0].greeting, b"greeting of a");
        assert!(!a.infos()[0].hidden && !b.infos()[0].hidden);
        a.talks_to(&b, "hello").await;
        a.connect(&b).await.unwrap();
        assert_eq!(ups_of(&a.events()), 1, "the session there is was found");
    }
}

#[tokio::test]
async fn envelopes_arrive_once_and_in_order() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        let outlet = a.outlet(&b);
        for n in 0..20_000_u32 {
            let mut encode = |out: &mut Vec<u8>| {
                out.extend_from_slice(&n.to_le_bytes());
                out.resize(out.len() + (n % 300) as usize, 0);
                Ok(())
            };
            while outlet.send(LaneKey(3), Urgency::Refusable, &mut encode).is_err() {
                Arc::clone(&outlet).ready(LaneKey(3)).await;
            }
        }
        b.sees("all envelopes", |events| events.len() > 20_000).await;
        let delivered = b.events().into_iter().filter_map(|event| match event {
            Event::Delivered(_, envelope) => Some(u32::from_le_bytes(*envelope.first_chunk()?)),
            Event::Up(_) | Event::Down(..) => None,
        });
        assert!(delivered.eq(0..20_000));
    }
}

#[tokio::test]
async fn disconnect_flushes_and_both_ends_see_their_reason() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        a.send(&b, b"last").unwrap();
        assert!(a.disconnect(&b));
        a.sees_down(&b, DownReason::Disconnected).await;
        b.sees_down(&a, DownReason::Closed).await;
        let last = Event::Delivered(a.id(), b"last".to_vec());
        assert_eq!(b.events()[1], last, "what was sent before arrives");
        assert!(!a.disconnect(&b));
        assert_eq!(a.send(&b, b"late"), Err(OutletError::Closed));
        a.connect(&b).await.unwrap();
        assert_eq!(ups_of(&a.events()), 2);
    }
}

#[tokio::test]
async fn connect_right_after_a_disconnect_makes_another_session() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        assert!(a.disconnect(&b));
        a.connect(&b).await.unwrap();
        let down = Event::Down(b.id(), DownReason::Disconnected);
        let up = Event::Up(b.instance());
        assert_eq!(a.events(), [up.clone(), down, up]);
    }
}

#[tokio::test]
async fn shutdown_is_seen_as_such_by_all_peers() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        let c = Node::start(&net, "c").await;
        c.connect(&a).await.unwrap();
        a.sees_up(&c).await;
        a.send(&b, b"last").unwrap();
        a.shut_down().await;
        for peer in [&b, &c] {
            let down = Event::Down(peer.id(), DownReason::Shutdown);
            assert!(a.events().contains(&down), "before the shutdown is over");
            peer.sees_down(&a, DownReason::Shutdown).await;
        }
        assert!(b.events().contains(&Event::Delivered(a.id(), b"last".to_vec())));
        assert_eq!(a.connect(&b).await, Err(ConnectError::NoTransport));
        let refused = b.connect(&a).await;
        assert!(matches!(refused, Err(ConnectError::Unreachable { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_dials_make_one_session() {
    for round in 0..20 {
        for net in Net::all() {
            let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
            let (at_a, at_b) = tokio::join!(a.connect(&b), b.connect(&a));
            assert_eq!((at_a, at_b), (Ok(()), Ok(())), "round {round} of {net:?}");
            a.talks_to(&b, "hello").await;
            assert_eq!((ups_of(&a.events()), ups_of(&b.events())), (1, 1), "round {round}");
        }
    }
}

#[tokio::test]
async fn concurrent_connects_share_a_dial() {
    for net in Net::all() {
        let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
        let all = tokio::join!(a.connect(&b), a.connect(&b), a.connect(&b));
        assert_eq!(all, (Ok(()), Ok(()), Ok(())));
        b.sees_up(&a).await;
        assert_eq!((ups_of(&a.events()), ups_of(&b.events())), (1, 1));
    }
}

#[tokio::test]
async fn later_incarnation_replaces_the_earlier_after_its_down() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        let c = Node::start(&net, "c").await;
        let again = Node::start_as(&net, "a", 2, |config, _| config.listen = None).await;
        again.connect(&b).await.unwrap();
        b.sees_up(&again).await;
        let down = Event::Down(a.id(), DownReason::Closed);
        let (first, second) = (Event::Up(a.instance()), Event::Up(again.instance()));
        assert_eq!(b.events(), [first, down, second]);
        a.sees_down(&b, DownReason::Closed).await;
        let refused = a.connect(&b).await;
        assert!(matches!(refused, Err(ConnectError::HandshakeFailed { .. })), "{refused:?}");
        c.connect(&b).await.unwrap();
        b.sees_up(&c).await;
        b.talks_to(&again, "to the later one").await;
    }
}

#[tokio::test]
async fn session_of_a_hidden_node_is_hidden_at_both_ends() {
    for net in Net::all() {
        let a = Node::start_as(&net, "a", 1, |config, _| config.hidden = true).await;
        let b = Node::start(&net, "b").await;
        a.connect(&b).await.unwrap();
        b.sees_up(&a).await;
        assert!(a.infos()[0].hidden && b.infos()[0].hidden);
    }
}

#[tokio::test]
async fn connects_that_cannot_succeed_say_why() {
    for net in Net::all() {
        let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
        let node = || "c@h".parse::<NodeId>().unwrap();
        assert_eq!(a.connect(&a).await, Err(ConnectError::SelfConnect(a.id())));
        let unknown = dial::connect(a.hub.clone(), node(), None).await;
        assert_eq!(unknown, Err(ConnectError::NoAddress(node())));
        let bad = a.connect_at(node(), "nowhere").await;
        assert!(matches!(bad, Err(ConnectError::BadAddress { .. })), "{bad:?}");
        let other = a.connect_at(node(), &b.address).await;
        assert!(matches!(other, Err(ConnectError::HandshakeFailed { .. })), "{other:?}");
        assert_eq!((a.events(), b.events()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn runtime_that_refuses_a_greeting_or_an_envelope_ends_that_session() {
    for net in Net::all() {
        let (a, b) = pair(&net).await;
        let greeting = |_: &mut TransportConfig, greeting: &mut Vec<u8>| {
            *greeting = BAD_GREETING.to_vec();
        };
        let rude = Node::start_as(&net, "r", 1, greeting).await;
        let refused = a.connect(&rude).await;
        assert!(matches!(refused, Err(ConnectError::HandshakeFailed { .. })), "{refused:?}");
        let c = Node::start(&net, "c").await;
        c.connect(&b).await.unwrap();
        c.send(&b, BAD_ENVELOPE).unwrap();
        let why = "bad envelope".to_owned();
        b.sees_down(&c, DownReason::ProtocolError(why)).await;
        c.sees_down(&b, DownReason::Closed).await;
        a.talks_to(&b, "undisturbed").await;
    }
}

/// Goal: a peer that hangs is found within 4 to 6 s by both ends, and nobody else notices.
/// Method: virtual time.
#[tokio::test(start_paused = true)]
async fn silent_peer_is_found_by_heartbeats() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, b) = pair(&net).await;
    let c = Node::start(&net, "c").await;
    c.connect(&b).await.unwrap();
    sleep(Duration::from_millis(3700)).await;
    network.silence("a", "b");
    let from = Instant::now();
    for (node, peer) in [(&a, &b), (&b, &a)] {
        node.sees_down(peer, DownReason::HeartbeatTimeout).await;
        assert!(from.elapsed() >= Duration::from_secs(4), "{:?}", from.elapsed());
        assert!(from.elapsed() <= Duration::from_secs(6), "{:?}", from.elapsed());
    }
    b.talks_to(&c, "undisturbed").await;
}

/// Goal: a heartbeat that is changed while a session lives finds a silent peer as fast as it says, and
/// ends nothing by itself.
/// Method: virtual time.
#[tokio::test(start_paused = true)]
async fn heartbeat_can_be_changed_while_sessions_live() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, b) = pair(&net).await;
    let fast = Pulse { heartbeat_ms: 100, silent_ms: 500 };
    a.hub.set_pulse(fast);
    b.hub.set_pulse(fast);
    sleep(Duration::from_secs(20)).await;
    a.talks_to(&b, "still here").await;
    network.silence("a", "b");
    let from = Instant::now();
    a.sees_down(&b, DownReason::HeartbeatTimeout).await;
    b.sees_down(&a, DownReason::HeartbeatTimeout).await;
    assert!(from.elapsed() <= Duration::from_millis(600), "{:?}", from.elapsed());
}

/// Goal: the slower heartbeat of both ends counts, and keeps an idle session up.
/// Method: virtual time.
#[tokio::test(start_paused = true)]
async fn idle_session_lives_on_the_slower_heartbeat() {
    for net in [Net::Memory(MemoryNetwork::default())] {
        let start = |name, heartbeat_ms| {
            Node::start_as(&net, name, 1, move |config, _| {
                config.heartbeat = Duration::from_millis(heartbeat_ms);
            })
        };
        let (a, b) = (start("a", 2000).await, start("b", 10).await);
        a.connect(&b).await.unwrap();
        sleep(Duration::from_secs(3600)).await;
        a.talks_to(&b, "still here").await;
        assert_eq!((ups_of(&a.events()), ups_of(&b.events())), (1, 1));
    }
}

#[tokio::test]
async fn cut_connection_is_a_closed_session_that_can_be_made_again() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, b) = pair(&net).await;
    network.part("a", "b");
    a.sees_down(&b, DownReason::Closed).await;
    b.sees_down(&a, DownReason::Closed).await;
    let refused = b.connect(&a).await;
    assert!(matches!(refused, Err(ConnectError::Unreachable { .. })), "{refused:?}");
    network.heal("a", "b");
    b.connect(&a).await.unwrap();
    b.talks_to(&a, "again").await;
}

#[tokio::test(start_paused = true)]
async fn black_hole_is_bounded_by_the_connect_timeout() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, c) = pair(&net).await;
    let b: NodeId = "x@h".parse().unwrap();
    network.swallow("x");
    let from = Instant::now();
    let swallowed = a.connect_at(b.clone(), "memory:x").await;
    assert_eq!(swallowed, Err(ConnectError::Timeout(b)));
    assert!(from.elapsed() <= Duration::from_millis(5100), "{:?}", from.elapsed());
    a.talks_to(&c, "undisturbed").await;
}

/// Goal: a node whose own dials are swallowed can still be dialled by the other one.
#[tokio::test]
async fn dial_that_is_swallowed_does_not_keep_the_other_from_dialling() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
    network.swallow("a");
    let (at_b, at_a) = tokio::join!(b.connect(&a), a.connect(&b));
    assert_eq!((at_a, at_b), (Ok(()), Ok(())));
}

#[tokio::test]
async fn full_lane_refuses_and_overflow_ends_the_session() {
    let network = MemoryNetwork::default();
    let net = Net::Memory(network.clone());
    let (a, b) = pair(&net).await;
    let c = Node::start(&net, "c").await;
    a.connect(&c).await.unwrap();
    c.sees_up(&a).await;
    network.silence("a", "b");
    let (short, long) = (vec![0; ENVELOPE_BYTES_MAX], vec![0; LANE_BYTES_SOFT]);
    let outlet = a.outlet(&b);
    let send = |key, urgency, envelope: &[u8]| {
        outlet.send(LaneKey(key), urgency, &mut |out| {
            out.extend_from_slice(envelope);
            Ok(())
        })
    };
    for (key, envelope) in [(0, &short), (1, &long)] {
        let mut sent = (0..1000).map(|_| send(key, Urgency::Refusable, envelope));
        assert_eq!(sent.find(Result::is_err), Some(Err(OutletError::Overloaded)));
    }
    a.talks_to(&c, "while two lanes are full").await;
    let ended = (0..5000).map(|_| send(0, Urgency::Forced, &short)).find(Result::is_err);
    assert_eq!(ended, Some(Err(OutletError::Closed)));
    a.sees_down(&b, DownReason::Overflow).await;
    a.talks_to(&c, "undisturbed").await;
}

#[tokio::test]
async fn full_bulk_lane_ends_the_session() {
    let network = MemoryNetwork::default();
    let (a, b) = pair(&Net::Memory(network.clone())).await;
    network.silence("a", "b");
    let (outlet, long) = (a.outlet(&b), vec![0; MESSAGE_BYTES_MAX / 2]);
    let forced = |_| {
        outlet.send(LaneKey(0), Urgency::Forced, &mut |out| {
            out.extend_from_slice(&long);
            Ok(())
        })
    };
    assert_eq!((0..20).map(forced).find(Result::is_err), Some(Err(OutletError::Closed)));
    a.sees_down(&b, DownReason::Overflow).await;
}

type Tasks = Arc<Mutex<Vec<(&'static str, JoinHandle<()>)>>>;

/// A spawner whose futures the test can drop.
fn held() -> (Spawner, Tasks) {
    let tasks = Tasks::default();
    let held = tasks.clone();
    let spawner: Spawner = Arc::new(move |what, future| {
        held.lock().push((what, tokio::spawn(future)));
    });
    (spawner, tasks)
}

fn abort(tasks: &Tasks, what: &str) {
    let tasks = tasks.lock();
    let found = tasks.iter().filter(|task| task.0 == what);
    found.for_each(|task| task.1.abort());
}

#[tokio::test]
async fn dropped_session_future_reports_down_once_and_can_be_made_again() {
    for net in Net::all() {
        let (spawner, tasks) = held();
        let a = Node::start_as(&net, "a", 1, |config, _| config.spawner = Some(spawner)).await;
        let b = Node::start(&net, "b").await;
        a.connect(&b).await.unwrap();
        abort(&tasks, "session");
        a.sees_down(&b, DownReason::Closed).await;
        b.sees_down(&a, DownReason::Closed).await;
        assert_eq!(a.send(&b, b"late"), Err(OutletError::Closed));
        a.connect(&b).await.unwrap();
        b.sees("another up", |events| ups_of(events) == 2).await;
        a.talks_to(&b, "again").await;
    }
}

#[tokio::test]
async fn future_dropped_unpolled_fails_the_connect() {
    for net in Net::all() {
        for dropped in ["dial", "session"] {
            let spawner: Spawner = Arc::new(move |what, future| {
                if what != dropped {
                    tokio::spawn(future);
                }
            });
            let name = format!("a-{dropped}");
            let a = Node::start_as(&net, &name, 1, |config, _| config.spawner = Some(spawner));
            let (a, b) = (a.await, Node::start(&net, &format!("b-{dropped}")).await);
            assert!(a.connect(&b).await.is_err(), "{dropped}");
            assert_eq!(a.events(), []);
        }
    }
}

#[tokio::test]
async fn listener_that_was_dropped_is_driven_again() {
    for net in Net::all() {
        let (spawner, tasks) = held();
        let a = Node::start_as(&net, "a", 1, |config, _| config.spawner = Some(spawner)).await;
        let b = Node::start(&net, "b").await;
        abort(&tasks, "listener");
        let driver = tokio::spawn(drive_listener(a.hub.clone()));
        assert_eq!(b.connect(&a).await, Ok(()));
        a.sees_up(&b).await;
        driver.abort();
        a.talks_to(&b, "sessions live on").await;
    }
}

#[tokio::test]
async fn configs_that_cannot_work_are_refused() {
    let net = Net::Memory(MemoryNetwork::default());
    let node = Node::start(&net, "a").await;
    let open = |config| super::open(config, node.runtime.clone(), net.pipe("x"));
    let config = || TransportConfig::new(Cookie::new(*b"secret"));
    let empty = open(TransportConfig::new(Cookie::new(*b""))).await.err();
    assert!(matches!(empty, Some(StartError::EmptyCookie)));
    let mut never = config();
    never.heartbeat = Duration::ZERO;
    assert!(matches!(open(never).await.err(), Some(StartError::BadHeartbeat)));
    let mut none = config();
    none.missed_max = 0;
    assert!(matches!(open(none).await.err(), Some(StartError::BadHeartbeat)));
    let mut taken = config();
    taken.listen = Some("memory:a".to_owned());
    assert!(matches!(open(taken).await.err(), Some(StartError::Listen { .. })));
    assert!(!format!("{:?}", config()).contains("secret"));
}
