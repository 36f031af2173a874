//! Timers: later, again and again, taken back, and a hundred thousand at once.

#[path = "common/until.rs"]
mod until;

use std::time::Duration;

use starlings::TimerRef;
use starlings::prelude::*;
use tokio::time::Instant;
use until::until;

#[derive(Debug)]
struct Ring(&'static str);

#[derive(Debug)]
struct Welcome;

/// Rings when it is told to.
struct Clock {
    began: Instant,
    rings: u64,
    quiet: bool,
}

#[actor]
impl Clock {
    fn init(quiet: bool, cx: &mut Cx<Self>) -> Self {
        // Handled before the first message, whoever sends it.
        cx.continue_with(Welcome);
        Self { began: Instant::now(), rings: 0, quiet }
    }

    #[info]
    fn welcome(&mut self, _: Welcome, cx: &mut Cx<Self>) {
        println!("{} is ready", cx.pid());
    }

    #[call]
    fn once(&mut self, name: &'static str, after: Duration, cx: &mut Cx<Self>) -> TimerRef {
        cx.send_after(after, Ring(name))
    }

    #[call]
    fn every(&mut self, name: &'static str, period: Duration, cx: &mut Cx<Self>) -> TimerRef {
        cx.send_every(period, move || Ring(name))
    }

    #[cast]
    fn many(&mut self, count: u64, cx: &mut Cx<Self>) {
        for i in 0..count {
            cx.send_after(Duration::from_millis(i % 100), Ring("one of many"));
        }
    }

    /// What was left of a timer that is taken back.
    #[call]
    fn cancel(&mut self, timer: TimerRef, cx: &mut Cx<Self>) -> Option<Duration> {
        cx.cancel(timer)
    }

    #[call]
    fn rings(&self) -> u64 {
        self.rings
    }

    #[info]
    fn ring(&mut self, ring: Ring) {
        self.rings += 1;
        if !self.quiet {
            println!("{:4} ms: {}", self.began.elapsed().as_millis(), ring.0);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder("a@localhost").start().await?;
    let clock = node.spawn::<Clock>(false).await?;
    clock.once("once", Duration::from_millis(60)).await?;
    let often = clock.every("again", Duration::from_millis(25)).await?;
    let never = clock.once("never", Duration::from_secs(60)).await?;
    until("four rings", async || clock.rings().await.is_ok_and(|rings| rings >= 4)).await?;
    assert!(clock.cancel(often).await?.is_some());
    let left = clock.cancel(never).await?.ok_or("it has rung")?;
    println!("taken back with {} s to go", left.as_secs());

    // Anyone can cast later; it is not the sender's timer but the node's.
    let cast = node.cast_after(&clock, Duration::from_millis(10), ClockMessage::Many { count: 2 });
    let taken = node.cast_after(&clock, Duration::from_secs(60), ClockMessage::Many { count: 9 });
    assert!(taken.cancel());
    drop(cast);
    let before = clock.rings().await?;
    until("two more", async || clock.rings().await.is_ok_and(|now| now >= before + 2)).await?;

    let clock = node.spawn::<Clock>(true).await?;
    let began = Instant::now();
    clock.many(100_000)?;
    until("all", async || clock.rings().await.is_ok_and(|rings| rings == 100_000)).await?;
    println!("100000 timers of up to 100 ms were over after {} ms", began.elapsed().as_millis());
    assert!(node.timers_count() < 10, "an actor that has none keeps none");
    node.shutdown().await;
    Ok(())
}
