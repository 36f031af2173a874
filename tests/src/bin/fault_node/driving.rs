//! Sends streams of numbered messages, as far as the session lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_bytes::ByteBuf;
use starlings::prelude::*;
use starlings::{AnyPid, CallError, CastError};
use starlings_tests::faults::{Drive, Driven, Sent, TieId, body};
use tokio::task::JoinSet;

use crate::asking::Asker;
use crate::end;
use crate::in_order::in_order;
use crate::logger::{Logger, LoggerMessage, LoggerMethods as _};
use crate::moves::Moves;
use crate::watcher::{Watcher, WatcherMethods as _};

/// After so many messages of a stream the logger is asked how many have come. Count.
const CONFIRM_EVERY: u64 = 2048;

/// How long that may take: longer than any fault lasts, and than all that is under way on a slow network.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(120);

/// How often each logger is monitored in each epoch.
const MONITORS: usize = 8;

/// Pairs of actors that are linked in each epoch.
const TIES: u32 = 12;

/// Calls of each sender to each logger in each epoch, at most.
const ASKS_MAX: u64 = 500;

/// Actors that are spawned there in each epoch, monitored, and killed while messages are on their way.
const VICTIMS: usize = 16;

/// Sends all that is to be sent, and says what was.
pub(crate) async fn drive(
    node: Node,
    watcher: Pid<Watcher>,
    accepted: Arc<AtomicU64>,
    drive: Drive,
) -> Driven {
    let (epoch, moves) = (drive.epoch, Moves::of(&node));
    let to: Vec<AnyPid> = drive.to.iter().map(|text| text.parse().unwrap()).collect();
    let watched = to.iter().flat_map(|pid| std::iter::repeat_n(node.bind(pid), MONITORS));
    let made = watcher.watch(watched.collect()).await.unwrap();
    if let Some(pid) = to.first() {
        let _open = moves.open(format!("the first call, to {pid:?}"));
        if node.pid::<Logger>(pid).count((u32::MAX, epoch)).await.is_ok() {
            watcher.settle(made).await.unwrap();
        }
    }
    let (mut tasks, mut asks, mut ties) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for sender in 0..drive.senders {
        for (logger, pid) in (0..).zip(&to) {
            let life = pid.incarnation().0;
            let stream = Stream { sender, epoch, life, logger };
            let pid = node.pid(pid);
            let counts = (Arc::clone(&accepted), Arc::clone(&moves));
            tasks.spawn(stream.send(pid.clone(), drive.messages, counts));
            let asker = Asker { sender, epoch, life, logger };
            asks.spawn(asker.ask(node.clone(), pid, drive.messages.min(ASKS_MAX)));
        }
    }
    if let Some(pid) = to.first() {
        for number in 0..TIES {
            let (node, there) = (node.clone(), pid.node().clone());
            let tie = TieId { life: node.instance().incarnation.0, epoch, number };
            ties.spawn(async move { end::make(&node, &there, tie).await });
        }
        harm(&node, &watcher, pid.node()).await;
    }
    let ties = ties.join_all().await.into_iter().flatten().collect();
    Driven { epoch, streams: tasks.join_all().await, asks: asks.join_all().await, ties }
}

/// Spawns actors there, monitors them, and kills every other one.
async fn harm(node: &Node, watcher: &Pid<Watcher>, there: &NodeId) {
    let mut victims = Vec::new();
    for number in 0..VICTIMS {
        let _open = Moves::of(node).open(format!("the spawn of victim {number} on {there}"));
        if let Ok(victim) = node.on(there).spawn::<Logger>(()).await {
            victims.push(victim.any().clone());
            Moves::of(node).note();
        }
    }
    watcher.watch(victims.clone()).await.unwrap();
    victims.iter().step_by(2).for_each(|victim| node.kill(victim));
}

/// One sender's messages to one logger.
struct Stream {
    sender: u32,
    epoch: u32,
    life: u64,
    logger: u32,
}

/// Why a stream ends early.
enum Early {
    /// Its session was lost.
    Failed(String),
    /// It was not.
    Broken(String),
}

impl Stream {
    async fn send(
        self,
        to: Pid<Logger>,
        messages: u64,
        (accepted_in_all, moves): (Arc<AtomicU64>, Arc<Moves>),
    ) -> Sent {
        let (mut accepted, mut confirmed, mut early) = (0, 0, None);
        let (name, salt) =
            ((self.sender, self.epoch), body::stream(self.sender, self.epoch, self.life));
        while accepted < messages && early.is_none() {
            let body = ByteBuf::from(body::body(salt, accepted));
            let (life, stream, number) = (self.life, name, accepted);
            let message = LoggerMessage::Take { life, stream, number, bytes: body };
            match to.cast_wait(message).await {
                Ok(()) => {
                    accepted += 1;
                    accepted_in_all.fetch_add(1, Ordering::Relaxed);
                    moves.note();
                }
                Err(error @ (CastError::NoConnection(_) | CastError::NoProc)) => {
                    early = Some(Early::Failed(error.kind().to_owned()));
                }
                Err(error) => panic!("{error:?}"),
            }
            if early.is_none() && (accepted % CONFIRM_EVERY == 0 || accepted == messages) {
                let Self { sender, logger, .. } = self;
                let what = format!("the count of {accepted} from {sender} to {logger}");
                let _open = moves.open(what);
                early = self.confirm(&to, accepted).await.err();
                confirmed = if early.is_none() { accepted } else { confirmed };
            }
        }
        let (failed, broken) = match early {
            None => (None, None),
            Some(Early::Failed(why)) => (Some(why), None),
            Some(Early::Broken(what)) => (None, Some(what)),
        };
        let Self { sender, logger, .. } = self;
        Sent { sender, logger, accepted, confirmed, failed, broken }
    }

    /// Asks whether all has come so far, twice: who answers the second has answered the first.
    async fn confirm(&self, to: &Pid<Logger>, accepted: u64) -> Result<(), Early> {
        let broken = |what: &str| Err(Early::Broken(what.to_owned()));
        let ask = || to.count((self.sender, self.epoch)).timeout(CONFIRM_TIMEOUT).into_future();
        loop {
            let mut outcomes = in_order(vec![ask(), ask()], CONFIRM_TIMEOUT).await;
            match outcomes.ended.swap_remove(0) {
                Some(Ok(count)) if count == accepted => return Ok(()),
                Some(Ok(count)) => return broken(&format!("{count} of {accepted} have come")),
                Some(Err(CallError::Overloaded)) => tokio::task::yield_now().await,
                Some(Err(CallError::Timeout)) => return broken("nobody says how many have come"),
                Some(Err(error)) => return Err(Early::Failed(format!("{error:?}"))),
                None => return broken("the count is not answered, and a later call is"),
            }
        }
    }
}
