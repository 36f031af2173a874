//! Nodes as real processes under faults: what the program `fault-node` is told and tells, and the
//! oracle over what all of them have told.
//!
//! ```text
//!   test ── Command, one a line of JSON ──▶ fault-node        drives streams of numbered messages to
//!        ◀── Said, likewise ───────────────                   the loggers of another one
//!   oracle: what was sent (Driven), what came (LoggerLog), what was watched (WatchLog)
//! ```
//!
//! An epoch is what is sent after one command. Only the test has nodes connect, and only when all that was
//! driven in the epoch before has ended, whole or with its session; so no epoch spans two sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use children::{ChildSetup, ChildrenLog};

pub mod body;
pub mod children;
pub mod oracle;
mod waited;

pub use waited::Waited;

/// How a node is started: the first argument of the program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// How often it says something, in ms.
    pub heartbeat_ms: u64,
    /// How many beats may be missed.
    pub missed_max: u32,
    /// How many loggers it has.
    pub loggers: u32,
}

/// What a node is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Command {
    /// Connect to a node.
    Connect {
        /// Its name.
        node: String,
        /// Where it is.
        address: String,
    },
    /// End the session with a node in order.
    Disconnect {
        /// Its name.
        node: String,
    },
    /// Send numbered messages, from each of some senders to each of some loggers.
    Drive(Drive),
    /// Say how many messages were accepted for sending since the start.
    Progress,
    /// Say how much has moved since the start, and what is waited for.
    Moves,
    /// Say who is connected.
    Nodes,
    /// Say what loggers and watcher have seen.
    Log,
    /// Start a supervisor with these children.
    Supervise(Vec<ChildSetup>),
    /// Tell that supervisor to end.
    EndSupervisor,
    /// Say what was seen of its children.
    Children,
}

/// What is to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drive {
    /// Which epoch this is.
    pub epoch: u32,
    /// The loggers, in the long form of their pids.
    pub to: Vec<String>,
    /// How many senders there are.
    pub senders: u32,
    /// How many messages each sender has for each logger.
    pub messages: u64,
}

/// A line from a node: the number of the command, from 1, and what it answers; 0 for the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// The number.
    pub n: u64,
    /// The answer.
    pub said: Said,
}

/// What a node answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It has started.
    Started(Started),
    /// It is connected, or why not.
    Connected(Option<String>),
    /// Whether there was a session to end.
    Disconnected(bool),
    /// All was sent, or the session was lost.
    Driven(Driven),
    /// How many messages were accepted.
    Progress(u64),
    /// How much has moved, and what is waited for.
    Moves {
        /// How often something was sent, has come or has ended.
        moves: u64,
        /// What has not ended, the first of it.
        open: Vec<String>,
    },
    /// Who is connected.
    Nodes(Vec<String>),
    /// What was seen.
    Log(NodeLog),
    /// All children are up.
    Supervised,
    /// The supervisor has been told to end.
    Ending,
    /// What was seen of the children.
    Children(ChildrenLog),
}

/// A node that has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Where it listens.
    pub address: String,
    /// Its incarnation.
    pub life: u64,
    /// Its loggers, in the long form of their pids.
    pub loggers: Vec<String>,
}

/// The send log of one epoch of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driven {
    /// The epoch.
    pub epoch: u32,
    /// One for each sender and logger.
    pub streams: Vec<Sent>,
    /// Likewise, of calls.
    pub asks: Vec<Asked>,
    /// Pairs of actors that were linked.
    pub ties: Vec<Tied>,
}

/// What one sender asked one logger in one epoch: calls numbered from 0, one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Which sender.
    pub sender: u32,
    /// Which logger, by its place in [`Drive::to`].
    pub logger: u32,
    /// How many calls were made, each of which has ended.
    pub asked: u64,
    /// How many were answered.
    pub answered: u64,
    /// Why the others were not, and how often.
    pub errors: BTreeMap<String, u64>,
    /// Answers to something else, and calls that took longer than they may.
    pub broken: Vec<String>,
}

/// The name of a pair of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TieId {
    /// The incarnation of the node that made it.
    pub life: u64,
    /// In which epoch.
    pub epoch: u32,
    /// Which of that.
    pub number: u32,
}

/// A pair of actors that were linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tied {
    /// Its name.
    pub tie: TieId,
    /// Whether the other end has answered after it was linked.
    pub is_settled: bool,
    /// Whether the maker was told in time that the other one has ended, if it has.
    pub is_told: bool,
    /// Whether the end of the node that made it was killed.
    pub maker_killed: bool,
    /// Whether the other one was killed, or was to end by itself.
    pub other_ends: bool,
}

/// What one end of a pair has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieEnd {
    /// Whether it made the tie, and monitors the other one.
    pub is_maker: bool,
    /// Exits of the other one.
    pub exits: u32,
    /// Downs of the monitor.
    pub downs: u32,
    /// What the other one has said.
    pub words: u64,
    /// What it has seen that must not be.
    pub broken: Vec<String>,
}

/// What one sender sent one logger in one epoch: the numbers from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Which sender.
    pub sender: u32,
    /// Which logger, by its place in [`Drive::to`].
    pub logger: u32,
    /// How many messages were accepted for sending.
    pub accepted: u64,
    /// How many of them the logger has confirmed.
    pub confirmed: u64,
    /// Why it ended early: the session was lost.
    pub failed: Option<String>,
    /// That the session was not, and what must not be instead.
    pub broken: Option<String>,
}

/// What a node has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLog {
    /// Of each logger, in the order of [`Started::loggers`].
    pub loggers: Vec<LoggerLog>,
    /// Of the actor that monitors the other node's actors.
    pub watcher: WatchLog,
}

/// What one logger was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggerLog {
    /// The sessions that it was told of, in order.
    pub sessions: Vec<SessionLog>,
    /// Calls that it has answered, of each stream.
    pub asked: Vec<Came>,
    /// What it has seen that must not be.
    pub broken: Vec<String>,
}

/// What one logger was sent between an up and the down after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLog {
    /// The incarnation of the peer.
    pub peer_life: u64,
    /// What came: each stream's numbers from 0.
    pub streams: Vec<Came>,
    /// Why it ended, if it has.
    pub ended: Option<String>,
}

/// What came of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// Who sent it.
    pub sender: u32,
    /// In which epoch.
    pub epoch: u32,
    /// How many messages.
    pub count: u64,
}

/// What one watcher was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchLog {
    /// Monitors that were made.
    pub made: u64,
    /// Those that have ended once.
    pub ended: u64,
    /// Those that have not, the first of them.
    pub open: Vec<String>,
    /// The reasons of the ends, and how often.
    pub reasons: BTreeMap<String, u64>,
    /// The reasons of `NodeDown`, in order.
    pub nodes_down: Vec<String>,
    /// What the ends of pairs have seen that are on its node.
    pub ties: Vec<(TieId, TieEnd)>,
    /// What it has seen that must not be.
    pub broken: Vec<String>,
}
