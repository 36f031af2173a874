//! Which peers may spawn what.

use starlings_runtime::{Incarnation, Node, NodeInstance, NodeParts, RunError, SpawnError, remote};

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, Watcher, node};

#[remote(name = "test.allowed.double", crate = starlings_runtime)]
fn double(n: u64) -> u64 {
    2 * n
}

/// Lets `a@h` spawn counters and run nothing, and `c@h` run functions; the rule panics for `d@h`.
fn picky() -> Node {
    let instance = NodeInstance { node: "b@h".parse().unwrap(), incarnation: Incarnation(1) };
    let mut parts = NodeParts::new(instance);
    parts.add_spawnable::<Counter>().unwrap();
    parts.add_spawnable::<Watcher>().unwrap();
    parts.add_function::<double>().unwrap();
    parts.allow_spawn(|peer, name| match peer.as_str() {
        "a@h" => name == "test.counter",
        "c@h" => name == "test.allowed.double",
        _ => panic!("who is {peer}?"),
    });
    parts.start()
}

#[tokio::test]
async fn a_peer_spawns_and_runs_only_what_it_is_allowed_to() {
    let (b, here) = (picky(), "b@h".parse().unwrap());
    let [a, c, d] = ["a@h", "c@h", "d@h"].map(node);
    let _bridges = [&a, &c, &d].map(|peer| Bridge::between(peer, &b));
    let not_allowed = || SpawnError::NotAllowed(b.name().clone());

    let counter = a.on(&here).spawn::<Counter>(1).await.unwrap();
    assert_eq!(counter.get().await, Ok(1));
    assert_eq!(a.on(&here).spawn::<Watcher>(true).await.unwrap_err(), not_allowed());
    let refused = RunError::NotAllowed(b.name().clone());
    assert_eq!(a.on(&here).run(double, 21).await, Err(refused.clone()));
    assert!(refused.is_retry_safe());

    assert_eq!(c.on(&here).spawn::<Counter>(1).await.unwrap_err(), not_allowed());
    assert_eq!(c.on(&here).run(double, 21).await, Ok(42));
    assert!(c.on(&here).spawn_fn(double, 1).await.is_ok());

    assert_eq!(d.on(&here).spawn::<Counter>(1).await.unwrap_err(), not_allowed(), "it panics");
    assert_eq!(d.on(&here).run(double, 21).await, Err(refused));
    assert!(b.spawn::<Watcher>(true).await.is_ok(), "the rule is for others");
}
