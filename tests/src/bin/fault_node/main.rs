//! A node that logs what it is sent, and sends what it is told to: see `starlings_tests::faults`.
//!
//! The first argument is a [`Setup`] in JSON. Commands come on stdin, one a line of JSON; each is carried
//! out beside the others. It ends with its input.

#![expect(clippy::unwrap_used, reason = "a helper of tests is a test too")]

mod asking;
mod children;
mod driving;
mod end;
mod in_order;
mod logger;
mod moves;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use starlings::prelude::*;
use starlings::{AutoConnect, address};
use starlings_tests::faults::{Command, Line, LoggerLog, NodeLog, Said, Setup, Started};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use children::{Child, Clerk, ClerkMethods as _};
use end::End;
use logger::{Logger, LoggerMethods as _};
use moves::Moves;
use watcher::{WATCHER, Watcher, WatcherMethods as _};

/// What all commands share.
#[derive(Clone)]
struct Harness {
    node: Node,
    loggers: Vec<Pid<Logger>>,
    watcher: Pid<Watcher>,
    clerk: Pid<Clerk>,
    accepted: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() {
    end_by_panics();
    let setup = std::env::args().nth(1).unwrap();
    let harness = Harness::start(&serde_json::from_str(&setup).unwrap()).await;
    say(0, Said::Started(harness.started()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut n = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        n += 1;
        let (harness, command) = (harness.clone(), serde_json::from_str(&line).unwrap());
        tokio::spawn(async move { say(n, harness.obey(command).await) });
    }
    harness.node.shutdown().await;
}

/// Has a panic of any task end the process: the command that the task belongs to would never be answered.
fn end_by_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
}

fn say(n: u64, said: Said) {
    println!("{}", serde_json::to_string(&Line { n, said }).unwrap());
}

impl Harness {
    async fn start(setup: &Setup) -> Self {
        let heartbeat = Duration::from_millis(setup.heartbeat_ms);
        let builder = Node::builder(&setup.name).listen(&setup.listen).cookie("faults");
        let builder = builder.heartbeat(heartbeat, setup.missed_max).user_lanes(2);
        let builder = builder.auto_connect(AutoConnect::Never).spawnable::<Logger>();
        let builder = builder.spawnable::<End>().spawnable::<Child>();
        let node = builder.start().await.unwrap();
        let mut loggers = Vec::new();
        for _ in 0..setup.loggers {
            loggers.push(node.spawn::<Logger>(()).await.unwrap());
        }
        let watcher = node.spawn::<Watcher>(()).await.unwrap();
        node.register(WATCHER, &watcher).unwrap();
        let clerk = node.spawn::<Clerk>(()).await.unwrap();
        Self { node, loggers, watcher, clerk, accepted: Arc::default() }
    }

    fn started(&self) -> Started {
        let pids = self.loggers.iter().map(|logger| format!("{:?}", logger.any()));
        Started {
            address: address(&self.node).unwrap(),
            life: self.node.instance().incarnation.0,
            loggers: pids.collect(),
        }
    }

    async fn obey(self, command: Command) -> Said {
        match command {
            Command::Connect { node, address } => {
                let connected = self.node.connect(&node.parse().unwrap(), Some(&address)).await;
                Said::Connected(connected.err().map(|error| error.to_string()))
            }
            Command::Disconnect { node } => {
                Said::Disconnected(self.node.disconnect(&node.parse().unwrap()))
            }
            Command::Drive(drive) => {
                let Self { node, watcher, accepted, .. } = self;
                Said::Driven(driving::drive(node, watcher, accepted, drive).await)
            }
            Command::Progress => Said::Progress(self.accepted.load(Ordering::Relaxed)),
            Command::Moves => {
                let (moves, open) = Moves::of(&self.node).look();
                Said::Moves { moves, open }
            }
            Command::Nodes => {
                Said::Nodes(self.node.nodes().iter().map(ToString::to_string).collect())
            }
            Command::Log => Said::Log(self.log().await),
            Command::Supervise(setup) => {
                children::supervise(&self.node, &self.clerk, setup).await;
                Said::Supervised
            }
            Command::EndSupervisor => {
                self.clerk.end().await.unwrap();
                Said::Ending
            }
            Command::Children => {
                Said::Children(serde_json::from_str(&self.clerk.log().await.unwrap()).unwrap())
            }
        }
    }

    async fn log(&self) -> NodeLog {
        let mut loggers: Vec<LoggerLog> = Vec::new();
        for logger in &self.loggers {
            loggers.push(serde_json::from_str(&logger.log().await.unwrap()).unwrap());
        }
        NodeLog { loggers, watcher: self.watcher.log().await.unwrap() }
    }
}
