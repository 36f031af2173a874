//! The actor that keeps what it is sent: the shell's own mailbox, and the spawnable `relay`.
//!
//! Both are one type, so that `send` and `group send` need not know which of the two they reach.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use starlings::{CacheChanged, Cx, Down, Exit, GroupEvent, NameConflict, NodeEvent, actor};

/// What is kept until it is taken. Count; above it the oldest goes, and is counted.
pub(crate) const KEPT_MAX: usize = 100_000;

/// Keeps what it is sent.
#[derive(Debug)]
pub(crate) struct Relay {
    role: Role,
    kept: VecDeque<Event>,
    dropped: u64,
}

/// Whose mailbox it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// An actor of its own: ends with what it is linked to, and gives its messages to who asks.
    Relay,
    /// The shell's: traps exits, and is emptied by `flush` alone.
    Shell,
}

/// What comes into a mailbox.
#[derive(Debug)]
pub(crate) enum Event {
    Text(String),
    Down(Down),
    Exit(Exit),
    Node(NodeEvent),
    Group(GroupEvent),
    Conflict(NameConflict),
    Cache(CacheChanged),
}

/// Something to be done by the actor itself: to link, to monitor, to exit, to empty the mailbox.
pub(crate) struct Job(Work);

type Work = Box<dyn FnOnce(&mut Relay, &Cx<Relay>) + Send>;

impl Job {
    pub(crate) fn new(job: impl FnOnce(&mut Relay, &Cx<Relay>) + Send + 'static) -> Self {
        Self(Box::new(job))
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

#[actor(name = "relay")]
impl Relay {
    fn init(role: Role, cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(role == Role::Shell);
        Self { role, kept: VecDeque::new(), dropped: 0 }
    }

    /// Keeps a text.
    #[cast]
    fn text(&mut self, text: String) {
        self.keep(Event::Text(text));
    }

    /// Gives and forgets the texts. Those of a shell are its own.
    #[call]
    fn take(&mut self) -> Vec<String> {
        if self.role == Role::Shell {
            return Vec::new();
        }
        let (kept, _) = self.drain();
        let texts = kept.into_iter().filter_map(|event| match event {
            Event::Text(text) => Some(text),
            Event::Down(_)
            | Event::Exit(_)
            | Event::Node(_)
            | Event::Group(_)
            | Event::Conflict(_)
            | Event::Cache(_) => None,
        });
        texts.collect()
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.keep(Event::Down(down));
    }

    #[info]
    fn exit(&mut self, exit: Exit) {
        self.keep(Event::Exit(exit));
    }

    #[info]
    fn node(&mut self, event: NodeEvent) {
        self.keep(Event::Node(event));
    }

    #[info]
    fn group(&mut self, event: GroupEvent) {
        self.keep(Event::Group(event));
    }

    #[info]
    fn conflict(&mut self, conflict: NameConflict) {
        self.keep(Event::Conflict(conflict));
    }

    #[info]
    fn cache(&mut self, changed: CacheChanged) {
        self.keep(Event::Cache(changed));
    }

    #[info]
    fn run(&mut self, job: Job, cx: &mut Cx<Self>) {
        (job.0)(self, cx);
    }
}

impl Relay {
    /// Gives and forgets what is kept, and how much was dropped before it.
    pub(crate) fn drain(&mut self) -> (VecDeque<Event>, u64) {
        (std::mem::take(&mut self.kept), std::mem::take(&mut self.dropped))
    }

    fn keep(&mut self, event: Event) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(event);
    }
}
