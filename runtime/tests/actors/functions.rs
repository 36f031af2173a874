//! Functions run on other nodes. By meaning from OTP's `erpc_SUITE`.

mod fixture;
mod spawned;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starlings_runtime::{
    DownReason, ExitReason, Incarnation, Node, NodeId, NodeInstance, NodeParts, OutletError,
    RemoteFunction, RunError, SpawnError, actor, remote,
};
use tokio::time::Instant;

use self::fixture::{
    Stuck, boom, counted, divide, double, hang, meet, node, pick, session_that_refuses, skewed,
    skewed_output, step, stuck, unnamed, whereabouts,
};
use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, Picky, eventually};

#[tokio::test]
async fn a_function_runs_where_it_is_asked_to() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    for there in [a.name(), b.name()] {
        assert_eq!(a.on(there).run(whereabouts, ()).await, Ok(there.clone()));
        assert_eq!(a.on(there).run(double, 21).await, Ok(42));
        assert_eq!(a.on(there).run(divide, (42, 2)).await, Ok(Ok(21)));
        assert_eq!(a.on(there).run(divide, (42, 0)).await, Ok(Err("by nothing".to_owned())));
    }
    assert_eq!(double::here(4).await, 8);
    assert_eq!(whereabouts::here(&b), *b.name());
    eventually("nothing is left", async || a.actors_count() + b.actors_count() == 0).await;
}

#[tokio::test]
async fn a_run_without_an_output_says_why() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let there = a.on(b.name());
    let panicked = Err(RunError::Panicked("boom".to_owned()));
    for place in [a.name(), b.name()] {
        assert_eq!(a.on(place).run(boom, "boom".to_owned()).await, panicked);
    }
    let unknown = there.run(unnamed, ()).await;
    let known = b.function_names();
    let expected: BTreeSet<_> = [
        "boom",
        "divide",
        "double",
        "hang",
        "meet",
        "meet_and_boom",
        "pick",
        "step",
        "whereabouts",
    ]
    .map(|name| format!("test.{name}"))
    .into();
    assert_eq!(known.iter().cloned().collect::<BTreeSet<_>>(), expected, "functions only");
    let name = unnamed::NAME.to_owned();
    assert_eq!(unknown, Err(RunError::NotRunnable { node: b.name().clone(), name, known }));
    let unknown = there.spawn_fn(unnamed, ()).await;
    let Err(SpawnError::NotSpawnable { known, .. }) = unknown else { panic!("{unknown:?}") };
    assert!(
        known.contains(&"test.double".to_owned()) && known.contains(&"test.counter".to_owned())
    );
    let nowhere: NodeId = "c@h".parse().unwrap();
    assert_eq!(a.on(&nowhere).run(double, 1).await, Err(RunError::NoConnection(nowhere)));
    let late = there.run(hang, ()).timeout(Duration::from_millis(20)).await;
    assert_eq!(late, Err(RunError::Timeout));
    assert_eq!(a.on(a.name()).run(hang, ()).timeout(Duration::from_millis(20)).await, late);
}

#[tokio::test]
async fn another_schema_is_refused_and_nothing_runs() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let there = a.on(b.name());
    let refused = there.run(skewed, "x".to_owned()).await;
    assert!(matches!(refused, Err(RunError::BadArguments(_))), "{refused:?}");
    let refused = there.run(skewed_output, ()).await;
    assert!(matches!(refused, Err(RunError::BadArguments(_))), "{refused:?}");
    assert_eq!((counted(&b), b.counters().read().spawned), (0, 0));
    // Bytes that do not decode, of a schema that is right.
    let refused = there.run(pick, Picky(13)).await;
    assert!(matches!(refused, Err(RunError::BadArguments(_))), "{refused:?}");
    let refused = there.run(pick, Picky(12)).await;
    assert!(matches!(refused, Err(RunError::BadOutput(_))), "it ran: {refused:?}");
    let refused = there.run(pick, Picky(65)).await;
    assert!(matches!(refused, Err(RunError::BadOutput(_))), "it ran: {refused:?}");
    let spawned = b.counters().read().spawned;
    let refused = there.run(pick, Picky(66)).await;
    assert!(matches!(refused, Err(RunError::BadArguments(_))), "{refused:?}");
    assert_eq!(b.counters().read().spawned, spawned, "nothing was sent");
    assert_eq!(there.run(pick, Picky(1)).await, Ok(Picky(2)));
}

