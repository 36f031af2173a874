//! The two-node workloads for kameo's remote actors: `measure BENCH SUBJECT COUNT`, and `serve` for
//! the other process.

#[path = "../../src/child.rs"]
#[allow(dead_code, reason = "the other program uses the rest")]
mod child;
#[path = "../../src/cost.rs"]
mod cost;
#[path = "../../src/figure.rs"]
#[allow(dead_code, reason = "the other program uses the rest")]
mod figure;
mod node;
#[path = "../../src/own_program.rs"]
mod own_program;
#[path = "../../src/under_bulk.rs"]
mod under_bulk;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use child::{
    CALLERS, LARGE_BYTES, PAGE_BYTES, SMALL_BYTES, check, payload, rate, serve_at, weight,
};
use cost::Meter;
use figure::Figure;
use kameo::actor::{RemoteActorRef, Spawn as _};
use kameo::message::{Context, Message};
use kameo::{Actor, RemoteActor, mailbox, remote_message};
use node::Node;
use own_program::Task;
use serde::{Deserialize, Serialize};
use under_bulk::{Actors, BULK_BYTES};

/// The name that the server's actor is registered under.
const SINK: &str = "sink";

/// That of the one that long messages go to.
const BULK_SINK: &str = "bulk sink";

/// How long the nodes may take to know each other.
const MEETING_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    own_program::main(serve, measure)
}

#[derive(Actor, RemoteActor)]
struct Sink(u64);

#[derive(Serialize, Deserialize)]
struct Put(#[serde(with = "serde_bytes")] Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Get;

#[remote_message]
impl Message<Put> for Sink {
    type Reply = ();

    async fn handle(&mut self, Put(payload): Put, _: &mut Context<Self, ()>) {
        self.0 += weight(&payload);
    }
}

#[remote_message]
impl Message<Get> for Sink {
    type Reply = u64;

    async fn handle(&mut self, Get: Get, _: &mut Context<Self, u64>) -> u64 {
        self.0
    }
}

async fn serve() -> child::Result<()> {
    // Before the actor, whose id has that of its node in it.
    let (_node, address) = Node::listen().await?;
    let mut sinks = Vec::new();
    for name in [SINK, BULK_SINK] {
        let sink = Sink::spawn_with_mailbox(Sink(0), mailbox::unbounded());
        sink.register(name).await?;
        sinks.push(sink);
    }
    serve_at(address).await
}

async fn measure(task: Task) -> child::Result<Figure> {
    let Task {
        bench,
        count,
        address,
        server,
    } = task;
    let node = Node::connect(&address)?;
    let sink = find_sink(SINK).await?;
    match &*bench {
        "remote_cast_64" => cast(&node, &sink, server, SMALL_BYTES, count).await,
        "remote_cast_4k" => {
            let figure = cast(&node, &sink, server, PAGE_BYTES, count).await?;
            Ok(figure.times(PAGE_BYTES))
        }
        "remote_cast_1m" => {
            let figure = cast(&node, &sink, server, LARGE_BYTES, count).await?;
            Ok(figure.times(LARGE_BYTES))
        }
        "remote_call" => call(&node, &sink, server, 1, count).await,
        "remote_call_64" => call(&node, &sink, server, CALLERS, count).await,
        "latency_under_bulk" => latency(node, sink, count).await,
        _ => Err(format!("{bench} is not measured for kameo_remote").into()),
    }
}

async fn find_sink(name: &str) -> child::Result<RemoteActorRef<Sink>> {
    let start = Instant::now();
    while start.elapsed() < MEETING_MAX {
        // An error too, as long as the nodes are not connected.
        if let Ok(Some(sink)) = RemoteActorRef::lookup(name).await {
            return Ok(sink);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the server's actor was not found".into())
}

/// `count` times, without waiting for any answer but where the node has no room for more. At the end
/// all of them are in the mailbox of the other side.
async fn put(
    node: &Node,
    sink: &RemoteActorRef<Sink>,
    message: &Put,
    count: u64,
) -> child::Result<()> {
    for _ in 0..count {
        node.room_for_tell().await?;
        sink.tell(message).send()?;
    }
    node.all_told().await
}

async fn get(sink: &RemoteActorRef<Sink>) -> child::Result<u64> {
    Ok(sink.ask(&Get).send().await?)
}

async fn cast(
    node: &Node,
    sink: &RemoteActorRef<Sink>,
    server: u32,
    bytes: u32,
    count: u64,
) -> child::Result<Figure> {
    let message = Put(payload(bytes));
    let meter = Meter::start(server)?;
    let start = Instant::now();
    put(node, sink, &message, count).await?;
    let sum = get(sink).await?;
    let rate = rate(count, start);
    let figure = meter.stop(rate.into(), count)?;
    check("the sum", sum, count * weight(&message.0))?;
    Ok(figure)
}

/// From so many callers at once.
async fn call(
    node: &Node,
    sink: &RemoteActorRef<Sink>,
    server: u32,
    callers: u64,
    count: u64,
) -> child::Result<Figure> {
    let message = Put(payload(SMALL_BYTES));
    put(node, sink, &message, 1).await?;
    let meter = Meter::start(server)?;
    let start = Instant::now();
    let callers = (0..callers).map(|_| tokio::spawn(total(sink.clone(), count / callers)));
    let mut sum = 0;
    for caller in callers.collect::<Vec<_>>() {
        sum += caller.await??;
    }
    let rate = rate(count, start);
    let figure = meter.stop(rate.into(), count)?;
    check("the sum", sum, count * weight(&message.0))?;
    Ok(figure)
}

/// The sum of the answers to `count` calls.
async fn total(sink: RemoteActorRef<Sink>, count: u64) -> child::Result<u64> {
    let mut sum = 0;
    for _ in 0..count {
        sum += get(&sink).await?;
    }
    Ok(sum)
}

/// The two actors of `latency_under_bulk`.
struct Sinks {
    node: Node,
    called: RemoteActorRef<Sink>,
    bulk: RemoteActorRef<Sink>,
    message: Put,
}

impl Actors for Sinks {
    async fn call(&self) -> child::Result<u64> {
        get(&self.called).await
    }

    async fn send(&self) -> child::Result<()> {
        put(&self.node, &self.bulk, &self.message, 1).await
    }

    async fn sum_of_bulk(&self) -> child::Result<u64> {
        get(&self.bulk).await
    }
}

async fn latency(node: Node, called: RemoteActorRef<Sink>, count: u64) -> child::Result<Figure> {
    put(&node, &called, &Put(payload(SMALL_BYTES)), 1).await?;
    let bulk = find_sink(BULK_SINK).await?;
    let message = Put(payload(BULK_BYTES));
    let sinks = Sinks {
        node,
        called,
        bulk,
        message,
    };
    under_bulk::latency(sinks, count).await
}
