//! Functions that run on other nodes, and calls to a name on many nodes at once.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{CallError, RunError};

/// What a cart costs. A `Result` is an output like any other: it is not the error of the run.
#[remote(name = "example.total")]
fn total(prices: Vec<u32>, discount: u32) -> Result<u32, String> {
    let sum: u32 = prices.iter().sum();
    sum.checked_sub(discount).ok_or_else(|| format!("{discount} is more than {sum}"))
}

/// Where it runs: not an argument, but the node that runs it.
#[remote(name = "example.whereabouts")]
fn whereabouts(node: &Node) -> NodeId {
    node.name().clone()
}

#[remote(name = "example.slow")]
async fn slow() {
    std::future::pending::<()>().await;
}

struct Stock(u32);

#[actor(name = "example.stock")]
impl Stock {
    fn init(pieces: u32) -> Self {
        Self(pieces)
    }

    #[call]
    fn left(&self) -> u32 {
        self.0
    }
}

/// Asks the stock of another node, without waiting for it.
struct Desk {
    stock: Pid<Stock>,
}

#[actor(name = "example.desk")]
impl Desk {
    fn init(stock: Pid<Stock>) -> Self {
        Self { stock }
    }

    #[call]
    fn left(&self, reply: Reply<u32>) {
        reply.forward(self.stock.left());
    }
}

async fn start(name: &str) -> Result<Node, Box<dyn std::error::Error>> {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("example cookie");
    Ok(builder.function(total).function(whereabouts).function(slow).start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nodes = [start("a@localhost").await?, start("b@localhost").await?];
    let [a, b] = &nodes;
    a.connect(b.name(), starlings::address(b).as_deref()).await?;

    let there = a.on(b.name());
    let price = there.run(total, (vec![30, 20], 8)).await?;
    println!("{} says that it costs {price:?}", b.name());
    assert_eq!(price, Ok(42));
    assert_eq!(total::here(vec![1], 2), there.run(total, (vec![1], 2)).await?, "here as there");

    let everywhere = [b.name().clone(), a.name().clone(), "c@localhost".parse()?];
    let places = a.multi_run(&everywhere, whereabouts, ()).await;
    println!("the same on each node: {places:?}");
    let no_connection = RunError::NoConnection(everywhere[2].clone());
    assert_eq!(places, [Ok(b.name().clone()), Ok(a.name().clone()), Err(no_connection)]);

    let late = there.run(slow, ()).timeout(Duration::from_millis(50)).await;
    assert_eq!(late, Err(RunError::Timeout));
    println!(
        "a deadline is kept here: {late:?}; it may have run: {}",
        !RunError::Timeout.is_retry_safe()
    );

    // As an actor: with a pid, that can be monitored and killed.
    let running = there.spawn_fn(slow, ()).await?;
    let end = a.monitor(&running);
    a.kill(&running);
    let down = end.await;
    println!("{} ended: {}", down.pid, down.reason);
    assert_eq!(down.reason, ExitReason::Killed);

    a.spawn::<Stock>(3).name("stock").await?;
    let stock = b.spawn::<Stock>(4).name("stock").await?;
    let second = Duration::from_secs(1);
    let left = a.multi_call(&everywhere, "stock", second, |stock: &Pid<Stock>| stock.left()).await;
    println!("left on each node: {left:?}");
    let no_connection = CallError::NoConnection(everywhere[2].clone());
    assert_eq!(left, [Ok(4), Ok(3), Err(no_connection)]);

    let desk = a.spawn::<Desk>(a.pid(stock.any())).await?;
    assert_eq!(desk.left().await?, 4);
    println!("the desk handed the question on");

    for node in &nodes {
        node.shutdown().await;
    }
    Ok(())
}
