//! A task for each timer, which sleeps and then sends into a channel: what a program does that has
//! tokio and nothing else. Tokio's own timer has no task; but its event has to get to somebody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::child::{self, check, rate};
use crate::subjects::{FIRE_MS_MAX, cpu_micros};

const HOUR: Duration = Duration::from_secs(3600);

struct Ring;

fn send_after(after: Duration, to: UnboundedSender<Ring>, set: Arc<AtomicU64>) -> JoinHandle<()> {
    tokio::spawn(async move {
        set.fetch_add(1, Ordering::Relaxed);
        sleep(after).await;
        // Who counts may be gone.
        drop(to.send(Ring));
    })
}

pub async fn set(count: u64) -> child::Result<f64> {
    let (sender, mut rings) = mpsc::unbounded_channel();
    let set = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let timer = |_| send_after(HOUR, sender.clone(), Arc::clone(&set));
    let timers: Vec<_> = (0..count).map(timer).collect();
    // A timer is set when its task has run for the first time. One that is aborted before has cost
    // nothing.
    while set.load(Ordering::Relaxed) < count {
        tokio::task::yield_now().await;
    }
    timers.iter().for_each(JoinHandle::abort);
    let mut cancelled = 0;
    for timer in timers {
        cancelled += u64::from(timer.await.is_err_and(|error| error.is_cancelled()));
    }
    let rate = rate(2 * count, start);
    check("the cancelled", cancelled, count)?;
    check("whether none rang", rings.try_recv().is_err(), true)?;
    Ok(rate)
}

pub async fn fire(count: u64) -> child::Result<f64> {
    let (sender, mut rings) = mpsc::unbounded_channel();
    let set = Arc::new(AtomicU64::new(0));
    let before = cpu_micros()?;
    for timer in 0..count {
        let after = Duration::from_millis(1 + timer % FIRE_MS_MAX);
        send_after(after, sender.clone(), Arc::clone(&set));
    }
    drop(sender);
    let mut fired = 0;
    while let Some(Ring) = rings.recv().await {
        fired += 1;
    }
    let taken = cpu_micros()? - before;
    check("the fired", fired, count)?;
    Ok(taken / count as f64)
}
