//! Independent children as OTP would have them under supervisors of their own: each has a mailbox,
//! and one thing is done with it at a time. They share the list of children, the count of restarts,
//! and the bounds; and the mailbox of the time when they begin, which they do one after another.
//!
//! Where one thing is done after another this does what `otp` does, and both are run.

mod calls;
mod lives;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::super::{EndCause, Strategy};
use super::ending::{self, Left};
use super::log::{
    Answered, Asked, Attempt, Entry, Go, History, Log, Message, Name, Op, Place, Report, Stop,
};
use super::losses::{Restarts, Why};
use super::setup::{Setup, Spec};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    Down,
    Starting(Attempt, For),
    Up(Attempt, Duration),
    /// And which request is answered then.
    Stopping(Attempt, u64),
    /// Its start failed; whether its node was lost.
    Restarting(bool),
    Waiting(Duration),
}

/// What a start is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum For {
    Beginning,
    Restart,
    Add(u64),
    StartAgain(u64),
}

impl Life {
    /// What the start of this life is for, if that is under way.
    fn started_for(self, attempt: Attempt) -> Option<For> {
        if let Self::Starting(starts, what_for) = self {
            return (starts == attempt).then_some(what_for);
        }
        None
    }

    /// Which request has this life stopped, if that is under way.
    fn stopped_for(self, attempt: Attempt) -> Option<u64> {
        if let Self::Stopping(stops, request) = self {
            return (stops == attempt).then_some(request);
        }
        None
    }
}

#[derive(Debug)]
struct Child {
    spec: Spec,
    /// The request that it came with; 0 for those at the beginning. Children stand in this order.
    asked: u64,
    life: Life,
    streak: u32,
}

pub(super) struct Apart<'a> {
    setup: &'a Setup,
    log: Log,
    now: Duration,
    children: Vec<Child>,
    restarts: Restarts<'a>,
    begun: bool,
    /// While they begin: those whose turn has not come.
    to_begin: VecDeque<Name>,
    /// What has arrived while they begin.
    early: VecDeque<Message>,
    mailboxes: BTreeMap<Name, VecDeque<Message>>,
    report: Report,
}

impl<'a> Apart<'a> {
    pub(super) fn new(setup: &'a Setup, log: Log) -> Self {
        let children = setup.children.iter().cloned();
        let child = |spec| Child { spec, asked: 0, life: Life::Down, streak: 0 };
        Self {
            setup,
            log,
            now: Duration::ZERO,
            children: children.map(child).collect(),
            restarts: Restarts::new(setup),
            begun: false,
            to_begin: setup.children.iter().map(|spec| spec.name).collect(),
            early: VecDeque::new(),
            mailboxes: BTreeMap::new(),
            report: Report::default(),
        }
    }

    pub(super) fn run(mut self) -> History {
        let lived = self.live();
        let left = self.children.iter().map(|child| (child.spec.name, self.left(child)));
        let left = left.collect();
        self.report.children =
            self.children.iter().map(|child| (child.spec.name, place(child))).collect();
        ending::conclude(lived, left, self.setup.strategy, self.log, self.report, self.restarts)
    }

    fn left(&self, child: &Child) -> Left {
        let name = child.spec.name;
        match child.life {
            Life::Starting(attempt, _) => Left::Starting(attempt),
            Life::Up(attempt, _) if !self.has_exited(name, attempt) => Left::Up(attempt),
            Life::Stopping(attempt, _) => Left::Stopping(attempt),
            Life::Down | Life::Up(..) | Life::Restarting(_) | Life::Waiting(_) => Left::Down,
        }
    }

    fn live(&mut self) -> Go {
        self.begin_next()?;
        while let Some(entry) = self.log.next() {
            match entry {
                Entry::Arrived(message) => self.arrive(message)?,
                Entry::Started(name, attempt, outcome) => {
                    let life = self.life(name);
                    let Some(what_for) = life.started_for(attempt) else {
                        return Err(Stop::Differs(format!("{entry:?}: it is {life:?}")));
                    };
                    self.started(name, attempt, outcome, what_for)?;
                }
                Entry::Stopped(name, attempt) => {
                    let life = self.life(name);
                    let Some(request) = life.stopped_for(attempt) else {
                        return Err(Stop::Differs(format!("{entry:?}: it is {life:?}")));
                    };
                    self.stopped(name, request)?;
                }
            }
        }
        Ok(())
    }

    /// Starts the next of those that it begins with; after the last, what waited is done.
    fn begin_next(&mut self) -> Go {
        if let Some(name) = self.to_begin.pop_front() {
            self.start(name, For::Beginning);
            return Ok(());
        }
        self.begun = true;
        while let Some(message) = self.early.pop_front() {
            let name = match &message {
                Message::Asked(_, asked) => asked.name(),
                Message::Exit(name, ..) => *name,
                Message::Clock(_)
                | Message::Elapsed
                | Message::End
                | Message::TryAgain(_)
                | Message::Due(..) => continue,
            };
            self.deliver(name, message)?;
        }
        Ok(())
    }

