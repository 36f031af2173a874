//! Sessions that nobody needs are closed by both ends, and stay where one end needs them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use starlings_runtime::DownReason;

use super::{AutoConnect, TransportConfig};
use crate::pipe::MemoryNetwork;
use crate::testing::{Event, Net, Node};

const AFTER: Duration = Duration::from_millis(100);

/// A node that closes sessions.
async fn start(net: &Net, name: &str) -> Node {
    start_as(net, name, |_| {}).await
}

async fn start_as(net: &Net, name: &str, change: impl FnOnce(&mut TransportConfig)) -> Node {
    Node::start_as(net, name, 1, |config, _| {
        config.close_idle = Some(AFTER);
        change(config);
    })
    .await
}

/// Two connected nodes that know each other's address.
async fn connected(a: &Node, b: &Node) {
    b.hub.learn(a.id(), a.address.clone());
    a.connect(b).await.unwrap();
    b.sees_up(a).await;
}

fn ups(node: &Node) -> usize {
    node.events().iter().filter(|event| matches!(event, Event::Up(_))).count()
}

#[tokio::test]
async fn session_that_nobody_needs_is_closed_and_the_next_one_works() {
    for net in Net::all() {
        let (a, b) = (start(&net, "a").await, start(&net, "b").await);
        connected(&a, &b).await;
        for (from, to) in [(&a, &b), (&b, &a)] {
            from.sees_down(to, DownReason::Idle).await;
        }
        for (from, to) in [(&a, &b), (&b, &a)] {
            from.hub.lost(&to.id()).await;
            from.runtime.needs.store(true, Ordering::SeqCst);
        }
        let before = ups(&b);
        b.connect(&a).await.unwrap();
        a.sees("the next up", |_| ups(&a) == before + 1).await;
        a.talks_to(&b, "again").await;
        assert_eq!(ups(&b), before + 1);
    }
}

/// Method: virtual time; a hundred times as long as it takes to close a session that nobody needs.
async fn stays(a: &Node, b: &Node) {
    tokio::time::sleep(100 * AFTER).await;
    assert_eq!((ups(a), ups(b)), (1, 1));
    a.talks_to(b, "still there").await;
    b.talks_to(a, "still there too").await;
    assert_eq!((ups(a), ups(b)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn session_that_one_end_needs_stays_until_it_does_not() {
    for needed_by_a in [true, false] {
        let net = Net::Memory(MemoryNetwork::default());
        let (a, b) = (start(&net, "a").await, start(&net, "b").await);
        let needs = if needed_by_a { &a } else { &b };
        needs.runtime.needs.store(true, Ordering::SeqCst);
        connected(&a, &b).await;
        stays(&a, &b).await;
        needs.runtime.needs.store(false, Ordering::SeqCst);
        a.sees_down(&b, DownReason::Idle).await;
        b.sees_down(&a, DownReason::Idle).await;
    }
}

#[tokio::test(start_paused = true)]
async fn session_that_an_end_does_not_close_or_could_not_open_again_stays() {
    type Rule = fn(&mut TransportConfig);
    let rules: [(&str, Rule); 3] = [
        ("closes none", |config| config.close_idle = None),
        ("connects only when asked for", |config| config.auto_connect = AutoConnect::Never),
        ("speaks an earlier version", |config| config.version_max = 3),
    ];
    for (what, rule) in rules {
        for a_has_it in [true, false] {
            let net = Net::Memory(MemoryNetwork::default());
            let with = |has_it: bool| {
                move |config: &mut TransportConfig| {
                    if has_it {
                        rule(config);
                    }
                }
            };
            let a = start_as(&net, "a", with(a_has_it)).await;
            let b = start_as(&net, "b", with(!a_has_it)).await;
            connected(&a, &b).await;
            tokio::time::sleep(100 * AFTER).await;
            assert_eq!(a.events().len(), 1, "{what}");
            stays(&a, &b).await;
        }
    }
    let net = Net::Memory(MemoryNetwork::default());
    let (a, b) = (start(&net, "a").await, start(&net, "b").await);
    a.connect(&b).await.unwrap();
    b.sees_up(&a).await;
    // b was dialled, and does not know where a is.
    stays(&a, &b).await;
}

#[tokio::test(start_paused = true)]
async fn session_with_a_peer_that_is_kept_stays() {
    let net = Net::Memory(MemoryNetwork::default());
    let (a, b) = (start(&net, "a").await, start(&net, "b").await);
    assert!(b.hub.set_kept(&a.id(), true));
    connected(&a, &b).await;
    stays(&a, &b).await;
    b.hub.set_kept(&a.id(), false);
    a.sees_down(&b, DownReason::Idle).await;
}

/// Goal: an end for want of use is no loss, after which only who asks is connected.
#[tokio::test(start_paused = true)]
async fn end_for_want_of_use_is_no_loss_to_auto_connect() {
    let net = Net::Memory(MemoryNetwork::default());
    let once = |config: &mut TransportConfig| config.auto_connect = AutoConnect::Once;
    let (a, b) = (start_as(&net, "a", once).await, start(&net, "b").await);
    connected(&a, &b).await;
    a.sees_down(&b, DownReason::Idle).await;
    a.hub.lost(&b.id()).await;
    assert!(a.hub.may_connect(&b.id()));
}
