//! Calls to one actor of the other node, alone and while long messages go to another one there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use starlings::Pid;
use tokio::sync::oneshot;

use super::{PATIENCE, Pair, Sink, SinkMethods as _, put, sum_behind};
use crate::child::{self, SMALL_BYTES, check, payload, rate, weight};
use crate::figure::Figure;
use crate::subjects::{BULK_BYTES, CALLING_SECONDS_MAX};

/// How many times the p99 alone the p99 under bulk is, and both beside it. So is what the bulk came
/// to: calls are quick where it stands still.
pub async fn latency(pair: &Pair, count: u64) -> child::Result<Figure> {
    let called = pair.sink().await?;
    called.put(Bytes::from(payload(SMALL_BYTES)))?;
    let alone = p99(&called, count).await?;
    let bulk = pair.sink().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let (going, goes) = oneshot::channel();
    let start = Instant::now();
    let sender = tokio::spawn(send(bulk.clone(), going, stop.clone()));
    goes.await?;
    let under = p99(&called, count).await?;
    stop.store(true, Ordering::Relaxed);
    let (sent, sum) = sender.await??;
    let bulk_rate = rate(sent * u64::from(BULK_BYTES), start);
    check("the sum", sum, sent * weight(&payload(BULK_BYTES)))?;
    let figure = Figure::from(under / alone)
        .beside("p99_alone_us", alone)
        .beside("p99_bulk_us", under);
    Ok(figure.beside("bulk_mb_per_s", bulk_rate / 1e6))
}

/// Sends one after the other until it is told to stop. Gives how many, and their sum: who sent them asks
/// for it, as order is of the sender.
async fn send(
    bulk: Pid<Sink>,
    going: oneshot::Sender<()>,
    stop: Arc<AtomicBool>,
) -> child::Result<(u64, u64)> {
    let payload = Bytes::from(payload(BULK_BYTES));
    put(&bulk, payload.clone()).await?;
    let mut sent = 1;
    going.send(()).map_err(|()| "nobody waits")?;
    while !stop.load(Ordering::Relaxed) {
        put(&bulk, payload.clone()).await?;
        sent += 1;
    }
    Ok((sent, sum_behind(&bulk).await?))
}

/// So many microseconds or less took 99 of 100 calls.
async fn p99(called: &Pid<Sink>, count: u64) -> child::Result<f64> {
    let expected = weight(&payload(SMALL_BYTES));
    let mut took = Vec::with_capacity(usize::try_from(count)?);
    let begun = Instant::now();
    let until = Duration::from_secs(CALLING_SECONDS_MAX);
    while (took.len() as u64) < count && begun.elapsed() < until {
        let start = Instant::now();
        let sum = called.get().timeout(PATIENCE).await?;
        took.push(start.elapsed());
        check("the answer", sum, expected)?;
    }
    took.sort_unstable();
    let last = took.len() * 99 / 100;
    let last = took.get(last.saturating_sub(1)).ok_or("no calls")?;
    Ok(last.as_secs_f64() * 1e6)
}
