//! ractor, without its default feature that carries a tracing span with each message.

use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call as ask};

use super::{SENDERS, Subject, bytes_each, not_measured, resident_bytes};
use crate::child::{self, check, rate};
use crate::workload::Bench;

struct Counter;

enum Message {
    Add(u64),
    Get(RpcReplyPort<u64>),
}

impl Actor for Counter {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(k) => *sum += k,
            Message::Get(reply) => reply.send(*sum)?,
        }
        Ok(())
    }
}

pub fn measure(bench: Bench, count: u64) -> child::Result<f64> {
    match bench {
        Bench::LocalCast => child::run(cast(count)),
        Bench::LocalCastFanin => child::run(cast_fanin(count)),
        Bench::LocalCall => child::run(call(count)),
        Bench::Spawn => child::run(spawn(count)),
        Bench::SpawnBytes => child::run(spawn_bytes(count)),
        _ => not_measured(Subject::Ractor, bench),
    }
}

async fn counter() -> child::Result<ActorRef<Message>> {
    let (counter, _) = Actor::spawn(None, Counter, ()).await?;
    Ok(counter)
}

fn add(counter: &ActorRef<Message>) -> child::Result<()> {
    counter
        .cast(Message::Add(1))
        .map_err(|error| error.to_string().into())
}

async fn get(counter: &ActorRef<Message>) -> child::Result<u64> {
    ask!(counter, Message::Get).map_err(|error| error.to_string().into())
}

async fn cast(count: u64) -> child::Result<f64> {
    let counter = counter().await?;
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
    let counter = counter().await?;
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
    let counter = counter().await?;
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
        let counter = counter().await?;
        sum += get(&counter).await? + 1;
        counter.stop(None);
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
        let counter = counter().await?;
        sum += get(&counter).await? + 1;
        counters.push(counter);
    }
    check("the answers", sum, count)?;
    bytes_each(before, count)
}
