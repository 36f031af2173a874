//! The two-node workloads for ractor_cluster: `measure BENCH SUBJECT COUNT`, and `serve` for the
//! other process.

#[path = "../../src/child.rs"]
mod child;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use child::{PAYLOAD, Server, check, rate, serve_at, weight};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call as ask, pg};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage, client_connect};

const COOKIE: &str = "benches";

/// The group that the server's actor joins: the one way to find it from the other node.
const SINKS: &str = "sinks";

/// How long the nodes may take to know each other.
const MEETING_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match *args.as_slice() {
        ["measure", bench, _, count] => measure(bench, count),
        ["serve"] => child::run(serve()),
        _ => Err("usage: bench-ractor-cluster measure BENCH SUBJECT COUNT".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
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
    let server = server.with_listen_addr(Ipv4Addr::LOCALHOST.into());
    let (server, _) = Actor::spawn(None, server, ()).await?;
    Ok(server)
}

async fn serve() -> child::Result<()> {
    // The port is free again when the listener is dropped, and seldom taken at once.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (sink, _) = Actor::spawn(None, Sink, ()).await?;
    pg::join(SINKS.to_owned(), vec![sink.get_cell()]);
    node("server", address.port()).await?;
    serve_at(address).await
}

fn measure(bench: &str, count: &str) -> child::Result<()> {
    let (bench, count) = (bench.to_owned(), count.parse()?);
    let server = Server::start_self(&["serve"])?;
    let address = server.address();
    let value = child::run(async move {
        let node = node("client", 0).await?;
        client_connect(&node, address).await?;
        let sink = find_sink().await?;
        match &*bench {
            "remote_cast_64" => cast(&sink, count).await,
            "remote_call" => call(&sink, count).await,
            _ => Err(format!("{bench} is not measured for ractor_cluster").into()),
        }
    })?;
    println!("{value}");
    Ok(())
}

async fn find_sink() -> child::Result<ActorRef<SinkMessage>> {
    let start = Instant::now();
    while start.elapsed() < MEETING_MAX {
        if let Some(sink) = pg::get_members(&SINKS.to_owned()).pop() {
            return Ok(sink.into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the server's actor was not found".into())
}

fn put(sink: &ActorRef<SinkMessage>) -> child::Result<()> {
    sink.cast(SinkMessage::Put(PAYLOAD.to_vec()))
        .map_err(|error| error.to_string().into())
}

async fn get(sink: &ActorRef<SinkMessage>) -> child::Result<u64> {
    ask!(sink, SinkMessage::Get).map_err(|error| error.to_string().into())
}

async fn cast(sink: &ActorRef<SinkMessage>, count: u64) -> child::Result<f64> {
    let start = Instant::now();
    for _ in 0..count {
        put(sink)?;
    }
    let sum = get(sink).await?;
    let rate = rate(count, start);
    check("the sum", sum, count * weight(&PAYLOAD))?;
    Ok(rate)
}

async fn call(sink: &ActorRef<SinkMessage>, count: u64) -> child::Result<f64> {
    put(sink)?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += get(sink).await?;
    }
    let rate = rate(count, start);
    check("the sum", sum, count * weight(&PAYLOAD))?;
    Ok(rate)
}
