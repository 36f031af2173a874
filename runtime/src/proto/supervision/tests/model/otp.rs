//! A supervisor as the manual of OTP describes it: a list of children, a mailbox, and one thing at a
//! time. Source: `supervisor.erl` of OTP 27 and its documentation; delays are ours, and what the
//! loss of a node counts (`losses`), that a request is refused when too many wait, and that it ends
//! when it is told to, whatever it is at.

mod calls;
mod restarting;

use std::collections::VecDeque;
use std::time::Duration;

use super::super::super::{EndCause, Restart, Strategy};
use super::ending::{self, Left};
use super::log::{
    Answered, Asked, Attempt, Entry, Go, History, Log, Message, Name, Op, Outcome, Place, Report,
    Stop,
};
use super::losses::{Restarts, Why};
use super::setup::{Setup, Spec};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pid {
    Undefined,
    /// Its start failed; whether its node was lost.
    Restarting(bool),
    Waiting(Duration),
    Up(Attempt, Duration),
}

#[derive(Debug, Clone)]
struct Child {
    spec: Spec,
    pid: Pid,
    streak: u32,
}

pub(super) struct Otp<'a> {
    setup: &'a Setup,
    log: Log,
    mailbox: VecDeque<Message>,
    children: Vec<Child>,
    restarts: Restarts<'a>,
    now: Duration,
    /// Whether the children that it begins with are up.
    begun: bool,
    /// The start or stop that it waits for.
    at: Option<(Name, Left)>,
    report: Report,
}

