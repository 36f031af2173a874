//! The bare limit: a task and a channel where the others have an actor, a socket where they have a
//! node.

pub mod tcp;
mod timers;

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::{SENDERS, Subject, bytes_each, not_measured, resident_bytes};
use crate::child::{self, check, rate};
use crate::workload::Bench;

enum Message {
    Add(u64),
    Get(oneshot::Sender<u64>),
}

type Counter = mpsc::UnboundedSender<Message>;

fn counter() -> Counter {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut sum = 0;
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Add(k) => sum += k,
                // Who asked may be gone.
                Message::Get(reply) => drop(reply.send(sum)),
            }
        }
    });
    sender
}

async fn get(counter: &Counter) -> child::Result<u64> {
    let (reply, answer) = oneshot::channel();
    counter.send(Message::Get(reply))?;
    Ok(answer.await?)
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
        _ => not_measured(Subject::Tokio, bench),
    }
}

async fn cast(count: u64) -> child::Result<f64> {
    let counter = counter();
    let start = Instant::now();
    for _ in 0..count {
        counter.send(Message::Add(1))?;
    }
    let sum = get(&counter).await?;
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn cast_fanin(count: u64) -> child::Result<f64> {
    let counter = counter();
    let start = Instant::now();
    let senders = (0..SENDERS).map(|_| {
        let counter = counter.clone();
        tokio::spawn(
            async move { (0..count / SENDERS).try_for_each(|_| counter.send(Message::Add(1))) },
        )
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await??;
    }
    let sum = get(&counter).await?;
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn call(count: u64) -> child::Result<f64> {
    let counter = counter();
    counter.send(Message::Add(1))?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += get(&counter).await?;
    }
    let rate = rate(count, start);
    check("the sum", sum, count)?;
    Ok(rate)
}

async fn spawn(count: u64) -> child::Result<f64> {
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += get(&counter()).await? + 1;
    }
    let rate = rate(count, start);
    check("the answers", sum, count)?;
    Ok(rate)
}

async fn spawn_bytes(count: u64) -> child::Result<f64> {
    let mut counters = Vec::with_capacity(usize::try_from(count)?);
    let before = resident_bytes()?;
    let mut sum = 0;
    for _ in 0..count {
        let counter = counter();
        sum += get(&counter).await? + 1;
        counters.push(counter);
    }
    check("the answers", sum, count)?;
    bytes_each(before, count)
}