    fn arrive(&mut self, message: Message) -> Go {
        match message {
            Message::Clock(now) => self.now = now,
            Message::Elapsed => {
                let waiting = self.children.iter().filter_map(|child| match child.life {
                    Life::Waiting(at) if at <= self.now => Some((at, child.spec.name)),
                    Life::Waiting(_)
                    | Life::Down
                    | Life::Starting(..)
                    | Life::Up(..)
                    | Life::Stopping(..)
                    | Life::Restarting(_) => None,
                });
                let mut due = waiting.collect::<Vec<_>>();
                due.sort_by_key(|(at, _)| *at);
                for (at, name) in due {
                    self.deliver(name, Message::Due(name, at))?;
                }
            }
            Message::End => return Err(Stop::For(EndCause::Asked)),
            Message::Exit(name, attempt, _) => match self.life(name).stopped_for(attempt) {
                Some(request) => self.stopped(name, request)?,
                None => self.deliver(name, message)?,
            },
            Message::Asked(request, asked) => self.asked(request, asked)?,
            Message::TryAgain(name) | Message::Due(name, _) => self.deliver(name, message)?,
        }
        Ok(())
    }

    fn asked(&mut self, request: u64, asked: Asked) -> Go {
        let by_id = matches!(asked, Asked::StartAgain(_) | Asked::Delete(_));
        if self.setup.strategy == Strategy::Dynamic && by_id {
            self.report.answers.insert(request, Answered::Dynamic);
            return Ok(());
        }
        if self.begun && !self.is_known(asked) {
            self.report.answers.insert(request, Answered::NotFound);
            return Ok(());
        }
        let name = asked.name();
        let mailboxes = self.mailboxes.values().chain([&self.early]);
        let waiting = mailboxes.flatten().filter(|message| message.is_asked()).count();
        if self.is_busy(name) && waiting >= self.setup.requests_max {
            self.report.answers.insert(request, Answered::Busy);
            return Ok(());
        }
        if let (Asked::Terminate(_), Life::Starting(attempt, _)) = (asked, self.life(name))
            && self.begun
        {
            self.report.ops.push(Op::Cancel(name, attempt));
        }
        self.deliver(name, Message::Asked(request, asked))
    }

    /// Puts a message into the mailbox of a child, which heeds it when it can.
    fn deliver(&mut self, name: Name, message: Message) -> Go {
        if !self.begun {
            self.early.push_back(message);
            return Ok(());
        }
        self.mailboxes.entry(name).or_default().push_back(message);
        self.heed(name)
    }

    /// Takes what is in the mailbox of a child, up to something that takes its time.
    fn heed(&mut self, name: Name) -> Go {
        while !self.is_busy(name)
            && let Some(message) = self.mailboxes.get_mut(&name).and_then(VecDeque::pop_front)
        {
            self.handle(name, message)?;
        }
        self.answer_for_the_gone(name);
        Ok(())
    }

    /// Who asks by the pid of a life that is gone need not wait for the next one.
    fn answer_for_the_gone(&mut self, name: Name) {
        let waiting = self.mailboxes.remove(&name).unwrap_or_default();
        let (gone, waiting) = waiting.into_iter().partition(
            |message| matches!(message, Message::Asked(_, asked) if !self.is_known(*asked)),
        );
        self.mailboxes.insert(name, waiting);
        let gone: VecDeque<_> = gone;
        for message in gone {
            if let Message::Asked(request, _) = message {
                self.report.answers.insert(request, Answered::NotFound);
            }
        }
    }

    /// Whether it is asked by an id, or by the pid of a life that the child has.
    fn is_known(&self, asked: Asked) -> bool {
        let Asked::TerminatePid(name, attempt) = asked else { return true };
        matches!(self.life(name), Life::Up(life, _) | Life::Stopping(life, _) if life == attempt)
    }

    fn handle(&mut self, name: Name, message: Message) -> Go {
        match (message, self.life(name)) {
            (Message::Exit(_, attempt, reason), Life::Up(up, since)) if up == attempt => {
                self.ended(name, &reason, self.now.saturating_sub(since))
            }
            (Message::TryAgain(_), Life::Restarting(lost)) => {
                self.restart(name, lost.then_some(Why::Lost))
            }
            (Message::Due(_, at), Life::Waiting(until)) if at == until => {
                self.start(name, For::Restart);
                Ok(())
            }
            (Message::Asked(request, asked), _) => {
                if let Some(answer) = self.call(request, asked) {
                    self.report.answers.insert(request, answer);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_busy(&self, name: Name) -> bool {
        let under_way = matches!(self.life(name), Life::Starting(..) | Life::Stopping(..));
        !self.begun || under_way
    }

    fn has_exited(&self, name: Name, attempt: Attempt) -> bool {
        let mut messages = self.early.iter().chain(self.mailboxes.get(&name).into_iter().flatten());
        messages.any(|message| message.is_exit_of(name, attempt))
    }

    /// `Down` also if there is no such child.
    fn life(&self, name: Name) -> Life {
        let child = self.children.iter().find(|child| child.spec.name == name);
        child.map_or(Life::Down, |child| child.life)
    }

    fn find(&mut self, name: Name) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.spec.name == name)
    }

    fn set_life(&mut self, name: Name, life: Life) {
        if let Some(child) = self.find(name) {
            child.life = life;
        }
    }
}

fn place(child: &Child) -> Place {
    match child.life {
        Life::Up(attempt, _) => Place::Up(attempt),
        Life::Waiting(at) => Place::Waiting(at),
        Life::Down | Life::Starting(..) | Life::Stopping(..) | Life::Restarting(_) => {
            Place::Stopped
        }
    }
}
