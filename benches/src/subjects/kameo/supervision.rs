//! kameo's supervision: any actor may have children that it restarts.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn as _};
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::child::{self, check};
use crate::subjects::{RESTARTS_EACH, RESTARTS_SECONDS};

/// Its strategy is one for one unless it says otherwise.
#[derive(Actor)]
struct Parent;

/// Tells who started it of each of its lives.
struct Mortal;

struct Get;

impl Actor for Mortal {
    type Args = UnboundedSender<ActorRef<Self>>;
    type Error = Infallible;

    async fn on_start(born: Self::Args, me: ActorRef<Self>) -> Result<Self, Infallible> {
        // Who started it may be gone.
        drop(born.send(me));
        Ok(Self)
    }
}

impl Message<Get> for Mortal {
    type Reply = u64;

    async fn handle(&mut self, Get: Get, _: &mut Context<Self, u64>) -> u64 {
        1
    }
}

pub async fn restart(count: u64) -> child::Result<f64> {
    let mut taken = Duration::ZERO;
    for _ in 0..count / u64::from(RESTARTS_EACH) {
        taken += restart_often().await?;
    }
    Ok(count as f64 / taken.as_secs_f64())
}

async fn restart_often() -> child::Result<Duration> {
    let parent = Parent::spawn_with_mailbox(Parent, mailbox::unbounded());
    let (born, mut lives) = mpsc::unbounded_channel();
    Mortal::supervise(&parent, born)
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(RESTARTS_EACH, Duration::from_secs(RESTARTS_SECONDS))
        .spawn_with_mailbox(mailbox::unbounded())
        .await;
    let mut mortal = lives.recv().await.ok_or("no child")?;
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..RESTARTS_EACH {
        mortal.kill();
        mortal = lives.recv().await.ok_or("no further life")?;
        sum += mortal.ask(Get).await.map_err(|error| error.to_string())?;
    }
    let taken = start.elapsed();
    check("the answers", sum, u64::from(RESTARTS_EACH))?;
    parent
        .stop_gracefully()
        .await
        .map_err(|error| error.to_string())?;
    parent.wait_for_shutdown().await;
    Ok(taken)
}
