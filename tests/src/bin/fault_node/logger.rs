//! The actor that takes numbered messages, and checks what it can check itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use starlings::prelude::*;
use starlings_tests::faults::{Came, LoggerLog, SessionLog, body};

use crate::moves::Moves;

/// More things that must not be are counted no more. Count.
const BROKEN_MAX: usize = 20;

/// Takes numbered messages.
#[derive(Debug)]
pub(crate) struct Logger {
    life: u64,
    sessions: Vec<Session>,
    /// The number of the next call of each stream, and how many have come.
    asked: BTreeMap<(u32, u32), (u64, u64)>,
    broken: Vec<String>,
    moves: Arc<Moves>,
}

#[derive(Debug)]
struct Session {
    peer_life: u64,
    /// How many have come of each stream: the number of the next one.
    streams: BTreeMap<(u32, u32), u64>,
    ended: Option<String>,
}

#[actor(name = "faults.logger")]
impl Logger {
    fn init(cx: &mut Cx<Self>) -> Self {
        cx.monitor_nodes();
        let (life, moves) = (cx.node().instance().incarnation.0, Moves::of(cx.node()));
        let (sessions, broken) = (Vec::new(), Vec::new());
        Self { life, sessions, asked: BTreeMap::new(), broken, moves }
    }

    /// The next message of a stream, for an actor of this life.
    #[cast]
    fn take(&mut self, life: u64, stream: (u32, u32), number: u64, bytes: ByteBuf) {
        self.moves.note();
        if life != self.life {
            self.breaks(|| format!("a message for life {life} in {stream:?}"));
        }
        if !body::is_body(body::stream(stream.0, stream.1, life), number, &bytes) {
            self.breaks(|| format!("message {number} of {stream:?} has another body"));
        }
        match self.next(stream) {
            Some(next) if *next == number => *next += 1,
            next => {
                let next = next.copied();
                self.breaks(|| format!("message {number} of {stream:?} in place of {next:?}"));
            }
        }
    }

    /// How many messages of a stream have come in this session.
    #[call]
    fn count(&mut self, stream: (u32, u32)) -> u64 {
        self.next(stream).copied().unwrap_or_default()
    }

    /// The next call of a stream. Those before it that have not come have failed.
    #[call]
    fn ask(&mut self, life: u64, stream: (u32, u32), number: u64) -> u64 {
        // What moves is its answer, where it came from: a call that nobody answers is followed by the next.
        let (next, count) = self.asked.entry(stream).or_default();
        let was = *next;
        (*next, *count) = (number + 1, *count + 1);
        if number < was || life != self.life {
            self.breaks(|| format!("call {number} of {stream:?} for life {life}, after {was}"));
        }
        answer(life, stream, number)
    }

    #[call]
    fn log(&self) -> String {
        let sessions = self.sessions.iter().map(Session::log).collect();
        let asked = self.asked.iter().map(|((sender, epoch), (_, count))| Came {
            sender: *sender,
            epoch: *epoch,
            count: *count,
        });
        let (asked, broken) = (asked.collect(), self.broken.clone());
        let log = LoggerLog { sessions, asked, broken };
        serde_json::to_string(&log).unwrap()
    }

    #[info]
    fn node(&mut self, event: NodeEvent) {
        let is_open = self.sessions.last().is_some_and(|last| last.ended.is_none());
        match event {
            NodeEvent::Up { peer, .. } => {
                if is_open {
                    self.breaks(|| format!("{peer:?} is up twice"));
                }
                let peer_life = peer.incarnation.0;
                self.sessions.push(Session { peer_life, streams: BTreeMap::new(), ended: None });
            }
            NodeEvent::Down { peer, reason, .. } => match self.sessions.last_mut() {
                Some(last) if is_open && last.peer_life == peer.incarnation.0 => {
                    last.ended = Some(format!("{reason:?}"));
                }
                Some(_) | None => self.breaks(|| format!("{peer:?} is down, and was not up")),
            },
        }
    }
}

/// What a call is answered with: not what any other one is.
pub(crate) fn answer(life: u64, stream: (u32, u32), number: u64) -> u64 {
    body::stream(stream.0, stream.1, life).rotate_left(17) ^ number
}

impl Logger {
    /// The next number of a stream; `None` while no session is up.
    fn next(&mut self, stream: (u32, u32)) -> Option<&mut u64> {
        let session = self.sessions.last_mut().filter(|session| session.ended.is_none())?;
        Some(session.streams.entry(stream).or_default())
    }

    fn breaks(&mut self, what: impl FnOnce() -> String) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(what());
        }
    }
}

impl Session {
    fn log(&self) -> SessionLog {
        let streams = self.streams.iter().filter(|(_, count)| **count > 0);
        let came = |((sender, epoch), count): (&(u32, u32), &u64)| Came {
            sender: *sender,
            epoch: *epoch,
            count: *count,
        };
        SessionLog {
            peer_life: self.peer_life,
            streams: streams.map(came).collect(),
            ended: self.ended.clone(),
        }
    }
}
