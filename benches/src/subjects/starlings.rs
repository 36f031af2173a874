//! Starlings, through its facade.

mod monitors;
pub mod remote;
mod supervision;
mod timers;

use std::time::{Duration, Instant};

use starlings::prelude::*;

use super::{SENDERS, Subject, bytes_each, not_measured, resident_bytes};
use crate::child::{self, check, rate};
use crate::workload::Bench;

/// Room for a whole run, and how long the call behind it may wait.
const PATIENCE: Duration = Duration::from_secs(100);

struct Counter(u64);

#[actor]
impl Counter {
    fn init() -> Self {
        Self(0)
    }
    #[cast]
    fn add(&mut self, k: u64) {
        self.0 += k;
    }
    #[call]
    fn get(&self) -> u64 {
        self.0
    }
}

pub fn measure(bench: Bench, count: u64) -> child::Result<f64> {
    match bench {
        Bench::LocalCast => child::run(cast(count)),
        Bench::LocalCastFanin => child::run(cast_fanin(count)),
        Bench::LocalCall => child::run(call(count)),
        Bench::Spawn => child::run(spawn(count)),
        Bench::SpawnBytes => child::run(spawn_bytes(count)),
        Bench::TimersSet => child::run(timers::set(count)),
        Bench::TimersFire => child::run(timers::fire(count)),
        Bench::SupervisorRestart => child::run(supervision::restart(count)),
        Bench::SupervisorChildren => child::run(supervision::children(count)),
        _ => not_measured(Subject::Starlings, bench),
    }
}

async fn node() -> child::Result<Node> {
    Ok(Node::builder("bench@localhost").start().await?)
}

/// A counter with room for `count` messages and the call behind them.
async fn counter(node: &Node, count: u64) -> child::Result<Pid<Counter>> {
    let room = usize::try_from(count)? + 1;
    Ok(node.spawn::<Counter>(()).capacity(room).await?)
}

async fn cast(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let counter = counter(&node, count).await?;
    let start = Instant::now();
    for _ in 0..count {
        counter.add(1)?;
    }
    let sum = counter.get().timeout(PATIENCE).await?;
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn cast_fanin(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let counter = counter(&node, count).await?;
    let start = Instant::now();
    let senders = (0..SENDERS).map(|_| {
        let counter = counter.clone();
        tokio::spawn(async move { (0..count / SENDERS).try_for_each(|_| counter.add(1)) })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await??;
    }
    let sum = counter.get().timeout(PATIENCE).await?;
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn call(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let counter = counter(&node, 1).await?;
    counter.add(1)?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += counter.get().await?;
    }
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn spawn(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        let counter = node.spawn::<Counter>(()).await?;
        sum += counter.get().await? + 1;
        node.stop(&counter, ExitReason::Normal);
    }
    let rate = rate(count, start);
    check("the answers", sum, count)?;
    Ok(rate)
}

async fn spawn_bytes(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let mut counters = Vec::with_capacity(usize::try_from(count)?);
    let before = resident_bytes()?;
    let mut sum = 0;
    for _ in 0..count {
        let counter = node.spawn::<Counter>(()).await?;
        sum += counter.get().await? + 1;
        counters.push(counter);
    }
    check("the answers", sum, count)?;
    bytes_each(before, count)
}
