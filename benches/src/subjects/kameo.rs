//! kameo, with unbounded mailboxes and without its tracing.

mod supervision;

use std::time::Instant;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn as _};
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::{SENDERS, Subject, bytes_each, not_measured, resident_bytes};
use crate::child::{self, check, rate};
use crate::workload::Bench;

#[derive(Actor)]
struct Counter(u64);

struct Add(u64);

struct Get;

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(k): Add, _: &mut Context<Self, ()>) {
        self.0 += k;
    }
}

impl Message<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Get: Get, _: &mut Context<Self, u64>) -> u64 {
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
        Bench::SupervisorRestart => child::run(supervision::restart(count)),
        _ => not_measured(Subject::Kameo, bench),
    }
}

fn counter() -> ActorRef<Counter> {
    Counter::spawn_with_mailbox(Counter(0), mailbox::unbounded())
}

fn add(counter: &ActorRef<Counter>) -> child::Result<()> {
    counter
        .tell(Add(1))
        .try_send()
        .map_err(|error| error.to_string().into())
}

async fn get(counter: &ActorRef<Counter>) -> child::Result<u64> {
    counter
        .ask(Get)
        .await
        .map_err(|error| error.to_string().into())
}

async fn cast(count: u64) -> child::Result<f64> {
    let counter = counter();
    let start = Instant::now();
    for _ in 0..count {
        add(&counter)?;
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
        tokio::spawn(async move { (0..count / SENDERS).try_for_each(|_| add(&counter)) })
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
    add(&counter)?;
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
        let counter = counter();
        sum += get(&counter).await? + 1;
        counter
            .stop_gracefully()
            .await
            .map_err(|error| error.to_string())?;
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
