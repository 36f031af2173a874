//! The same actors from another node.

use starlings_runtime::{AnyPid, CallError, CastError, ExitReason, NodeEvent, Pid, SpawnError};

use crate::bridge::Bridge;
use crate::fixture::{
    Counter, CounterMethods as _, Picky, Watcher, WatcherMethods as _, asked, eventually, node,
    node_at,
};

#[tokio::test]
async fn a_remote_actor_is_spawned_and_talked_to_like_a_local_one() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = a.on(b.name()).spawn::<Counter>(40).await.unwrap();
    counter.add(2).unwrap();
    assert_eq!(counter.get().await, Ok(42));
    assert_eq!(counter.any().node(), b.name());
}

#[tokio::test]
async fn a_third_node_can_use_a_pid_it_was_sent() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let watcher = b.spawn::<Watcher>(false).await.unwrap();
    let counter = a.spawn::<Counter>(1).await.unwrap();
    let watcher_seen: Pid<Watcher> = a.pid(watcher.any());
    let monitor = watcher_seen.watch(counter.any().clone()).await.unwrap();
    counter.crash("boom".to_owned()).unwrap();
    let expected = vec![(monitor, ExitReason::Panic("boom".to_owned()))];
    eventually("a down", async || watcher.downs().await.unwrap() == expected).await;
}

#[tokio::test]
async fn calls_to_dead_and_unknown_pids_fail_at_once() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = a.on(b.name()).spawn::<Counter>(0).await.unwrap();
    let parked = counter.get_later().send();
    counter.crash("boom".to_owned()).unwrap();
    assert_eq!(parked.await, Err(CallError::Down(ExitReason::Panic("boom".to_owned()))));
    eventually("it ends", async || !b.is_alive(counter.any())).await;
    assert_eq!(counter.get().await, Err(CallError::NoProc));

    let other = a.on(b.name()).spawn::<Counter>(0).await.unwrap();
    for never in [0, other.any().serial() + 1000, u64::MAX >> 1] {
        let text = format!("<{}#{}.{never}>", b.name(), b.instance().incarnation);
        let pid = text.parse::<AnyPid>().unwrap_or_else(|error| panic!("{text}: {error}"));
        let unknown = a.pid::<Counter>(&pid);
        assert_eq!(unknown.get().await, Err(CallError::NoProc), "{text}");
        unknown.add(1).unwrap();
        assert_eq!(a.monitor(&unknown).await.reason, ExitReason::NoProc, "{text}");
    }
    assert_eq!(other.get().await, Ok(0));
}

#[tokio::test]
async fn failed_spawns_say_why_and_leave_nothing() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let place = a.on(b.name());
    let failed = place.spawn::<Counter>(-1).await;
    assert_eq!(failed, Err(SpawnError::InitFailed(ExitReason::Error("negative".to_owned()))));
    let panicked = place.spawn::<Counter>(-2).await;
    assert_eq!(panicked, Err(SpawnError::InitFailed(ExitReason::Panic("too negative".to_owned()))));
    assert_eq!(b.actors_count(), 0);
    let unknown = place.spawn::<Unlisted>(()).await;
    let known = vec!["test.counter".to_owned(), "test.watcher".to_owned()];
    let name = "test.unlisted".to_owned();
    assert_eq!(unknown, Err(SpawnError::NotSpawnable { node: b.name().clone(), name, known }));
    let nowhere = a.on(&"c@h".parse().unwrap()).spawn::<Counter>(0).await;
    assert_eq!(nowhere, Err(SpawnError::NoConnection("c@h".parse().unwrap())));
}

#[derive(Debug)]
struct Unlisted;

#[starlings_runtime::actor(name = "test.unlisted", crate = starlings_runtime)]
impl Unlisted {
    fn init() -> Self {
        Self
    }
}

/// The same wire name with another schema: what an old or new build of a program looks like.
#[derive(Debug)]
struct SkewedCounter;

#[starlings_runtime::actor(name = "test.counter", crate = starlings_runtime)]
impl SkewedCounter {
    fn init(start: String) -> Self {
        drop(start);
        Self
    }

    #[cast]
    fn add(&mut self, k: String) {
        drop(k);
    }

    #[call]
    fn get(&self) -> String {
        String::new()
    }
}

#[tokio::test]
async fn another_schema_is_refused_before_anything_is_sent() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = a.on(b.name()).spawn::<Counter>(0).await.unwrap();
    let skewed: Pid<SkewedCounter> = a.pid(counter.any());
    assert!(matches!(skewed.get().await, Err(CallError::BadMessage(_))));
    let cast = skewed.add("x".to_owned());
    assert!(matches!(cast, Err(CastError::BadMessage(_))), "the sender knows: {cast:?}");
    let spawned = a.on(b.name()).spawn::<SkewedCounter>("x".to_owned()).await;
    assert!(matches!(spawned, Err(SpawnError::BadArguments(_))), "{spawned:?}");
    assert_eq!(counter.get().await, Ok(0));
}

