//! What happened in a trace: what arrived when, and what was done.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use super::super::super::EndCause;
use crate::reason::ExitReason;

/// A child of a trace, and which of its lives: starts are numbered from 1.
pub(super) type Name = u64;
pub(super) type Attempt = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Up,
    Ignored,
    Failed,
    /// It failed since its node was lost.
    Lost,
}

/// What arrives at a supervisor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    Exit(Name, Attempt, ExitReason),
    Asked(u64, Asked),
    /// It is this time: not a message, but what a clock shows from here on.
    Clock(Duration),
    /// Delays may be over.
    Elapsed,
    End,
    /// Of the models: a start failed, and is to be tried again.
    TryAgain(Name),
    /// Of the models: a delay is over.
    Due(Name, Duration),
}

impl Message {
    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Self::Asked(..))
    }

    /// Whether it is the exit of this life.
    pub(super) fn is_exit_of(&self, name: Name, attempt: Attempt) -> bool {
        matches!(self, Self::Exit(of, life, _) if (*of, *life) == (name, attempt))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Asked {
    Add(Name),
    Terminate(Name),
    /// By the pid of this life.
    TerminatePid(Name, Attempt),
    StartAgain(Name),
    Delete(Name),
}

impl Asked {
    pub(super) fn name(self) -> Name {
        match self {
            Self::Add(name)
            | Self::Terminate(name)
            | Self::TerminatePid(name, _)
            | Self::StartAgain(name)
            | Self::Delete(name) => name,
        }
    }
}

/// What was answered, without texts and pids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Started,
    Ignored,
    Failed,
    Done,
    AlreadyPresent,
    NotFound,
    Running,
    Restarting,
    BadSpec,
    MaxChildren,
    Dynamic,
    Busy,
    Ending,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Arrived(Message),
    Started(Name, Attempt, Outcome),
    Stopped(Name, Attempt),
}

/// The entries of a trace in order; each is read once.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(VecDeque<Entry>);

impl Log {
    pub(super) fn note(&mut self, entry: Entry) {
        self.0.push_back(entry);
    }

    pub(super) fn steps(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn next(&mut self) -> Option<Entry> {
        self.0.pop_front()
    }

    /// All that was asked.
    pub(super) fn requests(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter_map(|entry| match entry {
            Entry::Arrived(Message::Asked(request, _)) => Some(*request),
            Entry::Arrived(_) | Entry::Started(..) | Entry::Stopped(..) => None,
        })
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|entry| writeln!(f, "{entry:?}"))
    }
}

/// What a supervisor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Start(Name, Attempt),
    /// A start that is under way is no longer wanted.
    Cancel(Name, Attempt),
    Stop(Name, Attempt),
}

/// Where a child is when a trace is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Up(Attempt),
    Waiting(Duration),
    Stopped,
}

/// What came of a trace.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) ops: Vec<Op>,
    pub(super) answers: BTreeMap<u64, Answered>,
    pub(super) children: Vec<(Name, Place)>,
    pub(super) ended: Option<EndCause>,
}

/// What a model did, how often it restarted a child, and what of that did not count.
pub(super) struct History {
    pub(super) report: Report,
    pub(super) restarts: u64,
    pub(super) explained: u64,
    /// Where the trace is not what the model would have done.
    pub(super) differs: Option<String>,
}

/// Why a model stops: as the supervisor does, or since the trace is not what it would have done.
pub(super) enum Stop {
    For(EndCause),
    Differs(String),
}

pub(super) type Go = Result<(), Stop>;
