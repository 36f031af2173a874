//! The two-node workloads for ractor_cluster: `measure BENCH SUBJECT COUNT`, and `serve` for the
//! other process.

#[path = "../../src/child.rs"]
#[allow(dead_code, reason = "the other program uses the rest")]
mod child;
#[path = "../../src/cost.rs"]
mod cost;
#[path = "../../src/figure.rs"]
#[allow(dead_code, reason = "the other program uses the rest")]
mod figure;
#[path = "../../src/own_program.rs"]
mod own_program;
#[path = "../../src/under_bulk.rs"]
mod under_bulk;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use child::{
    CALLERS, LARGE_BYTES, PAGE_BYTES, SMALL_BYTES, check, payload, rate, serve_at, weight,
};
use cost::Meter;
use figure::Figure;
use own_program::Task;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call as ask, pg};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage, client_connect};
use under_bulk::{Actors, BULK_BYTES};

const COOKIE: &str = "benches";

/// The group that the server's actor joins: the one way to find it from the other node.
const SINKS: &str = "sinks";

/// The group of the one that long messages go to.
const BULK_SINKS: &str = "bulk sinks";

/// The largest frame. Bytes. The default is less than a payload of 100 MB.
const FRAME_BYTES_MAX: u64 = 128 << 20;

/// How long the nodes may take to know each other.
const MEETING_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    own_program::main(serve, measure)
}

#[derive(RactorClusterMessage)]
enum SinkMessage {
    Put(Vec<u8>),
    #[rpc]
    Get(RpcReplyPort<u64>),
}

struct Sink;

impl Actor for Sink {
    type Msg = SinkMessage;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<SinkMessage>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<SinkMessage>,
        message: SinkMessage,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SinkMessage::Put(payload) => *sum += weight(&payload),
            SinkMessage::Get(reply) => reply.send(*sum)?,
        }
        Ok(())
    }
}

async fn node(name: &str, port: u16) -> child::Result<ActorRef<NodeServerMessage>> {
    let (name, host) = (name.to_owned(), "localhost".to_owned());
    let server = NodeServer::new(port, COOKIE.to_owned(), name, host, None, None);
    let server = server
        .with_listen_addr(Ipv4Addr::LOCALHOST.into())
        .with_max_inbound_frame_size(FRAME_BYTES_MAX);
    let (server, _) = Actor::spawn(None, server, ()).await?;
    Ok(server)
}

async fn serve() -> child::Result<()> {
    // The port is free again when the listener is dropped, and seldom taken at once.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    for group in [SINKS, BULK_SINKS] {
        let (sink, _) = Actor::spawn(None, Sink, ()).await?;
        pg::join(group.to_owned(), vec![sink.get_cell()]);
    }
    node("server", address.port()).await?;
    serve_at(address).await
}

async fn measure(task: Task) -> child::Result<Figure> {
    let Task {
        bench,
        count,
        address,
        server,
    } = task;
    let node = node("client", 0).await?;
    client_connect(&node, address).await?;
    let sink = find_sink(SINKS).await?;
    match &*bench {
        "remote_cast_64" => cast(&sink, server, SMALL_BYTES, count).await,
        "remote_cast_4k" => {
            let figure = cast(&sink, server, PAGE_BYTES, count).await?;
            Ok(figure.times(PAGE_BYTES))
        }
        "remote_cast_1m" => {
            let figure = cast(&sink, server, LARGE_BYTES, count).await?;
            Ok(figure.times(LARGE_BYTES))
        }
        "remote_call" => call(&sink, server, count).await,
        "remote_call_64" => call_64(&sink, server, count).await,
        "latency_under_bulk" => latency(sink, count).await,
        _ => Err(format!("{bench} is not measured for ractor_cluster").into()),
    }
}

async fn find_sink(group: &str) -> child::Result<ActorRef<SinkMessage>> {
    let start = Instant::now();
    while start.elapsed() < MEETING_MAX {
        if let Some(sink) = pg::get_members(&group.to_owned()).pop() {
            return Ok(sink.into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the server's actor was not found".into())
}

fn put(sink: &ActorRef<SinkMessage>, payload: Vec<u8>) -> child::Result<()> {
    sink.cast(SinkMessage::Put(payload))
        .map_err(|error| error.to_string().into())
}

async fn get(sink: &ActorRef<SinkMessage>) -> child::Result<u64> {
    ask!(sink, SinkMessage::Get).map_err(|error| error.to_string().into())
}

async fn cast(
    sink: &ActorRef<SinkMessage>,
    server: u32,
    bytes: u32,
    count: u64,
) -> child::Result<Figure> {
    let payload = payload(bytes);
    let meter = Meter::start(server)?;
    let start = Instant::now();
    for _ in 0..count {
        put(sink, payload.clone())?;
    }
    let sum = get(sink).await?;
    let rate = rate(count, start);
    let figure = meter.stop(rate.into(), count)?;
    check("the sum", sum, count * weight(&payload))?;
    Ok(figure)
}

async fn call(sink: &ActorRef<SinkMessage>, server: u32, count: u64) -> child::Result<Figure> {
    let payload = payload(SMALL_BYTES);
    put(sink, payload.clone())?;
    let meter = Meter::start(server)?;
    let start = Instant::now();
    let sum = total(sink.clone(), count).await?;
    let rate = rate(count, start);
    let figure = meter.stop(rate.into(), count)?;
    check("the sum", sum, count * weight(&payload))?;
    Ok(figure)
}

async fn call_64(sink: &ActorRef<SinkMessage>, server: u32, count: u64) -> child::Result<Figure> {
    let payload = payload(SMALL_BYTES);
    put(sink, payload.clone())?;
    let meter = Meter::start(server)?;
    let start = Instant::now();
    let callers = (0..CALLERS).map(|_| tokio::spawn(total(sink.clone(), count / CALLERS)));
    let mut sum = 0;
    for caller in callers.collect::<Vec<_>>() {
        sum += caller.await??;
    }
    let rate = rate(count, start);
    let figure = meter.stop(rate.into(), count)?;
    check("the sum", sum, count * weight(&payload))?;
    Ok(figure)
}

/// The sum of the answers to `count` calls.
async fn total(sink: ActorRef<SinkMessage>, count: u64) -> child::Result<u64> {
    let mut sum = 0;
    for _ in 0..count {
        sum += get(&sink).await?;
    }
    Ok(sum)
}

/// The two actors of `latency_under_bulk`.
struct Sinks {
    called: ActorRef<SinkMessage>,
    bulk: ActorRef<SinkMessage>,
    payload: Vec<u8>,
}

impl Actors for Sinks {
    async fn call(&self) -> child::Result<u64> {
        get(&self.called).await
    }

    /// One at a time: the node would take any number of them into memory.
    async fn send(&self) -> child::Result<()> {
        put(&self.bulk, self.payload.clone())?;
        self.sum_of_bulk().await.map(drop)
    }

    async fn sum_of_bulk(&self) -> child::Result<u64> {
        get(&self.bulk).await
    }
}

async fn latency(called: ActorRef<SinkMessage>, count: u64) -> child::Result<Figure> {
    put(&called, payload(SMALL_BYTES))?;
    let bulk = find_sink(BULK_SINKS).await?;
    let payload = payload(BULK_BYTES);
    let sinks = Sinks {
        called,
        bulk,
        payload,
    };
    under_bulk::latency(sinks, count).await
}
