//! A supervisor as the manual of OTP describes it: a list of children, a mailbox, and one thing at a
//! time. Source: `supervisor.erl` of OTP 27 and its documentation; delays are ours, and what the
//! loss of a node counts (`losses`).

mod calls;
mod losses;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use self::losses::{Counted, Why};
use super::super::super::{AutoShutdown, Backoff, EndCause, Restart, Strategy};
use super::log::{Attempt, Ended, Entry, Log, Message, Name, Op, Outcome, Place, Report};
use super::setup::{Setup, Spec};
use crate::reason::ExitReason;

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

/// Why the model stops: as the supervisor does, or since the trace is not what it would have done.
enum Stop {
    For(EndCause),
    Differs(String),
}

type Go = Result<(), Stop>;

pub(super) struct Otp<'a> {
    setup: &'a Setup,
    log: Log,
    mailbox: VecDeque<Message>,
    children: Vec<Child>,
    attempts: BTreeMap<Name, Attempt>,
    restart_times: Vec<Counted>,
    now: Duration,
    report: Report,
    restarts: u64,
    explained: u64,
}

/// What the model did, how often it restarted a child, and what of that did not count.
pub(super) struct History {
    pub(super) report: Report,
    pub(super) restarts: u64,
    pub(super) explained: u64,
    /// Where the trace is not what the model would have done.
    pub(super) differs: Option<String>,
}

impl<'a> Otp<'a> {
    pub(super) fn new(setup: &'a Setup, log: Log) -> Self {
        Self {
            setup,
            log,
            mailbox: VecDeque::new(),
            children: Vec::new(),
            attempts: BTreeMap::new(),
            restart_times: Vec::new(),
            now: Duration::ZERO,
            report: Report::default(),
            restarts: 0,
            explained: 0,
        }
    }

    pub(super) fn run(mut self) -> History {
        let mut differs = None;
        match self.live() {
            Ok(()) => {}
            Err(Stop::For(cause)) => {
                self.report.ended = Some(Ended::For(cause));
                // Alone it goes on as it must; the order of independent children may differ there.
                let everyone = self.children.iter().map(|child| child.spec.name).collect();
                match self.terminate_children(everyone) {
                    Err(Stop::Differs(why)) if self.setup.strategy.is_grouped() => {
                        differs = Some(why);
                    }
                    Ok(()) | Err(_) => {}
                }
                self.children.clear();
            }
            Err(Stop::Differs(why)) => differs = Some(why),
        }
        self.report.children =
            self.children.iter().map(|child| (child.spec.name, place(child))).collect();
        let Self { report, restarts, explained, .. } = self;
        History { report, restarts, explained, differs }
    }

