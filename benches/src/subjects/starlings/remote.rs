//! Two Starlings nodes in two processes. The client spawns the actor on the server's node.

use std::time::Instant;

use bytes::Bytes;
use starlings::prelude::*;
use starlings::{CastError, NodeId};

use super::{PATIENCE, monitors};
use crate::child::{self, PAYLOAD, Server, check, rate, serve_at, weight};
use crate::subjects::{Subject, not_measured};
use crate::workload::Bench;

const SERVER: &str = "server@localhost";
const COOKIE: &str = "benches";

/// Adds up what it is sent.
struct Sink(u64);

#[actor(name = "benches.sink", capacity = 2_000_000)]
impl Sink {
    fn init() -> Self {
        Self(0)
    }
    #[cast]
    fn put(&mut self, payload: Bytes) {
        self.0 += weight(&payload);
    }
    #[call]
    fn get(&self) -> u64 {
        self.0
    }
}

async fn node(name: &str) -> child::Result<Node> {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie(COOKIE);
    Ok(builder
        .spawnable::<Sink>()
        .spawnable::<monitors::Host>()
        .start()
        .await?)
}

pub fn serve() -> child::Result<()> {
    child::run(async {
        let node = node(SERVER).await?;
        serve_at(starlings::address(&node).ok_or("not listening")?).await
    })
}

pub fn measure(bench: Bench, count: u64) -> child::Result<f64> {
    let mut server = Server::start_self(&["serve", "starlings"])?;
    let address = server.address();
    child::run(async move {
        let node = node("client@localhost").await?;
        let place: NodeId = SERVER.parse()?;
        node.connect(&place, Some(&address)).await?;
        match bench {
            Bench::RemoteCast64 => cast(&node, &place, count).await,
            Bench::RemoteCall => call(&node, &place, count).await,
            Bench::RemoteSpawn => spawn(&node, &place, count).await,
            Bench::MonitorStorm => monitors::storm(&node, &place, &mut server, count).await,
            _ => not_measured(Subject::Starlings, bench),
        }
    })
}

async fn cast(node: &Node, place: &NodeId, count: u64) -> child::Result<f64> {
    let sink = node.on(place).spawn::<Sink>(()).await?;
    let payload = Bytes::from_static(&PAYLOAD);
    let start = Instant::now();
    for _ in 0..count {
        match sink.put(payload.clone()) {
            Err(CastError::Overloaded) => {
                sink.cast_wait(SinkMessage::Put {
                    payload: payload.clone(),
                })
                .await?;
            }
            sent => sent?,
        }
    }
    let sum = sink.get().timeout(PATIENCE).await?;
    let rate = rate(count, start);
    check("the sum", sum, count * weight(&PAYLOAD))?;
    Ok(rate)
}

async fn call(node: &Node, place: &NodeId, count: u64) -> child::Result<f64> {
    let sink = node.on(place).spawn::<Sink>(()).await?;
    sink.put(Bytes::from_static(&PAYLOAD))?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += sink.get().await?;
    }
    let rate = rate(count, start);
    check("the sum", sum, count * weight(&PAYLOAD))?;
    Ok(rate)
}

async fn spawn(node: &Node, place: &NodeId, count: u64) -> child::Result<f64> {
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        let sink = node.on(place).spawn::<Sink>(()).await?;
        sum += sink.get().await? + 1;
        node.stop(&sink, ExitReason::Normal);
    }
    let rate = rate(count, start);
    check("the answers", sum, count)?;
    Ok(rate)
}