impl<'a> Otp<'a> {
    pub(super) fn new(setup: &'a Setup, log: Log) -> Self {
        Self {
            setup,
            log,
            mailbox: VecDeque::new(),
            children: Vec::new(),
            restarts: Restarts::new(setup),
            now: Duration::ZERO,
            begun: false,
            at: None,
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
        match self.at {
            Some((name, left)) if name == child.spec.name => left,
            Some(_) | None => match child.pid {
                Pid::Up(attempt, _) if !self.has_exited(child.spec.name, attempt) => {
                    Left::Up(attempt)
                }
                Pid::Up(..) | Pid::Undefined | Pid::Restarting(_) | Pid::Waiting(_) => Left::Down,
            },
        }
    }

    fn live(&mut self) -> Go {
        let specs = self.setup.children.clone();
        self.children =
            specs.into_iter().map(|spec| Child { spec, pid: Pid::Undefined, streak: 0 }).collect();
        for name in self.children.iter().map(|child| child.spec.name).collect::<Vec<_>>() {
            match self.start(name)? {
                Outcome::Failed | Outcome::Lost => {
                    return Err(Stop::For(EndCause::StartFailed));
                }
                Outcome::Ignored => self.del_child(name),
                Outcome::Up => {}
            }
        }
        self.begun = true;
        while let Some(message) = self.receive()? {
            self.handle(message)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Message>, Stop> {
        loop {
            if let Some(message) = self.mailbox.pop_front() {
                return Ok(Some(message));
            }
            match self.log.next() {
                None => return Ok(None),
                Some(Entry::Arrived(message)) => self.arrive(message),
                Some(done @ (Entry::Started(..) | Entry::Stopped(..))) => {
                    return Err(Stop::Differs(format!("OTP would not have done {done:?}")));
                }
            }
        }
    }

    /// Clocks and timers go on whatever the supervisor is at; all else waits in its mailbox.
    fn arrive(&mut self, message: Message) {
        match message {
            Message::Clock(now) => self.now = now,
            Message::Elapsed => {
                let waiting = self.children.iter().filter_map(|child| match child.pid {
                    Pid::Waiting(at) if at <= self.now => Some((at, child.spec.name)),
                    Pid::Waiting(_) | Pid::Undefined | Pid::Restarting(_) | Pid::Up(..) => None,
                });
                let mut due = waiting.collect::<Vec<_>>();
                due.sort_by_key(|(at, _)| *at);
                self.mailbox.extend(due.into_iter().map(|(at, name)| Message::Due(name, at)));
            }
            other @ (Message::Exit(..)
            | Message::Asked(..)
            | Message::End
            | Message::TryAgain(_)
            | Message::Due(..)) => self.mailbox.push_back(other),
        }
    }

    fn handle(&mut self, message: Message) -> Go {
        match message {
            Message::Exit(name, attempt, reason) => match self.find(name).map(|child| child.pid) {
                Some(Pid::Up(up, since)) if up == attempt => {
                    self.do_restart(name, &reason, self.now.saturating_sub(since))
                }
                Some(_) | None => Ok(()),
            },
            Message::TryAgain(name) => match self.find(name).map(|child| child.pid) {
                Some(Pid::Restarting(lost)) => self.restart(name, lost.then_some(Why::Lost)),
                Some(_) | None => Ok(()),
            },
            Message::Due(name, at) => match self.find(name).map(|child| child.pid) {
                Some(Pid::Waiting(until)) if until == at => self.restart_group(name),
                Some(_) | None => Ok(()),
            },
            Message::Clock(_) | Message::Elapsed => Ok(()),
            Message::End => Err(Stop::For(EndCause::Asked)),
            Message::Asked(request, asked) => {
                let answer = self.handle_call(asked)?;
                self.report.answers.insert(request, answer);
                Ok(())
            }
        }
    }

    /// In reverse order; temporary children are not kept.
    fn terminate_children(&mut self, names: Vec<Name>) -> Go {
        for name in names.into_iter().rev() {
            self.do_terminate(name)?;
            self.set_pid(name, Pid::Undefined);
            self.children.retain(|child| {
                child.spec.name != name || child.spec.restart != Restart::Temporary
            });
        }
        Ok(())
    }

    /// Asks a child to end and waits for it, unless its exit has come already.
    fn do_terminate(&mut self, name: Name) -> Go {
        let Some(Child { pid: Pid::Up(attempt, _), .. }) = self.find(name) else { return Ok(()) };
        let attempt = *attempt;
        if self.has_exited(name, attempt) {
            return Ok(());
        }
        self.report.ops.push(Op::Stop(name, attempt));
        self.at = Some((name, Left::Stopping(attempt)));
        let ends = |entry: &Entry| match entry {
            Entry::Arrived(message) => message.is_exit_of(name, attempt),
            Entry::Stopped(of, life) => (*of, *life) == (name, attempt),
            Entry::Started(..) => false,
        };
        self.wait(ends).map(drop)
    }

    fn has_exited(&self, name: Name, attempt: Attempt) -> bool {
        self.mailbox.iter().any(|message| message.is_exit_of(name, attempt))
    }

    fn start(&mut self, name: Name) -> Result<Outcome, Stop> {
        let attempt = self.restarts.next_life(name);
        self.report.ops.push(Op::Start(name, attempt));
        self.at = Some((name, Left::Starting(attempt)));
        let is_it = |entry: &Entry| matches!(entry, Entry::Started(of, a, _) if *of == name && *a == attempt);
        let Entry::Started(_, _, outcome) = self.wait(is_it)? else {
            return Err(Stop::Differs("it waited for a start".to_owned()));
        };
        if outcome == Outcome::Up {
            self.set_pid(name, Pid::Up(attempt, self.now));
        }
        Ok(outcome)
    }

    /// Waits for something to be done; what arrives meanwhile goes to the mailbox.
    fn wait(&mut self, is_it: impl Fn(&Entry) -> bool) -> Result<Entry, Stop> {
        while let Some(entry) = self.log.next() {
            if is_it(&entry) {
                self.at = None;
                return Ok(entry);
            }
            match entry {
                Entry::Arrived(Message::End) => return Err(Stop::For(EndCause::Asked)),
                Entry::Arrived(Message::Asked(request, asked)) => self.put_off(request, asked),
                Entry::Arrived(message) => self.arrive(message),
                done @ (Entry::Started(..) | Entry::Stopped(..)) => {
                    return Err(Stop::Differs(format!("OTP would not have done {done:?}")));
                }
            }
        }
        let op = self.report.ops.last();
        Err(Stop::Differs(format!("OTP would have done {op:?}")))
    }

    /// A request has to wait. Who is to be stopped need not come up first.
    fn put_off(&mut self, request: u64, asked: Asked) {
        let waiting = self.mailbox.iter().filter(|message| message.is_asked()).count();
        if waiting >= self.setup.requests_max {
            self.report.answers.insert(request, Answered::Busy);
            return;
        }
        if let (Asked::Terminate(name), Some((starts, Left::Starting(attempt)))) = (asked, self.at)
            && name == starts
            && self.begun
        {
            self.report.ops.push(Op::Cancel(name, attempt));
        }
        self.mailbox.push_back(Message::Asked(request, asked));
    }

    /// It has ended for now: temporary and dynamic children are not kept.
    fn del_child(&mut self, name: Name) {
        self.set_pid(name, Pid::Undefined);
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        self.children.retain(|child| {
            child.spec.name != name || !(dynamic || child.spec.restart == Restart::Temporary)
        });
    }

    fn find(&mut self, name: Name) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.spec.name == name)
    }

    fn set_pid(&mut self, name: Name, pid: Pid) {
        if let Some(child) = self.find(name) {
            child.pid = pid;
        }
    }
}

fn place(child: &Child) -> Place {
    match child.pid {
        Pid::Up(attempt, _) => Place::Up(attempt),
        Pid::Waiting(at) => Place::Waiting(at),
        Pid::Undefined | Pid::Restarting(_) => Place::Stopped,
    }
}
