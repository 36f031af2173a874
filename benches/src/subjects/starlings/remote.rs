//! Two Starlings nodes in two processes. The client spawns the actor on the server's node.

mod bulk;

use std::time::Instant;

use bytes::Bytes;
use starlings::prelude::*;
use starlings::{CallError, CastError, NodeId};

use super::{PATIENCE, monitors};
use crate::child::{
    self, CALLERS, LARGE_BYTES, PAGE_BYTES, SMALL_BYTES, Server, check, payload, rate, serve_at,
    weight,
};
use crate::cost::Meter;
use crate::figure::Figure;
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

pub fn measure(bench: Bench, count: u64) -> child::Result<Figure> {
    let server = Server::start_self(&["serve", "starlings"])?;
    child::run(async move {
        let node = node("client@localhost").await?;
        let place: NodeId = SERVER.parse()?;
        node.connect(&place, Some(&server.address())).await?;
        let mut pair = Pair {
            node,
            place,
            server,
        };
        match bench {
            Bench::RemoteCast64 => pair.cast(SMALL_BYTES, count).await,
            Bench::RemoteCast4k => Ok(pair.cast(PAGE_BYTES, count).await?.times(PAGE_BYTES)),
            Bench::RemoteCast1m => Ok(pair.cast(LARGE_BYTES, count).await?.times(LARGE_BYTES)),
            Bench::RemoteCall => pair.call(count).await,
            Bench::RemoteCall64 => pair.call_64(count).await,
            Bench::RemoteSpawn => pair.spawn(count).await,
            Bench::RemoteSpawn64 => pair.spawn_64(count).await,
            Bench::LatencyUnderBulk => bulk::latency(&pair, count).await,
            Bench::MonitorStorm => {
                let Pair {
                    node,
                    place,
                    server,
                } = &mut pair;
                Ok(monitors::storm(node, place, server, count).await?.into())
            }
            _ => not_measured(Subject::Starlings, bench),
        }
    })
}

/// The client's node, and the other one.
struct Pair {
    node: Node,
    place: NodeId,
    server: Server,
}

impl Pair {
    async fn sink(&self) -> child::Result<Pid<Sink>> {
        Ok(self.node.on(&self.place).spawn::<Sink>(()).await?)
    }

    async fn cast(&self, bytes: u32, count: u64) -> child::Result<Figure> {
        let sink = self.sink().await?;
        let payload = Bytes::from(payload(bytes));
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        for _ in 0..count {
            match sink.put(payload.clone()) {
                Err(CastError::Overloaded) => put(&sink, payload.clone()).await?,
                sent => sent?,
            }
        }
        let sum = sum_behind(&sink).await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    async fn call(&self, count: u64) -> child::Result<Figure> {
        let sink = self.sink().await?;
        let payload = Bytes::from(payload(SMALL_BYTES));
        sink.put(payload.clone())?;
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        let sum = total(sink, count).await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    async fn call_64(&self, count: u64) -> child::Result<Figure> {
        let sink = self.sink().await?;
        let payload = Bytes::from(payload(SMALL_BYTES));
        sink.put(payload.clone())?;
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        let sum = by_all(count, |each| total(sink.clone(), each)).await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    async fn spawn(&self, count: u64) -> child::Result<Figure> {
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        let sum = come_and_go(self.node.clone(), self.place.clone(), count).await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the answers", sum, count)?;
        Ok(figure)
    }

    async fn spawn_64(&self, count: u64) -> child::Result<Figure> {
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        let one = |each| come_and_go(self.node.clone(), self.place.clone(), each);
        let sum = by_all(count, one).await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the answers", sum, count)?;
        Ok(figure)
    }
}

/// What tasks that share the work at once come to together.
async fn by_all<F>(count: u64, one: impl Fn(u64) -> F) -> child::Result<u64>
where
    F: Future<Output = child::Result<u64>> + Send + 'static,
{
    let callers = (0..CALLERS).map(|_| tokio::spawn(one(count / CALLERS)));
    let mut sum = 0;
    for caller in callers.collect::<Vec<_>>() {
        sum += caller.await??;
    }
    Ok(sum)
}

/// Actors that start there, answer once and are told to stop. Each counts as one.
async fn come_and_go(node: Node, place: NodeId, count: u64) -> child::Result<u64> {
    let mut sum = 0;
    for _ in 0..count {
        let sink = node.on(&place).spawn::<Sink>(()).await?;
        sum += sink.get().await? + 1;
        node.stop(&sink, ExitReason::Normal);
    }
    Ok(sum)
}

/// Waits for room only if there is none.
async fn put(sink: &Pid<Sink>, payload: Bytes) -> Result<(), CastError> {
    match sink.put(payload.clone()) {
        Err(CastError::Overloaded) => sink.cast_wait(SinkMessage::Put { payload }).await,
        sent => sent,
    }
}

/// The sum when all casts are handled. A call to who is sent long messages waits for room behind
/// them by an empty cast, which adds nothing.
async fn sum_behind(sink: &Pid<Sink>) -> child::Result<u64> {
    loop {
        match sink.get().timeout(PATIENCE).await {
            Err(CallError::Overloaded) => {
                let payload = Bytes::new();
                sink.cast_wait(SinkMessage::Put { payload }).await?;
            }
            answered => return Ok(answered?),
        }
    }
}

/// The sum of the answers to `count` calls.
async fn total(sink: Pid<Sink>, count: u64) -> child::Result<u64> {
    let mut sum = 0;
    for _ in 0..count {
        sum += sink.get().await?;
    }
    Ok(sum)
}