#[tokio::test]
async fn a_run_that_is_killed_or_stopped_is_down_with_the_reason() {
    for reason in [ExitReason::Killed, ExitReason::Shutdown, ExitReason::error("enough")] {
        let (a, b) = (node("a@h"), node("b@h"));
        let _bridge = Bridge::between(&a, &b);
        let there = a.on(b.name());
        let run = tokio::spawn(async move { there.run(hang, ()).await });
        eventually("it runs", async || counted(&b) == 1).await;
        let the_first_actor = b.parse_pid("<0.1>").unwrap();
        assert_eq!(b.actor_info(&the_first_actor).unwrap().type_name, "test.hang");
        if reason == ExitReason::Killed {
            b.kill(&the_first_actor);
        } else if reason == ExitReason::Shutdown {
            b.stop(&the_first_actor, reason.clone());
        } else {
            b.exit(&the_first_actor, reason.clone());
        }
        assert_eq!(run.await.unwrap(), Err(RunError::Down(reason)));
    }
}

#[tokio::test]
async fn a_run_is_lost_with_its_session_and_with_its_node() {
    let (a, b, c) = (node("a@h"), node("b@h"), node("c@h"));
    let (bridge, _other) = (Bridge::between(&a, &b), Bridge::between(&a, &c));
    let hanging = |there: &Node| {
        let there = a.on(there.name());
        tokio::spawn(async move { there.run(hang, ()).await })
    };
    let (lost, stopped) = (hanging(&b), hanging(&c));
    eventually("both run", async || counted(&b) + counted(&c) == 2).await;
    bridge.cut();
    assert_eq!(lost.await.unwrap(), Err(RunError::NoConnection(b.name().clone())));
    assert_eq!(b.actors_count(), 1, "the run itself goes on");
    c.shutdown().await;
    assert_eq!(stopped.await.unwrap(), Err(RunError::Down(ExitReason::Shutdown)));
    assert_eq!(a.on(c.name()).run(step, ()).await, Err(RunError::ShuttingDown));
    assert_eq!(counted(&c), 0, "it did not run: what the node kept is gone, and nothing came");
}

