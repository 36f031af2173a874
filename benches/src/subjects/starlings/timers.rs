//! Timers of an actor.

use std::time::{Duration, Instant};

use starlings::prelude::*;

use super::{PATIENCE, node};
use crate::child::{self, check, rate};
use crate::subjects::{FIRE_MS_MAX, cpu_micros};

const HOUR: Duration = Duration::from_secs(3600);

/// Sets timers, and counts those that fire.
#[derive(Default)]
struct Clock {
    fired: u64,
    awaited: u64,
    asking: Option<Reply<u64>>,
}

#[derive(Debug)]
struct Ring;

#[actor]
impl Clock {
    fn init() -> Self {
        Self::default()
    }
    /// How many timers were set and cancelled in time.
    #[call]
    fn set_and_cancel(&self, count: u64, cx: &mut Cx<Self>) -> u64 {
        let timers: Vec<_> = (0..count).map(|_| cx.send_after(HOUR, Ring)).collect();
        let cancelled = timers.into_iter().filter_map(|timer| cx.cancel(timer));
        cancelled.map(|_left| 1).sum()
    }
    /// Answers when all have fired.
    #[call]
    fn fire(&mut self, count: u64, reply: Reply<u64>, cx: &mut Cx<Self>) {
        self.awaited = count;
        self.asking = Some(reply);
        for timer in 0..count {
            cx.send_after(Duration::from_millis(1 + timer % FIRE_MS_MAX), Ring);
        }
    }
    #[info]
    fn rang(&mut self, _ring: Ring) {
        self.fired += 1;
        if self.fired == self.awaited
            && let Some(reply) = self.asking.take()
        {
            reply.send(self.fired);
        }
    }
}

pub async fn set(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let clock = node.spawn::<Clock>(()).await?;
    let start = Instant::now();
    let cancelled = clock.set_and_cancel(count).timeout(PATIENCE).await?;
    let rate = rate(2 * count, start);
    check("the cancelled", cancelled, count)?;
    Ok(rate)
}

pub async fn fire(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let clock = node.spawn::<Clock>(()).await?;
    let before = cpu_micros()?;
    let fired = clock.fire(count).timeout(PATIENCE).await?;
    let taken = cpu_micros()? - before;
    check("the fired", fired, count)?;
    Ok(taken / count as f64)
}
