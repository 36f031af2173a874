//! Calls to one actor of the other node, alone and while long messages go to another one there. The same
//! for every subject in Rust; knows none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::child::{Result, SMALL_BYTES, check, payload, rate, weight};
use crate::figure::Figure;

/// What goes to another actor of the same process in `latency_under_bulk`. Bytes.
pub const BULK_BYTES: u32 = 100_000_000;

/// So long it calls while that goes on, if it does not come to all its calls sooner.
pub const CALLING_SECONDS_MAX: u64 = 10;

/// The two actors on the other node.
pub trait Actors: Send + Sync + 'static {
    /// Calls the one, which has had one small payload, for its sum.
    fn call(&self) -> impl Future<Output = Result<u64>> + Send;

    /// Sends the other one a payload of [`BULK_BYTES`], and waits if too much of it is on its way.
    fn send(&self) -> impl Future<Output = Result<()>> + Send;

    /// The sum of the other one, once it has all that was sent.
    fn sum_of_bulk(&self) -> impl Future<Output = Result<u64>> + Send;
}

/// How many times the p99 alone the p99 under bulk is, and both beside it. So is what the bulk came
/// to: calls are quick where it stands still.
pub async fn latency(actors: impl Actors, count: u64) -> Result<Figure> {
    let actors = Arc::new(actors);
    let alone = p99(&*actors, count).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let (going, goes) = oneshot::channel();
    let start = Instant::now();
    let sender = tokio::spawn(send(actors.clone(), going, stop.clone()));
    if goes.await.is_err() {
        sender.await??;
        return Err("the bulk did not begin".into());
    }
    let under = p99(&*actors, count).await?;
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
    actors: Arc<impl Actors>,
    going: oneshot::Sender<()>,
    stop: Arc<AtomicBool>,
) -> Result<(u64, u64)> {
    actors.send().await?;
    let mut sent = 1;
    going.send(()).map_err(|()| "nobody waits")?;
    while !stop.load(Ordering::Relaxed) {
        actors.send().await?;
        sent += 1;
    }
    Ok((sent, actors.sum_of_bulk().await?))
}

/// So many microseconds or less took 99 of 100 calls.
async fn p99(actors: &impl Actors, count: u64) -> Result<f64> {
    let expected = weight(&payload(SMALL_BYTES));
    let mut took = Vec::with_capacity(usize::try_from(count)?);
    let begun = Instant::now();
    let until = Duration::from_secs(CALLING_SECONDS_MAX);
    while (took.len() as u64) < count && begun.elapsed() < until {
        let start = Instant::now();
        let sum = actors.call().await?;
        took.push(start.elapsed());
        check("the answer", sum, expected)?;
    }
    took.sort_unstable();
    let last = took.len() * 99 / 100;
    let last = took.get(last.saturating_sub(1)).ok_or("no calls")?;
    Ok(last.as_secs_f64() * 1e6)
}