#[tokio::test]
async fn links_and_monitors_cross_nodes_and_fire_when_the_session_goes() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let watcher = a.spawn::<Watcher>(true).await.unwrap();
    let (counter, monitor) = watcher.spawn_on(b.name().clone(), 1).await.unwrap().unwrap();
    let (there, _) = watcher.spawn_on(b.name().clone(), 2).await.unwrap().unwrap();
    there.crash("boom".to_owned()).unwrap();
    eventually("a true reason", async || {
        let exits = watcher.exits().await.unwrap();
        exits == [(there.any().clone(), ExitReason::Panic("boom".to_owned()))]
    })
    .await;
    let pending = counter.get_later().send();
    let local_end = b.monitor(counter.any());
    bridge.cut();
    assert_eq!(pending.await, Err(CallError::NoConnection(b.name().clone())));
    eventually("down", async || {
        watcher.downs().await.unwrap().contains(&(monitor, ExitReason::NoConnection))
    })
    .await;
    assert_eq!(local_end.await.reason, ExitReason::NoConnection, "the linked child dies with it");
    assert!(matches!(a.pid::<Counter>(counter.any()).add(1), Err(CastError::NoConnection(_))));
}

#[tokio::test]
async fn a_pid_of_an_earlier_life_reaches_nobody() {
    let (a, old) = (node("a@h"), node_at("b@h", 1));
    let bridge = Bridge::between(&a, &old);
    let counter = a.on(old.name()).spawn::<Counter>(0).await.unwrap();
    bridge.cut();
    let new = node_at("b@h", 2);
    let same_serial = new.spawn::<Counter>(7).await.unwrap();
    let _bridge = Bridge::between(&a, &new);
    assert_eq!(same_serial.any().serial(), counter.any().serial());
    assert_eq!(counter.get().await, Err(CallError::NoProc));
    assert_eq!(counter.add(1), Err(CastError::NoProc));
    assert_eq!(same_serial.get().await, Ok(7));
}

#[tokio::test]
async fn node_events_come_in_order() {
    let (a, b) = (node("a@h"), node_at("b@h", 3));
    let mut events = a.node_events();
    let bridge = Bridge::between(&a, &b);
    assert_eq!(a.nodes(), [b.name().clone()]);
    bridge.cut();
    assert!(a.nodes().is_empty());
    let peer = b.instance().clone();
    assert_eq!(events.recv().await, Ok(NodeEvent::Up { peer: peer.clone(), hidden: false }));
    assert!(matches!(events.recv().await, Ok(NodeEvent::Down { peer: p, .. }) if p == peer));
}

#[tokio::test]
async fn names_of_another_node_can_be_asked_for() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = b.spawn::<Counter>(1).name("the.counter").await.unwrap();
    let found = a.on(b.name()).whereis("the.counter").await.unwrap().unwrap();
    assert_eq!(found, *counter.any());
    assert_eq!(a.on(b.name()).whereis("nobody").await, Ok(None));
}

#[derive(Debug)]
struct Picker;

#[starlings_runtime::actor(name = "test.picker", crate = starlings_runtime)]
impl Picker {
    fn init(_first: Picky) -> Self {
        Self
    }

    #[call]
    fn echo(&self, value: Picky) -> u8 {
        value.0
    }

    #[call]
    fn answer(&self, value: u8) -> Picky {
        Picky(value)
    }
}

#[tokio::test]
async fn bytes_that_do_not_decode_are_answered_and_hurt_nobody() {
    let incarnation = starlings_runtime::Incarnation(1);
    let instance = starlings_runtime::NodeInstance { node: "b@h".parse().unwrap(), incarnation };
    let mut parts = starlings_runtime::NodeParts::new(instance);
    parts.add_spawnable::<Picker>().unwrap();
    let (a, b) = (node("a@h"), parts.start());
    let _bridge = Bridge::between(&a, &b);
    let refused = a.on(b.name()).spawn::<Picker>(Picky(13)).await;
    assert!(matches!(refused, Err(SpawnError::BadArguments(_))), "{refused:?}");
    assert_eq!(b.actors_count(), 0);
    let picker = a.on(b.name()).spawn::<Picker>(Picky(1)).await.unwrap();
    assert!(matches!(picker.echo(Picky(13)).await, Err(CallError::BadMessage(_))));
    assert!(matches!(picker.answer(13).await, Err(CallError::BadMessage(_))), "the reply, too");
    assert_eq!(picker.echo(Picky(7)).await, Ok(7));
}

#[tokio::test]
async fn a_spawn_that_is_given_up_leaves_no_child() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    for place in [a.name(), b.name()] {
        drop(asked(a.on(place).spawn::<Counter>(0)));
    }
    eventually("nobody is left", async || a.actors_count() + b.actors_count() == 0).await;
}

/// Answers with an error that nodes of earlier builds do not know.
#[derive(Debug)]
struct Refuser;

#[starlings_runtime::actor(name = "test.refuser", crate = starlings_runtime)]
impl Refuser {
    fn init() -> Self {
        Self
    }

    #[call]
    fn refuse(&mut self, reply: starlings_runtime::Reply<u8>) {
        reply.fail(CallError::TooLarge { bytes: 9, bytes_max: 8 });
    }
}

#[tokio::test]
async fn an_error_that_earlier_nodes_do_not_know_is_sent_as_one_that_they_do() {
    let incarnation = starlings_runtime::Incarnation(1);
    let instance = starlings_runtime::NodeInstance { node: "b@h".parse().unwrap(), incarnation };
    let mut parts = starlings_runtime::NodeParts::new(instance);
    parts.add_spawnable::<Refuser>().unwrap();
    let (a, b) = (node("a@h"), parts.start());
    let _bridge = Bridge::between(&a, &b);
    let too_large = CallError::TooLarge { bytes: 9, bytes_max: 8 };
    let there = a.on(b.name()).spawn::<Refuser>(()).await.unwrap();
    assert_eq!(there.refuse().await, Err(CallError::BadMessage(too_large.to_string())));
    let here: Pid<Refuser> = b.pid(there.any());
    assert_eq!(here.refuse().await, Err(too_large));
}
