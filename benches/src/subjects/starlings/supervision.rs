//! Supervisors and their children.

use std::time::{Duration, Instant};

use starlings::prelude::*;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::{Counter, node};
use crate::child::{self, check, rate};
use crate::subjects::{RESTARTS_EACH, RESTARTS_SECONDS};

/// Tells who started it of each of its lives.
struct Mortal;

#[actor]
impl Mortal {
    fn init(born: UnboundedSender<Pid<Self>>, cx: &mut Cx<Self>) -> Self {
        // Who started it may be gone.
        drop(born.send(cx.pid()));
        Self
    }
    #[call]
    fn get(&self) -> u64 {
        1
    }
}

pub async fn restart(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let mut taken = Duration::ZERO;
    for _ in 0..count / u64::from(RESTARTS_EACH) {
        taken += restart_often(&node).await?;
    }
    Ok(count as f64 / taken.as_secs_f64())
}

async fn restart_often(node: &Node) -> child::Result<Duration> {
    let (born, mut lives) = mpsc::unbounded_channel();
    let supervisor = Supervisor::one_for_one()
        .intensity(
            RESTARTS_EACH as usize,
            Duration::from_secs(RESTARTS_SECONDS),
        )
        .child(spec::<Mortal>(born));
    let supervisor = supervisor.start(node).await?;
    let mut mortal = lives.recv().await.ok_or("no child")?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..RESTARTS_EACH {
        node.kill(&mortal);
        mortal = lives.recv().await.ok_or("no further life")?;
        sum += mortal.get().await?;
    }
    let taken = start.elapsed();
    check("the answers", sum, u64::from(RESTARTS_EACH))?;
    let ended = node.monitor(&supervisor);
    node.stop(&supervisor, ExitReason::Shutdown);
    check("the reason", ended.await.reason, ExitReason::Shutdown)?;
    Ok(taken)
}

pub async fn children(count: u64) -> child::Result<f64> {
    let node = node().await?;
    let supervisor = Supervisor::dynamic().start(&node).await?;
    let mut children = Vec::with_capacity(usize::try_from(count)?);
    let start = Instant::now();
    for _ in 0..count {
        children.push(supervisor.start_child(spec::<Counter>(())).await?);
    }
    let ended = node.monitor(&supervisor);
    node.stop(&supervisor, ExitReason::Shutdown);
    let reason = ended.await.reason;
    let rate = rate(2 * count, start);
    check("the reason", reason, ExitReason::Shutdown)?;
    check("the children", children.len() as u64, count)?;
    check(
        "whether one lives",
        children.iter().any(|child| node.is_alive(child)),
        false,
    )?;
    Ok(rate)
}
