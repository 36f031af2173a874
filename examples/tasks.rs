//! Work beside an actor: it answers while tasks compute, block or fail, and hears of each once.

use std::collections::BTreeMap;
use std::time::Duration;

use starlings::prelude::*;
use starlings::{TaskDone, TaskRef};

/// Counts the primes below numbers, three at a time in its own time, and answers who asked.
struct Primes {
    asked: BTreeMap<TaskRef, Reply<Result<usize, String>>>,
}

#[actor]
impl Primes {
    fn init() -> Self {
        Self { asked: BTreeMap::new() }
    }

    /// Answered when the task is done: the actor does not wait for it.
    #[call]
    fn below(&mut self, n: usize, reply: Reply<Result<usize, String>>, cx: &mut Cx<Self>) {
        let task = cx.task_blocking(move || {
            assert!(n > 1, "there are none below 2");
            (2..n).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
        });
        self.asked.insert(task, reply);
    }

    /// A task that would take for ever, and is cut off.
    #[call]
    fn give_up(&mut self, cx: &mut Cx<Self>) -> bool {
        let task = cx.task(std::future::pending::<usize>());
        cx.cancel_task(task)
    }

    #[call]
    fn under_way(&self) -> usize {
        self.asked.len()
    }

    #[info]
    fn done(&mut self, done: TaskDone<usize>) {
        if let Some(reply) = self.asked.remove(&done.task) {
            reply.send(done.result.map_err(|reason| reason.to_string()));
        }
    }
}

/// Talks to something that blocks, on a thread of its own; of what is too much, the latest counts.
struct Printer(Vec<String>);

#[actor(thread = true, capacity = 2, overflow = DropOldest)]
impl Printer {
    fn init() -> Self {
        Self(Vec::new())
    }
    #[cast]
    fn print(&mut self, line: String) {
        self.0.push(line);
    }
    #[call]
    fn block(&mut self, until: std::sync::mpsc::Receiver<()>) -> bool {
        until.recv_timeout(Duration::from_secs(10)).is_ok()
    }
    #[call]
    fn printed(&self) -> Vec<String> {
        self.0.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder("a@localhost").start().await?;
    let primes = node.spawn::<Primes>(()).await?;

    let questions = [1_000_000, 10, 1].map(|n| primes.below(n).send());
    println!("it answers meanwhile: {} tasks are under way", primes.under_way().await?);
    for answer in questions {
        match answer.await? {
            Ok(count) => println!("{count} primes"),
            Err(why) => println!("no answer: {why}"),
        }
    }
    assert_eq!(primes.under_way().await?, 0);
    assert!(primes.give_up().await?);

    // The printer blocks its thread, and nobody else's.
    let printer = node.spawn::<Printer>(()).await?;
    let (unblock, until) = std::sync::mpsc::channel();
    let blocked = printer.block(until).send();
    while node.actor_info(printer.any()).is_some_and(|info| info.handled == 0) {
        tokio::task::yield_now().await;
    }
    for line in ["one", "two", "three", "four"] {
        printer.print(line.to_owned())?;
    }
    unblock.send(())?;
    assert!(blocked.await?);
    println!(
        "printed: {:?}; lost and counted: {}",
        printer.printed().await?,
        node.counters().read().overflows
    );
    assert_eq!(printer.printed().await?, ["three", "four"]);
    node.shutdown().await;
    Ok(())
}
