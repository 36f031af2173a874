//! What happened in a trace: what arrived when, and what was done.

use std::collections::BTreeMap;
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
    /// Of the model: a start failed, and is to be tried again.
    TryAgain(Name),
    /// Of the model: a delay is over.
    Due(Name, Duration),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Add(Name),
    Terminate(Name),
    /// By the pid of this life.
    TerminatePid(Name, Attempt),
    StartAgain(Name),
    Delete(Name),
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
    Ending,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Arrived(Message),
    Started(Name, Attempt, Outcome),
    Stopped(Name, Attempt),
}

impl Entry {
    fn is_about(&self, name: Name) -> bool {
        match self {
            Self::Started(about, ..)
            | Self::Stopped(about, _)
            | Self::Arrived(Message::Exit(about, ..)) => *about == name,
            Self::Arrived(Message::Asked(_, asked)) => match asked {
                Asked::Add(about)
                | Asked::Terminate(about)
                | Asked::TerminatePid(about, _)
                | Asked::StartAgain(about)
                | Asked::Delete(about) => *about == name,
            },
            Self::Arrived(Message::Clock(_)) => true,
            Self::Arrived(_) => false,
        }
    }
}

/// The entries of a trace in order; each is read once.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Vec<Option<Entry>>);

impl Log {
    pub(super) fn note(&mut self, entry: Entry) {
        self.0.push(Some(entry));
    }

    pub(super) fn steps(&self) -> u64 {
        self.0.len() as u64
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Option<Result<Message, Entry>> {
        let entry = self.0.iter_mut().find_map(Option::take)?;
        Some(match entry {
            Entry::Arrived(message) => Ok(message),
            other @ (Entry::Started(..) | Entry::Stopped(..)) => Err(other),
        })
    }

    /// Reads on, only about `name` if one is given, up to an entry that `is_it`.
    pub(super) fn read_to(
        &mut self,
        name: Option<Name>,
        is_it: impl Fn(&Entry) -> bool,
        mut message: impl FnMut(Message),
    ) -> Option<Entry> {
        for slot in &mut self.0 {
            let Some(entry) = slot.take_if(|entry| name.is_none_or(|name| entry.is_about(name)))
            else {
                continue;
            };
            let found = is_it(&entry);
            if let Entry::Arrived(arrived) = &entry {
                message(arrived.clone());
            }
            if found {
                return Some(entry);
            }
        }
        None
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().flatten().try_for_each(|entry| writeln!(f, "{entry:?}"))
    }
}

/// What a supervisor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Start(Name, Attempt),
    Stop(Name, Attempt),
}

impl Op {
    pub(super) fn name(self) -> Name {
        match self {
            Self::Start(name, _) | Self::Stop(name, _) => name,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    For(EndCause),
    /// It was told to end in the middle of something.
    Cut,
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
    pub(super) ended: Option<Ended>,
}
