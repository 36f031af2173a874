//! Actors that watch actors of another process, which is killed.

use std::time::Instant;

use starlings::prelude::*;
use starlings::{MonitorRef, NodeId};

use super::PATIENCE;
use crate::child::{self, Server, check};
use crate::subjects::WATCHERS;

/// Starts the watched on its own node.
pub struct Host;

#[actor(name = "benches.host")]
impl Host {
    fn init() -> Self {
        Self
    }
    #[call]
    async fn start(&self, count: u64, cx: &mut Cx<Self>) -> Vec<Pid<Watched>> {
        let mut pids = Vec::new();
        for _ in 0..count {
            // One that did not start is missed by who asked.
            pids.extend(cx.spawn::<Watched>(()).await.ok());
        }
        pids
    }
}

/// Does nothing but live.
pub struct Watched;

#[actor(name = "benches.watched")]
impl Watched {
    fn init() -> Self {
        Self
    }
    #[call]
    fn lives(&self) -> bool {
        true
    }
}

/// Notes the end of each of its monitors. Whether each ended once is looked at afterwards.
#[derive(Default)]
struct Watcher {
    set: Vec<MonitorRef>,
    ended: Vec<MonitorRef>,
    asking: Option<Reply<()>>,
}

#[actor]
impl Watcher {
    fn init() -> Self {
        Self::default()
    }
    /// Answers when the monitors are installed there: signals and messages of one actor to another
    /// keep their order, so each monitor is when the call behind it is answered.
    #[call]
    async fn watch(&mut self, pids: Vec<Pid<Watched>>, cx: &mut Cx<Self>) -> u64 {
        self.set = pids.iter().map(|pid| cx.monitor(pid)).collect();
        let mut living = 0;
        for pid in pids {
            living += u64::from(pid.lives().await == Ok(true));
        }
        living
    }
    /// Answers when the last monitor has ended.
    #[call]
    fn all_ended(&mut self, reply: Reply<()>) {
        self.asking = Some(reply);
    }
    /// Whether each monitor has ended once, and no other.
    #[call]
    fn ended_once(&mut self) -> bool {
        self.set.sort_unstable();
        self.ended.sort_unstable();
        self.set == self.ended
    }
    #[info]
    fn down(&mut self, down: Down) {
        self.ended.push(down.monitor);
        if self.ended.len() == self.set.len()
            && let Some(reply) = self.asking.take()
        {
            reply.send(());
        }
    }
}

/// Seconds from the kill until the last monitor has ended.
pub async fn storm(
    node: &Node,
    place: &NodeId,
    server: &mut Server,
    count: u64,
) -> child::Result<f64> {
    let host = node.on(place).spawn::<Host>(()).await?;
    let mut watchers = Vec::new();
    let mut living = 0;
    for _ in 0..WATCHERS {
        let watched = host.start(count / WATCHERS).timeout(PATIENCE).await?;
        let watcher = node.spawn::<Watcher>(()).await?;
        living += watcher.watch(watched).timeout(PATIENCE).await?;
        watchers.push(watcher);
    }
    check("the watched that live", living, count)?;
    let asked = |watcher: &Pid<Watcher>| watcher.all_ended().timeout(PATIENCE).send();
    let all_ended: Vec<_> = watchers.iter().map(asked).collect();
    let start = Instant::now();
    server.kill()?;
    for ended in all_ended {
        ended.await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    for watcher in watchers {
        check(
            "whether each monitor ended once",
            watcher.ended_once().await?,
            true,
        )?;
    }
    Ok(seconds)
}
