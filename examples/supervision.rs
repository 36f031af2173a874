//! Supervision: who is restarted with whom, delays between restarts, state that outlives a crash,
//! and a supervisor that gives up.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{Backoff, ChildInfo};
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error>;

/// Fails on every third job, and hands what it counted over to its next life.
struct Fragile {
    name: String,
    jobs: u32,
}

#[actor]
impl Fragile {
    fn init(name: String, cx: &mut Cx<Self>) -> Result<Self, starlings::RegisterError> {
        cx.node().register(&name, &cx.pid())?;
        let jobs = cx.handed_over().unwrap_or(0);
        println!("  {name} starts as {} after {jobs} jobs", cx.pid());
        Ok(Self { name, jobs })
    }
    #[call]
    fn work(&mut self) -> u32 {
        self.jobs += 1;
        assert!(!self.jobs.is_multiple_of(3), "the third job is too much");
        self.jobs
    }
    fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<Self>) {
        println!("  {} ends: {reason}", self.name);
        cx.hand_over(self.jobs);
    }
}

/// Works until the child with this name crashes; what its last job was.
async fn crash(node: &Node, name: &str) -> u32 {
    let mut last = 0;
    loop {
        // The name leads to whoever holds it at the moment; between two lives it leads nowhere.
        let Some(pid) = node.whereis(name) else {
            tokio::task::yield_now().await;
            continue;
        };
        match node.pid::<Fragile>(&pid).work().await {
            Ok(jobs) => last = jobs,
            Err(starlings::CallError::Down(_)) => return last,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// The children of a supervisor, when all of them run and one has been restarted so often.
async fn settled(supervisor: &Pid<Supervisor>, id: &str, restarts: u64) -> Vec<ChildInfo> {
    loop {
        let children = supervisor.which_children().await.unwrap_or_default();
        let restarted = children.iter().any(|one| one.id == id && one.restarts == restarts);
        if restarted && children.iter().all(|child| child.pid.is_some()) {
            return children;
        }
        tokio::task::yield_now().await;
    }
}

fn fragile(id: &str) -> starlings::ChildSpec {
    spec::<Fragile>(id.to_owned()).id(id)
}

async fn strategies(node: &Node) -> Result<(), Failure> {
    let cases = [
        ("one for one", Supervisor::one_for_one(), [false, true, false]),
        ("rest for one", Supervisor::rest_for_one(), [false, true, true]),
        ("one for all", Supervisor::one_for_all(), [true, true, true]),
    ];
    for (strategy, spec, expected) in cases {
        println!("{strategy}: b crashes");
        let spec = spec.child(fragile("a")).child(fragile("b")).child(fragile("c"));
        let supervisor = spec.start(node).await?;
        let before = supervisor.which_children().await?;
        crash(node, "b").await;
        let after = settled(&supervisor, "b", 1).await;
        let restarted: Vec<_> = before.iter().zip(&after).map(|(a, b)| a.pid != b.pid).collect();
        assert_eq!(restarted, expected);
        let ended = node.monitor(&supervisor);
        node.stop(&supervisor, ExitReason::Shutdown);
        ended.await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // Panics are reported by the supervisor; their backtraces would only be in the way here.
    std::panic::set_hook(Box::new(|_| {}));
    let node = Node::builder("supervision@localhost").start().await?;
    strategies(&node).await?;

    println!("two restarts are allowed, after 50 ms and after 100 ms; jobs are handed over");
    let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1)).jitter(0.0);
    let patient = fragile("patient").backoff(backoff).handover();
    let spec = Supervisor::one_for_one().intensity(2, Duration::from_secs(60)).child(patient);
    let supervisor = spec.start(&node).await?;
    let (ended, began) = (node.monitor(&supervisor), Instant::now());
    let jobs = [crash(&node, "patient").await, crash(&node, "patient").await];
    assert_eq!(jobs, [2, 5], "the second life counted on");
    assert_eq!(crash(&node, "patient").await, 8);
    assert!(began.elapsed() >= Duration::from_millis(150));
    let down = ended.await;
    println!("after the third crash the supervisor ended: {}", down.reason);
    assert_eq!((down.reason, node.whereis("patient")), (ExitReason::Shutdown, None));
    node.shutdown_within(Duration::from_secs(10)).await;
    Ok(())
}