    fn live(&mut self) -> Go {
        let specs = self.setup.children.clone();
        self.children =
            specs.into_iter().map(|spec| Child { spec, pid: Pid::Undefined, streak: 0 }).collect();
        for name in self.children.iter().map(|child| child.spec.name).collect::<Vec<_>>() {
            match self.start(name, true)? {
                Outcome::Failed | Outcome::Lost => {
                    return Err(Stop::For(EndCause::StartFailed));
                }
                Outcome::Ignored => self.del_child(name),
                Outcome::Up => {}
            }
        }
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
                Some(Ok(message)) => self.arrive(message),
                Some(Err(done)) => {
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

    /// `supervisor:do_restart/3`.
    fn do_restart(&mut self, name: Name, reason: &ExitReason, up: Duration) -> Go {
        let Some(child) = self.find(name) else { return Ok(()) };
        if child.spec.backoff.is_some_and(|backoff| up >= backoff.reset_after) {
            child.streak = 0;
        }
        let (restart, significant) = (child.spec.restart, child.spec.significant);
        // On another node nobody but that node asks for it.
        let asked = *reason == ExitReason::Shutdown && self.place(name) == 0;
        let normal = *reason == ExitReason::Normal || asked;
        if restart == Restart::Permanent || (restart == Restart::Transient && !normal) {
            return self.restart(name, Why::of(reason));
        }
        self.del_child(name);
        let others = self.children.iter().any(|child| {
            child.spec.significant && child.pid != Pid::Undefined && child.spec.name != name
        });
        let shuts_down = significant
            && match self.setup.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !others,
            };
        if shuts_down { Err(Stop::For(EndCause::AutoShutdown)) } else { Ok(()) }
    }

    /// `supervisor:restart/2`, with delays.
    fn restart(&mut self, name: Name, why: Option<Why>) -> Go {
        let now = self.now;
        if self.is_too_often(name, why) {
            self.del_child(name);
            return Err(Stop::For(EndCause::Intensity));
        }
        self.restarts += 1;
        let Some(child) = self.find(name) else { return Ok(()) };
        let Some(Backoff { base, max, .. }) = child.spec.backoff else {
            return self.restart_group(name);
        };
        let delay = (0..child.streak).fold(base, |delay, _| (delay * 2).min(max)).min(max);
        child.streak += 1;
        child.pid = Pid::Undefined;
        let others = self.group(name).into_iter().filter(|other| *other != name).collect();
        self.terminate_children(others)?;
        self.set_pid(name, Pid::Waiting(now + delay));
        Ok(())
    }

    fn restart_group(&mut self, name: Name) -> Go {
        self.set_pid(name, Pid::Undefined);
        self.terminate_children(self.group(name))?;
        for member in self.group(name) {
            match self.start(member, false)? {
                Outcome::Up => {}
                Outcome::Ignored => self.del_child(member),
                outcome @ (Outcome::Failed | Outcome::Lost) => {
                    self.set_pid(member, Pid::Restarting(outcome == Outcome::Lost));
                    self.mailbox.push_back(Message::TryAgain(member));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn group(&self, name: Name) -> Vec<Name> {
        let names = self.children.iter().map(|child| child.spec.name);
        match self.setup.strategy {
            Strategy::OneForAll => names.collect(),
            Strategy::RestForOne => names.skip_while(|other| *other != name).collect(),
            Strategy::OneForOne | Strategy::Dynamic => vec![name],
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
        let is_exit = |message: &Message| matches!(message, Message::Exit(of, a, _) if *of == name && *a == attempt);
        if self.mailbox.iter().any(is_exit) {
            return Ok(());
        }
        self.report.ops.push(Op::Stop(name, attempt));
        let ends = |entry: &Entry| {
            *entry == Entry::Stopped(name, attempt)
                || matches!(entry, Entry::Arrived(message) if is_exit(message))
        };
        self.wait(name, false, ends).map(drop)
    }

    fn start(&mut self, name: Name, beginning: bool) -> Result<Outcome, Stop> {
        let attempt = self.attempts.entry(name).or_default();
        *attempt += 1;
        let attempt = *attempt;
        self.report.ops.push(Op::Start(name, attempt));
        let is_it = |entry: &Entry| matches!(entry, Entry::Started(of, a, _) if *of == name && *a == attempt);
        let Entry::Started(_, _, outcome) = self.wait(name, beginning, is_it)? else {
            return Err(Stop::Differs("it waited for a start".to_owned()));
        };
        if outcome == Outcome::Up {
            self.set_pid(name, Pid::Up(attempt, self.now));
        }
        Ok(outcome)
    }

    /// Waits for something to be done; what arrives meanwhile goes to the mailbox.
    fn wait(
        &mut self,
        name: Name,
        beginning: bool,
        is_it: impl Fn(&Entry) -> bool,
    ) -> Result<Entry, Stop> {
        let only = (!beginning && !self.setup.strategy.is_grouped()).then_some(name);
        let mut arrived = Vec::new();
        let found = self.log.read_to(only, is_it, |message| arrived.push(message));
        arrived.into_iter().for_each(|message| self.arrive(message));
        let op = self.report.ops.last();
        found.ok_or_else(|| Stop::Differs(format!("OTP would have done {op:?}")))
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
