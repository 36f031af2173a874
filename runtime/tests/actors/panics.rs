//! Panics in what the program's own types do while they are decoded or dropped.

use std::time::Duration;

use starlings_runtime::{
    CallError, Incarnation, Node, NodeInstance, NodeParts, Pid, RunError, SpawnError, actor, remote,
};

use crate::bridge::Bridge;
use crate::fixture::{Watcher, WatcherMethods as _, eventually, node};

const PANICS: u8 = 101;
const ARMED: u8 = 102;
const LIVE: u8 = 103;

/// Panics when it is decoded, or becomes what panics when it is dropped.
#[derive(Debug, PartialEq)]
struct Touchy(u8);

impl serde::Serialize for Touchy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Touchy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            PANICS => panic!("decoded"),
            ARMED => Ok(Self(LIVE)),
            other => Ok(Self(other)),
        }
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(self.0 != LIVE, "dropped");
    }
}

#[derive(Debug)]
struct Host;

#[actor(name = "test.host_of_touchy", crate = starlings_runtime)]
impl Host {
    fn init(_first: Touchy) -> Self {
        Self
    }

    #[call]
    fn take(&self, value: Touchy) -> u8 {
        value.0
    }

    #[cast]
    fn swallow(&self, value: Touchy) {
        drop(value);
    }

    #[call]
    fn give(&self, value: u8) -> Touchy {
        Touchy(value)
    }

    #[call]
    async fn be_busy(&self) {
        std::future::pending::<()>().await;
    }
}

#[remote(name = "test.touch", crate = starlings_runtime)]
fn touch(value: Touchy) -> Touchy {
    Touchy(value.0.saturating_sub(10))
}

fn host_node() -> Node {
    let instance = NodeInstance { node: "b@h".parse().unwrap(), incarnation: Incarnation(1) };
    let mut parts = NodeParts::new(instance);
    parts.add_spawnable::<Host>().unwrap();
    parts.add_function::<touch>().unwrap();
    parts.start()
}

/// A host on the other node, and a watcher here that sees when the session with it ends.
async fn host_and_watcher(a: &Node, b: &Node) -> (Pid<Host>, Pid<Watcher>) {
    let host = a.on(b.name()).spawn::<Host>(Touchy(0)).await.unwrap();
    let watcher = a.spawn::<Watcher>(false).await.unwrap();
    watcher.watch(host.any().clone()).await.unwrap();
    (host, watcher)
}

#[tokio::test]
async fn a_panic_while_decoding_is_answered_and_the_session_goes_on() {
    let (a, b) = (node("a@h"), host_node());
    let _bridge = Bridge::between(&a, &b);
    let (host, watcher) = host_and_watcher(&a, &b).await;
    let there = a.on(b.name());
    let spawned = there.spawn::<Host>(Touchy(PANICS)).await;
    assert!(matches!(spawned, Err(SpawnError::BadArguments(_))), "{spawned:?}");
    assert!(matches!(host.take(Touchy(PANICS)).await, Err(CallError::BadMessage(_))));
    host.swallow(Touchy(PANICS)).unwrap();
    assert!(matches!(host.give(PANICS).await, Err(CallError::BadMessage(_))), "the reply");
    assert!(matches!(there.run(touch, Touchy(PANICS)).await, Err(RunError::BadArguments(_))));
    assert!(matches!(there.run(touch, Touchy(10 + PANICS)).await, Err(RunError::BadOutput(_))));
    assert_eq!(host.take(Touchy(7)).await, Ok(7));
    assert_eq!(b.counters().read().refused, 1, "the cast");
    assert_eq!(watcher.downs().await, Ok(vec![]), "the session is the same");
}

#[tokio::test]
async fn a_message_that_panics_when_it_is_dropped_unhandled_spares_the_session() {
    let (a, b) = (node("a@h"), host_node());
    let _bridge = Bridge::between(&a, &b);
    let (host, watcher) = host_and_watcher(&a, &b).await;
    let _busy = host.be_busy().send();
    let (node, pid) = (b.clone(), b.pid::<Host>(host.any()));
    let draining = tokio::spawn(async move { node.drain(&pid, Duration::from_secs(30)).await });
    let soon = Duration::from_millis(20);
    let closed = async || host.take(Touchy(ARMED)).timeout(soon).await == Err(CallError::NoProc);
    eventually("nothing more is let in", closed).await;
    for _ in 0..3 {
        host.swallow(Touchy(ARMED)).unwrap();
        assert_eq!(host.take(Touchy(ARMED)).await, Err(CallError::NoProc));
    }
    assert_eq!(watcher.downs().await, Ok(vec![]), "the session is the same");
    draining.abort();
}
