//! Automatic connects, through the library: nodes of one process over loopback TCP.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{AnyPid, AutoConnect, CallError, CastError, SpawnError, address};

struct Counter(i64);

#[actor(name = "it.counter")]
impl Counter {
    fn init(start: i64) -> Self {
        Self(start)
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.0 += k;
    }

    #[call]
    fn get(&self) -> i64 {
        self.0
    }
}

async fn start(name: &str, peer: Option<(&str, String)>) -> Node {
    let mut builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
    if let Some((peer, address)) = peer {
        builder = builder.peer(peer, address);
    }
    builder.spawnable::<Counter>().start().await.unwrap()
}

/// A counter on `b`, and its pid as text that needs no session to be read.
async fn counter_on(b: &Node) -> AnyPid {
    let counter = b.spawn::<Counter>(40).await.unwrap();
    format!("{:?}", counter.any()).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_to_a_known_node_connects_to_it() {
    let b = start("b@localhost", None).await;
    let a = start("a@localhost", Some(("b@localhost", address(&b).unwrap()))).await;
    let counter: Pid<Counter> = a.pid(&counter_on(&b).await);
    assert!(a.nodes().is_empty());
    // Casts are kept while the session is made, and arrive before the call.
    counter.add(1).unwrap();
    counter.add(1).unwrap();
    assert_eq!(counter.get().await, Ok(42));
    assert_eq!(a.nodes(), [b.name().clone()]);
    // So does a spawn.
    let mut events = a.node_events();
    assert!(a.disconnect(b.name()));
    assert!(matches!(events.recv().await, Ok(NodeEvent::Down { .. })));
    let spawned = a.on(b.name()).spawn::<Counter>(1).await.unwrap();
    assert_eq!(spawned.get().await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_address_nobody_knows_is_no_connection_at_once() {
    let (a, b) = (start("a@localhost", None).await, start("b@localhost", None).await);
    let counter: Pid<Counter> = a.pid(&counter_on(&b).await);
    assert_eq!(counter.get().await, Err(CallError::NoConnection(b.name().clone())));
    let down = a.monitor(&counter).await;
    assert_eq!(down.reason, ExitReason::NoConnection);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_for_a_node_that_cannot_be_reached_fails() {
    let b = start("b@localhost", None).await;
    let gone = address(&b).unwrap();
    let pid = counter_on(&b).await;
    b.shutdown().await;
    let a = start("a@localhost", Some(("b@localhost", gone))).await;
    let counter: Pid<Counter> = a.pid(&pid);
    let (call, down) = (counter.get().send(), a.monitor(&counter));
    assert_eq!(call.await, Err(CallError::NoConnection("b@localhost".parse().unwrap())));
    assert_eq!(down.await.reason, ExitReason::NoConnection);
}

/// The pid of an earlier life leads nowhere, also when the later life is met through it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_automatic_connect_that_finds_a_later_life_is_no_proc() {
    let old = start("b@localhost", None).await;
    let pid = counter_on(&old).await;
    old.shutdown().await;
    let new = start("b@localhost", None).await;
    let same_serial = loop {
        let counter = new.spawn::<Counter>(7).await.unwrap();
        if counter.any().serial() >= pid.serial() {
            break counter;
        }
    };
    let a = start("a@localhost", Some(("b@localhost", address(&new).unwrap()))).await;
    let counter: Pid<Counter> = a.pid(&pid);
    assert_eq!(counter.get().await, Err(CallError::NoProc));
    assert_eq!(same_serial.get().await, Ok(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_listen_can_connect_and_keeps_its_session() {
    let b = start("b@localhost", None).await;
    let builder = Node::builder("a@localhost").cookie("it");
    let a = builder.peer("b@localhost", address(&b).unwrap()).start().await.unwrap();
    a.connect(b.name(), None).await.unwrap();
    let counter = a.on(b.name()).spawn::<Counter>(1).await.unwrap();
    for n in 0..100 {
        counter.add(1).unwrap();
        assert_eq!(counter.get().timeout(Duration::from_secs(5)).await, Ok(n + 2));
    }
    assert_eq!((address(&a), b.nodes()), (None, vec![a.name().clone()]));
    a.shutdown().await;
    b.shutdown().await;
}

/// Two nodes; the first knows where the second is, and connects as the rule says. A counter on the second.
async fn ruled(rule: AutoConnect) -> (Node, Node, Pid<Counter>) {
    let b = start("b@localhost", None).await;
    let builder = Node::builder("a@localhost").cookie("it").auto_connect(rule);
    let a = builder.peer("b@localhost", address(&b).unwrap()).start().await.unwrap();
    let counter = a.pid(&counter_on(&b).await);
    (a, b, counter)
}

/// Whatever is sent to that node fails, and has nobody connected.
async fn nothing_goes(a: &Node, b: &Node, counter: &Pid<Counter>) {
    let node = || b.name().clone();
    assert_eq!(counter.add(100), Err(CastError::NoConnection(node())));
    assert_eq!(counter.get().await, Err(CallError::NoConnection(node())));
    assert_eq!(a.monitor(counter).await.reason, ExitReason::NoConnection);
    let spawned = a.on(b.name()).spawn::<Counter>(1).await.err();
    assert_eq!(spawned, Some(SpawnError::NoConnection(node())));
    assert!(a.nodes().is_empty() && b.nodes().is_empty());
}

/// Ends the session at the other end, and waits until it is lost.
async fn lose(a: &Node, b: &Node) {
    let mut events = a.node_events();
    assert!(b.disconnect(a.name()));
    while !matches!(events.recv().await, Ok(NodeEvent::Down { .. })) {}
    let over = async {
        while !b.nodes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("it is over at both ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_never_connect_where_they_must_not() {
    let (a, b, counter) = ruled(AutoConnect::Never).await;
    nothing_goes(&a, &b, &counter).await;
    a.connect(b.name(), None).await.unwrap();
    counter.add(1).unwrap();
    assert_eq!(counter.get().await, Ok(41), "what was refused has not come");
    lose(&a, &b).await;
    nothing_goes(&a, &b, &counter).await;
    a.connect(b.name(), None).await.unwrap();
    assert_eq!(counter.get().await, Ok(41));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_connect_once_until_the_session_is_lost() {
    let (a, b, counter) = ruled(AutoConnect::Once).await;
    counter.add(1).unwrap();
    assert_eq!(counter.get().await, Ok(41));
    lose(&a, &b).await;
    nothing_goes(&a, &b, &counter).await;
    a.connect(b.name(), None).await.unwrap();
    assert_eq!(counter.get().await, Ok(41), "what was refused has not come");
}
