//! Who is connected to, when, and again.

use std::time::Duration;

use starlings_runtime::{Backoff, ConnectError, DownReason, NodeId};

use super::{AllowPeers, AutoConnect};
use crate::dial;
use crate::keep::keep;
use crate::pipe::MemoryNetwork;
use crate::testing::{Event, Net, Node};

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(1), Duration::from_millis(20))
}

/// Has `a` stay connected with `b`.
fn stay(a: &Node, b: &Node) {
    a.hub.learn(b.id(), b.address.clone());
    assert!(a.hub.set_kept(&b.id(), true));
    a.hub.spawn("keep", Box::pin(keep(a.hub.clone(), b.id(), backoff())));
}

fn ups(node: &Node) -> usize {
    node.events().iter().filter(|event| matches!(event, Event::Up(_))).count()
}

#[tokio::test]
async fn kept_peer_is_connected_again_until_it_is_disconnected_from() {
    for net in Net::all() {
        let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
        stay(&a, &b);
        assert!(!a.hub.set_kept(&b.id(), true), "once");
        for round in 1..=3 {
            for end in [&b, &a] {
                end.sees("the session", |events| {
                    events.iter().filter(|event| matches!(event, Event::Up(_))).count() == round
                })
                .await;
            }
            if round < 3 {
                assert!(b.disconnect(&a), "the other end ends it");
            }
        }
        assert!(a.disconnect(&b), "and now this one");
        a.sees_down(&b, DownReason::Disconnected).await;
        assert!(!a.hub.is_kept(&b.id()));
        a.connect(&b).await.unwrap();
        assert_eq!(ups(&a), 4, "it is connected only when asked for");
    }
}

/// Method: virtual time; the peer starts a minute later.
#[tokio::test(start_paused = true)]
async fn peer_that_is_not_there_yet_is_dialled_until_it_is() {
    let net = Net::Memory(MemoryNetwork::default());
    let a = Node::start(&net, "a").await;
    let b: NodeId = "b@h".parse().unwrap();
    a.hub.learn(b.clone(), "memory:b".to_owned());
    a.hub.set_kept(&b, true);
    a.hub.spawn("keep", Box::pin(keep(a.hub.clone(), b, backoff())));
    tokio::time::advance(Duration::from_secs(60)).await;
    let b = Node::start(&net, "b").await;
    a.sees_up(&b).await;
    assert_eq!(ups(&a), 1);
}

#[tokio::test]
async fn messages_connect_as_the_rules_say() {
    for (rule, before, after) in [
        (AutoConnect::Never, false, false),
        (AutoConnect::Once, true, false),
        (AutoConnect::Always, true, true),
    ] {
        let net = Net::Memory(MemoryNetwork::default());
        let a = Node::start_as(&net, "a", 1, |config, _| config.auto_connect = rule).await;
        let b = Node::start(&net, "b").await;
        assert!(!a.hub.may_connect(&b.id()), "its address is not known");
        a.hub.learn(b.id(), b.address.clone());
        assert_eq!(a.hub.may_connect(&b.id()), before, "{rule:?}");
        a.connect(&b).await.unwrap();
        b.sees_up(&a).await;
        b.disconnect(&a);
        a.sees_down(&b, DownReason::Closed).await;
        a.hub.lost(&b.id()).await;
        assert_eq!(a.hub.may_connect(&b.id()), after, "{rule:?}");
        a.connect(&b).await.unwrap();
    }
}

#[tokio::test]
async fn peers_that_are_not_allowed_neither_get_in_nor_are_dialled() {
    for net in Net::all() {
        let allows = |node: &NodeId| match node.name() {
            "panics" => panic!("a rule of the program's"),
            name => name == "friend",
        };
        let only = AllowPeers::new(allows);
        let a = Node::start_as(&net, "a", 1, |config, _| config.allow_peers = Some(only)).await;
        let friend = Node::start(&net, "friend").await;
        friend.connect(&a).await.unwrap();
        for name in ["stranger", "panics"] {
            let other = Node::start(&net, name).await;
            let refused = other.connect(&a).await;
            let Err(ConnectError::HandshakeFailed { why, .. }) = refused else {
                panic!("{refused:?}");
            };
            assert!(why.contains("not allowed"), "{why}");
            let dialled = a.connect(&other).await;
            assert_eq!(dialled, Err(ConnectError::NotAllowed(other.id())));
            assert_eq!((other.events(), ups(&a)), (vec![], 1));
        }
        a.talks_to(&friend, "undisturbed").await;
    }
}

/// Goal: what failed leaves nothing behind.
/// Source: OTP `erl_distribution_SUITE`, many failed connects.
#[tokio::test]
async fn hundreds_of_failed_connects_leave_nothing() {
    for net in Net::all() {
        let (a, b) = (Node::start(&net, "a").await, Node::start(&net, "b").await);
        let nobody = match &net {
            Net::Tcp => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                listener.local_addr().unwrap().to_string()
            }
            Net::Memory(_) => "memory:nobody".to_owned(),
        };
        let connects = (0..256).map(|n| {
            let node = format!("n{n}@h").parse().unwrap();
            // Every other one reaches a node, but not the one that was wanted.
            let address = if n % 2 == 0 { &nobody } else { &b.address };
            tokio::spawn(dial::connect(a.hub.clone(), node, Some(address.clone())))
        });
        for connect in connects.collect::<Vec<_>>() {
            let outcome = connect.await.unwrap();
            assert!(
                matches!(
                    outcome,
                    Err(ConnectError::Unreachable { .. } | ConnectError::HandshakeFailed { .. })
                ),
                "{outcome:?}"
            );
        }
        a.sees("nothing", |_| a.hub.holds_nothing()).await;
        assert_eq!((a.events(), b.events()), (vec![], vec![]));
        a.connect(&b).await.unwrap();
    }
}