#[tokio::test]
async fn a_request_that_is_not_sent_says_why() {
    let (a, b) = (node("a@h"), node("b@h"));
    let too_large = OutletError::TooLarge { bytes: 9, bytes_max: 8 };
    for (refusal, error) in [
        (OutletError::Overloaded, RunError::Overloaded),
        (too_large.clone(), RunError::BadArguments(too_large.to_string())),
        (OutletError::Closed, RunError::NoConnection(b.name().clone())),
    ] {
        let session = session_that_refuses(&a, &b, refusal);
        assert_eq!(a.on(b.name()).run(double, 1).await, Err(error));
        session.down(DownReason::Closed);
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_goes_on_and_leaves_nothing() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = a.spawn::<Counter>(0).await.unwrap();
    for there in [a.name(), b.name()] {
        let before = counter.get().await.unwrap();
        let run = a.on(there).run(meet, (counter.clone(), before + 2));
        let given_up = run.timeout(Duration::from_millis(20)).await;
        assert_eq!(given_up, Err(RunError::Timeout));
        eventually("it runs on", async || counter.get().await == Ok(before + 1)).await;
        assert_eq!(a.actors_count() + b.actors_count(), 2, "the counter and the run");
        counter.add(1).unwrap();
        eventually("it ends", async || a.actors_count() + b.actors_count() == 1).await;
    }
    // Nothing is kept of them: the next answer is that of the next run.
    assert_eq!(a.on(b.name()).run(double, 4).await, Ok(8));
}

#[test]
fn errors_tell_whether_a_function_may_have_run() {
    let node: NodeId = "a@h".parse().unwrap();
    let (name, known) = ("f".to_owned(), Vec::new());
    let unknown = RunError::NotRunnable { node: node.clone(), name, known };
    assert_eq!(unknown.to_string(), "\"f\" is not a function of a@h; it knows: none");
    let did_not_run = [
        unknown,
        RunError::NotAllowed(node.clone()),
        RunError::BadArguments(String::new()),
        RunError::Overloaded,
        RunError::ShuttingDown,
    ];
    let may_have_run = [
        RunError::Panicked(String::new()),
        RunError::Down(ExitReason::Killed),
        RunError::BadOutput(String::new()),
        RunError::NoConnection(node),
        RunError::Timeout,
    ];
    assert!(did_not_run.iter().all(RunError::is_retry_safe));
    assert!(!may_have_run.iter().any(RunError::is_retry_safe));
}

#[test]
fn a_timeout_comes_on_time_from_a_peer_that_is_stuck() {
    let Stuck { node: b, release, runtime } = stuck("b@h");
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    here.block_on(async {
        let a = node("a@h");
        let _bridge = Bridge::between(&a, &b);
        let there = a.on(b.name());
        let start = Instant::now();
        let answer = there.run(step, ()).timeout(Duration::from_millis(200)).await;
        let took = start.elapsed();
        assert_eq!(answer, Err(RunError::Timeout));
        assert!((200..1000).contains(&took.as_millis()), "{took:?}");
        assert_eq!(counted(&b), 0);
        release.send(()).unwrap();
        eventually("the request is carried out all the same", async || counted(&b) == 1).await;
        // Its late answer is nobody's: the next run has its own.
        assert_eq!(there.run(step, ()).await, Ok(2));
        eventually("nothing is left", async || b.actors_count() == 0).await;
    });
    runtime.shutdown_background();
}

#[tokio::test]
async fn results_of_several_nodes_come_in_the_order_asked() {
    let (a, b, c) = (node("a@h"), node("b@h"), node("c@h"));
    let (_ab, _ac) = (Bridge::between(&a, &b), Bridge::between(&a, &c));
    let gone: NodeId = "gone@h".parse().unwrap();
    let nodes = [c.name(), &gone, a.name(), b.name(), c.name()].map(Clone::clone);
    let places = a.multi_run(&nodes, whereabouts, ()).await;
    let expected: Vec<_> = nodes
        .iter()
        .map(|node| {
            if *node == gone { Err(RunError::NoConnection(gone.clone())) } else { Ok(node.clone()) }
        })
        .collect();
    assert_eq!(places, expected);
    let panics = a.multi_run(&nodes[2..4], boom, "boom".to_owned()).await;
    assert_eq!(
        panics,
        [Err(RunError::Panicked("boom".to_owned())), Err(RunError::Panicked("boom".to_owned()))]
    );
    assert!(a.multi_run(&[], whereabouts, ()).await.is_empty());
    // All at once: none of these returns before all have begun.
    let counter = a.spawn::<Counter>(0).await.unwrap();
    let nodes = [b.name(), b.name(), c.name(), a.name()].map(Clone::clone);
    assert_eq!(a.multi_run(&nodes, meet, (counter, 4)).await, [Ok(4), Ok(4), Ok(4), Ok(4)]);
}

#[tokio::test(start_paused = true)]
async fn one_deadline_is_for_all_nodes_together() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let nodes = [b.name(), a.name(), b.name()].map(Clone::clone);
    let start = Instant::now();
    let all = a.multi_run(&nodes, hang, ()).timeout(Duration::from_secs(1)).await;
    assert_eq!(all, [Err(RunError::Timeout), Err(RunError::Timeout), Err(RunError::Timeout)]);
    assert_eq!(start.elapsed().as_secs(), 1);
    let start = Instant::now();
    assert_eq!(a.on(b.name()).run(hang, ()).await, Err(RunError::Timeout));
    assert_eq!(start.elapsed().as_secs(), 5, "the default");
}

#[test]
fn names_are_stable_and_unique() {
    assert_eq!(double::NAME, "test.double");
    assert_eq!(unnamed::NAME, "starlings-runtime.unnamed", "package and function");
    let instance = NodeInstance { node: "a@h".parse().unwrap(), incarnation: Incarnation(1) };
    let mut parts = NodeParts::new(instance);
    parts.add_function::<double>().unwrap();
    parts.add_function::<double>().unwrap();
    let taken = parts.add_function::<skewed>().unwrap_err().to_string();
    assert!(taken.contains("::double") && taken.contains("::skewed"), "{taken}");
    parts.add_spawnable::<Named>().unwrap();
    let taken = parts.add_function::<as_the_actor>().unwrap_err().to_string();
    assert!(taken.contains("Named") && taken.contains("as_the_actor"), "{taken}");
}

#[derive(Debug, Serialize, Deserialize)]
struct Named;

#[actor(name = "test.named", crate = starlings_runtime)]
impl Named {
    fn init() -> Self {
        Self
    }
}

#[remote(name = "test.named", crate = starlings_runtime)]
fn as_the_actor() {}
