//! Supervision: a worker that crashes is restarted, until it crashes too often.

use std::time::Duration;

use starlings::prelude::*;

/// Fails on every third job.
struct Fragile {
    jobs: u32,
}

#[actor]
impl Fragile {
    fn init(name: String, cx: &mut Cx<Self>) -> Result<Self, starlings::RegisterError> {
        cx.node().register(&name, &cx.pid())?;
        println!("  {name} starts as {}", cx.pid());
        Ok(Self { jobs: 0 })
    }
    #[call]
    fn work(&mut self) -> u32 {
        self.jobs += 1;
        assert!(self.jobs < 3, "the third job is too much");
        self.jobs
    }
    fn terminate(&mut self, reason: &ExitReason) {
        println!("  after {} jobs it ends: {reason}", self.jobs);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Panics are reported by the supervisor; their backtraces would only be in the way here.
    std::panic::set_hook(Box::new(|_| {}));
    let node = Node::builder("supervision@localhost").start().await?;
    let supervisor = Supervisor::one_for_one()
        .intensity(2, Duration::from_secs(60))
        .child(spec::<Fragile>("fragile".to_owned()).id("fragile"))
        .start(&node)
        .await?;
    let ended = node.monitor(&supervisor);

    let mut crashes = 0;
    while node.is_alive(supervisor.any()) {
        // The name leads to whoever holds it now; between two lives it leads nowhere.
        let Some(pid) = node.whereis("fragile") else {
            tokio::task::yield_now().await;
            continue;
        };
        match node.pid::<Fragile>(&pid).work().await {
            Ok(jobs) => println!("job {jobs} done"),
            Err(starlings::CallError::Down(reason)) => {
                crashes += 1;
                println!("crash {crashes}: {reason}");
            }
            Err(error) => println!("not done: {error}"),
        }
    }
    let down = ended.await;
    println!("the supervisor allows 2 restarts; after crash {crashes} it ended: {}", down.reason);
    assert_eq!((crashes, down.reason), (3, ExitReason::Shutdown));
    assert_eq!(node.whereis("fragile"), None);
    node.shutdown().await;
    Ok(())
}
