//! A supervisor as the manual of OTP describes it: a list of children, a mailbox, and one thing at a
//! time. Source: `supervisor.erl` of OTP 27 and its documentation; delays are ours.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::super::{AutoShutdown, Backoff, EndCause, Restart, Strategy};
use super::log::{Attempt, Ended, Entry, Log, Message, Name, Op, Outcome, Place, Report};
use super::setup::{Setup, Spec};
use crate::reason::ExitReason;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pid {
    Undefined,
    Restarting,
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
    restart_times: Vec<Duration>,
    now: Duration,
    report: Report,
    restarts: u64,
}

/// What the model did, and how often it restarted a child.
pub(super) struct History {
    pub(super) report: Report,
    pub(super) restarts: u64,
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
        }
    }

    pub(super) fn run(mut self) -> Result<History, String> {
        match self.live() {
            Ok(()) => {}
            Err(Stop::For(cause)) => {
                self.report.ended = Some(Ended::For(cause));
                // Alone it goes on as it must; the order of independent children may differ there.
                let everyone = self.children.iter().map(|child| child.spec.name).collect();
                match self.terminate_children(everyone) {
                    Err(Stop::Differs(why)) if self.setup.strategy.is_grouped() => return Err(why),
                    Ok(()) | Err(_) => {}
                }
                self.children.clear();
            }
            Err(Stop::Differs(why)) => return Err(why),
        }
        self.report.children =
            self.children.iter().map(|child| (child.spec.name, place(child))).collect();
        Ok(History { report: self.report, restarts: self.restarts })
    }

    fn live(&mut self) -> Go {
        let specs = self.setup.children.clone();
        self.children =
            specs.into_iter().map(|spec| Child { spec, pid: Pid::Undefined, streak: 0 }).collect();
        for name in self.children.iter().map(|child| child.spec.name).collect::<Vec<_>>() {
            match self.start(name, true)? {
                Outcome::Failed => return Err(Stop::For(EndCause::StartFailed)),
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
        if let Some(message) = self.mailbox.pop_front() {
            return Ok(Some(message));
        }
        match self.log.next() {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(done)) => Err(Stop::Differs(format!("OTP would not have done {done:?}"))),
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
                Some(Pid::Restarting) => self.restart(name),
                Some(_) | None => Ok(()),
            },
            Message::Due(name, at) => match self.find(name).map(|child| child.pid) {
                Some(Pid::Waiting(until)) if until == at => self.restart_group(name),
                Some(_) | None => Ok(()),
            },
            Message::Time(now) => {
                self.now = now;
                let waiting = self.children.iter().filter_map(|child| match child.pid {
                    Pid::Waiting(at) if at <= now => Some((at, child.spec.name)),
                    Pid::Waiting(_) | Pid::Undefined | Pid::Restarting | Pid::Up(..) => None,
                });
                let mut due = waiting.collect::<Vec<_>>();
                due.sort_by_key(|(at, _)| *at);
                self.mailbox.extend(due.into_iter().map(|(at, name)| Message::Due(name, at)));
                Ok(())
            }
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
        let normal = *reason == ExitReason::Normal || *reason == ExitReason::Shutdown;
        if restart == Restart::Permanent || (restart == Restart::Transient && !normal) {
            return self.restart(name);
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
    fn restart(&mut self, name: Name) -> Go {
        let (now, setup) = (self.now, self.setup);
        self.restart_times.push(now);
        self.restart_times.retain(|at| now.saturating_sub(*at) <= setup.period);
        if self.restart_times.len() > setup.restarts {
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
                Outcome::Failed => {
                    self.set_pid(member, Pid::Restarting);
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
        let mailbox = &mut self.mailbox;
        let found = self.log.read_to(only, is_it, |message| mailbox.push_back(message));
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
        Pid::Undefined | Pid::Restarting => Place::Stopped,
    }
}
