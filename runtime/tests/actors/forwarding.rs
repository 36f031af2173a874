//! Calls that are handed on to another actor.

use std::time::Duration;

use starlings_runtime::{CallError, Cx, ExitReason, Node, Pid, Reply, Result, actor};
use tokio::time::Instant;

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, eventually, node};

/// Hands every question on.
#[derive(Debug)]
struct Desk;

#[actor(name = "test.desk", crate = starlings_runtime)]
impl Desk {
    fn init() -> Self {
        Self
    }

    #[call]
    fn get(&self, from: Pid<Counter>, reply: Reply<i64>) {
        reply.forward(from.get());
    }

    #[call]
    fn get_later(&self, from: Pid<Counter>, timeout_ms: u64, reply: Reply<i64>) {
        reply.forward(from.get_later().timeout(Duration::from_millis(timeout_ms)));
    }

    #[call]
    fn forget(&self, from: Pid<Counter>, reply: Reply<i64>) {
        reply.forward(from.forget().timeout(Duration::from_millis(100)));
    }

    /// Hands it on, and ends.
    #[call]
    fn get_later_and_fail(&self, from: Pid<Counter>, reply: Reply<i64>) -> Result<()> {
        reply.forward(from.get_later());
        Err(ExitReason::error("done"))
    }

    #[call]
    fn is_free(&self, cx: &mut Cx<Self>) -> bool {
        cx.node().is_alive(cx.pid().any())
    }
}

/// A desk and a counter, in every placement over three nodes, as the first node sees them.
async fn placements(nodes: &[Node; 3]) -> Vec<(Pid<Desk>, Pid<Counter>)> {
    let mut placements = Vec::new();
    for of_desk in nodes {
        for of_counter in nodes {
            let desk = of_desk.spawn::<Desk>(()).await.unwrap();
            let counter = of_counter.spawn::<Counter>(7).await.unwrap();
            placements.push((nodes[0].pid(desk.any()), nodes[0].pid(counter.any())));
        }
    }
    placements
}

fn three() -> ([Node; 3], [Bridge; 3]) {
    let nodes = ["a@h", "b@h", "c@h"].map(node);
    let bridges = [(0, 1), (0, 2), (1, 2)].map(|(i, j)| Bridge::between(&nodes[i], &nodes[j]));
    (nodes, bridges)
}

#[tokio::test]
async fn the_answer_of_the_second_call_is_that_of_the_first() {
    let (nodes, _bridges) = three();
    for (desk, counter) in placements(&nodes).await {
        assert_eq!(desk.get(counter.clone()).await, Ok(7), "{desk} {counter}");
        let later = desk.get_later(counter.clone(), 60_000).send();
        assert_eq!(desk.is_free().await, Ok(true), "it does not wait");
        let answer = tokio::spawn(later);
        eventually("it answers", async || {
            counter.release().unwrap();
            tokio::task::yield_now().await;
            answer.is_finished()
        })
        .await;
        assert_eq!(answer.await.unwrap(), Ok(7));
    }
}

#[tokio::test]
async fn the_actor_in_between_may_end() {
    let (nodes, _bridges) = three();
    for (desk, counter) in placements(&nodes).await {
        let ended = nodes[0].monitor(&desk);
        let answer = tokio::spawn(desk.get_later_and_fail(counter.clone()).send());
        let reason = ended.await.reason;
        assert_eq!(reason, ExitReason::Error("done".to_owned()), "{desk} {counter}");
        counter.add(1).unwrap();
        eventually("it answers", async || {
            counter.release().unwrap();
            tokio::task::yield_now().await;
            answer.is_finished()
        })
        .await;
        assert_eq!(answer.await.unwrap(), Ok(8));
    }
}

#[tokio::test]
async fn the_error_of_the_second_call_is_that_of_the_first() {
    let (nodes, bridges) = three();
    for (desk, counter) in placements(&nodes).await {
        let down = tokio::spawn(desk.get_later(counter.clone(), 60_000).send());
        eventually("it is asked", async || {
            counter.get().await.unwrap();
            desk.is_free().await.unwrap()
        })
        .await;
        counter.crash("boom".to_owned()).unwrap();
        let reason = ExitReason::Panic("boom".to_owned());
        let answer = down.await.unwrap();
        let expected = [Err(CallError::Down(reason)), Err(CallError::NoProc)];
        assert!(expected.contains(&answer), "{desk} {counter}: {answer:?}");
        assert_eq!(desk.get(counter.clone()).await, Err(CallError::NoProc), "{desk} {counter}");
    }
    let desk = nodes[1].spawn::<Desk>(()).await.unwrap();
    let counter = nodes[2].spawn::<Counter>(1).await.unwrap();
    let desk: Pid<Desk> = nodes[0].pid(desk.any());
    let lost = tokio::spawn(desk.get_later(nodes[0].pid(counter.any()), 60_000).send());
    eventually("it is under way", async || desk.is_free().await.unwrap()).await;
    bridges[2].cut();
    let no_connection = CallError::NoConnection(nodes[2].name().clone());
    assert_eq!(lost.await.unwrap(), Err(no_connection), "of the node that was to answer");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_the_second_call_bounds_both() {
    let (nodes, _bridges) = three();
    for (desk, counter) in placements(&nodes).await {
        let start = Instant::now();
        let late = desk.get_later(counter.clone(), 100).timeout(Duration::from_secs(60)).await;
        assert_eq!((late, start.elapsed().as_millis()), (Err(CallError::Timeout), 100));
        let forgotten = desk.forget(counter).timeout(Duration::from_secs(60)).await;
        assert_eq!((forgotten, start.elapsed().as_millis()), (Err(CallError::Timeout), 200));
    }
}

#[tokio::test]
async fn a_call_to_a_pid_that_no_node_stands_behind_fails_at_once() {
    let a = node("a@h");
    let desk = a.spawn::<Desk>(()).await.unwrap();
    let unbound: Pid<Counter> = "<b@h#1.7>".parse().unwrap();
    let answer = desk.get(unbound).await;
    assert_eq!(answer, Err(CallError::NoConnection("b@h".parse().unwrap())));
}
