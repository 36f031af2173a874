//! The world of a trace: performs the outputs of `State`, and lets things happen.

mod asking;
mod performing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::super::*;
use super::log::{Attempt, Entry, Log, Message, Name, Outcome, Place, Report};
use super::random::Random;
use super::setup::{Setup, rules};

const SECOND: Duration = Duration::from_secs(1);

/// Things that happen in a trace, at most.
const STEPS_MAX: usize = 30;

struct Start {
    name: Name,
    attempt: Attempt,
    outcome: Outcome,
}

pub(super) struct World<'a> {
    setup: &'a Setup,
    random: Random,
    state: State,
    now: Duration,
    names: BTreeMap<ChildKey, Name>,
    attempts: BTreeMap<Name, Attempt>,
    starts: BTreeMap<ChildKey, Start>,
    /// Whom a stop is under way for, and whether the exit was seen: then its report is late.
    stops: BTreeMap<(Name, Attempt), (ChildKey, bool)>,
    /// Who is alive, whether or not the start was reported.
    alive: BTreeMap<(Name, Attempt), ChildKey>,
    /// Who has ended before its start was reported: until then its exit is held back.
    held: BTreeMap<(Name, Attempt), ExitReason>,
    /// Who takes a place on a node, as far as the supervisor has been told.
    placed: BTreeSet<ChildKey>,
    /// Once the supervisor is ending: the latest child that it stopped.
    last_stop: Option<ChildKey>,
    begins: bool,
    /// Whether two things were under way at once, before the end.
    overlapped: bool,
    /// Whether it was told to end in the middle of something.
    cut_short: bool,
    log: Log,
    report: Report,
    dynamic_names: Name,
}

impl<'a> World<'a> {
    pub(super) fn new(setup: &'a Setup, random: Random) -> Self {
        Self {
            setup,
            random,
            state: State::with_requests_max(setup.node(0), setup.rules(), 1, setup.requests_max),
            now: Duration::ZERO,
            names: BTreeMap::new(),
            attempts: BTreeMap::new(),
            starts: BTreeMap::new(),
            stops: BTreeMap::new(),
            alive: BTreeMap::new(),
            held: BTreeMap::new(),
            placed: BTreeSet::new(),
            last_stop: None,
            begins: false,
            overlapped: false,
            cut_short: false,
            log: Log::default(),
            report: Report::default(),
            dynamic_names: 0,
        }
    }

    pub(super) fn run(&mut self) {
        let children = self.setup.children.iter().map(|spec| {
            let key = self.state.next_key();
            self.names.insert(key, spec.name);
            (key, rules(spec, self.setup.strategy))
        });
        let children = children.collect();
        self.input(Input::Begin(children));
        // Else things happen while they begin.
        if self.random.one_in(2) {
            self.drain();
        }
        for _ in 0..self.random.below(STEPS_MAX) {
            if self.is_over() {
                break;
            }
            if self.setup.one_by_one {
                self.drain();
            }
            self.step();
        }
        self.drain();
        assert_eq!(self.state.has_ended(), self.is_over());
    }

    pub(super) fn into_report(mut self) -> (Report, Log) {
        let place = |(key, child): (ChildKey, &Child)| {
            let attempt = |pid: &AnyPid| (pid.serial() % 1000) as Attempt;
            let place = match &child.life {
                Life::Running { pid, .. } => Place::Up(attempt(pid)),
                Life::Waiting { at } => Place::Waiting(*at),
                Life::Stopped => Place::Stopped,
                other @ (Life::Starting
                | Life::Ended { .. }
                | Life::Stopping { .. }
                | Life::Retrying) => {
                    panic!("{other:?} and nothing under way\n{:?}\n{}", self.setup, self.log)
                }
            };
            (self.names[&key], place)
        };
        if !self.is_over() {
            self.report.children = self.state.children().iter().map(place).collect();
        }
        (self.report, self.log)
    }

    /// Whether one thing was done after another, and nothing came in between.
    pub(super) fn is_one_at_a_time(&self) -> bool {
        self.setup.one_by_one && !self.overlapped
    }

    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    fn is_over(&self) -> bool {
        self.report.ended.is_some()
    }

    fn is_quiet(&self) -> bool {
        self.starts.is_empty() && self.stops.is_empty()
    }

    /// Lets everything that is under way be done, which may take time.
    fn drain(&mut self) {
        while !self.is_quiet() || self.is_due() {
            if self.is_quiet() {
                self.ring();
            } else if self.random.one_in(6) {
                self.pass_time();
            } else {
                self.complete();
            }
        }
    }

    fn pass_time(&mut self) {
        self.now += SECOND * self.random.below(5) as u32;
        self.arrived(Message::Clock(self.now));
    }

    fn is_due(&self) -> bool {
        self.state.deadline().is_some_and(|at| at <= self.now)
    }

    /// Says that a delay is over: at any time after it is.
    fn ring(&mut self) {
        self.arrived(Message::Elapsed);
        self.input(Input::Elapsed);
    }

    fn step(&mut self) {
        if self.is_due() && (self.is_quiet() || self.random.one_in(2)) {
            return self.ring();
        }
        if self.setup.nodes.len() > 1 && self.random.one_in(12) {
            return self.lose_a_node();
        }
        match self.random.below(10) {
            0..=3 if !self.is_quiet() => self.complete(),
            0..=5 if !self.alive.is_empty() => self.exit(),
            6..=8 => {
                self.ask();
                while !self.is_over() && self.asks_more() {
                    self.ask();
                }
                self.ask_too_often();
            }
            9 if self.random.one_in(6) => {
                self.cut_short |= !self.is_ending() && !self.is_quiet();
                self.arrived(Message::End);
                self.input(Input::End(ExitReason::Shutdown));
            }
            _ => self.pass_time(),
        }
    }

    fn is_ending(&self) -> bool {
        !self.begins && !self.state.has_begun()
    }

    /// A node goes, at once or in order: all that are there end, one after the other.
    fn lose_a_node(&mut self) {
        let place = 1 + self.random.below(self.setup.nodes.len() - 1);
        let in_order = self.random.one_in(2);
        let starting = self
            .starts
            .values_mut()
            .filter(|start| !in_order && self.setup.place(start.name, start.attempt) == place);
        let mut never_up = Vec::new();
        for start in starting {
            start.outcome = Outcome::Lost;
            never_up.push((start.name, start.attempt));
        }
        self.alive.retain(|life, _| !never_up.contains(life));
        let here = |(name, attempt): &&_| self.setup.place(*name, *attempt) == place;
        let gone: Vec<_> = self.alive.keys().filter(here).copied().collect();
        for (name, attempt) in gone {
            if self.setup.one_by_one {
                self.drain();
            }
            if self.is_over() {
                return;
            }
            if self.alive.contains_key(&(name, attempt)) {
                let stopped = [ExitReason::Shutdown, ExitReason::Shutdown, ExitReason::Killed];
                let stopped = self.random.pick(&stopped);
                let reason = if in_order { stopped } else { ExitReason::NoConnection };
                self.exit_for(name, attempt, reason);
            }
        }
    }

    /// One of the starts and stops that are under way is done.
    fn complete(&mut self) {
        let (starts, stops) = (self.starts.len(), self.stops.len());
        let which = self.random.below(starts + stops);
        if which < starts {
            let key = *self.starts.keys().nth(which).unwrap();
            self.complete_start(key);
        } else {
            let who = *self.stops.keys().nth(which - starts).unwrap();
            self.complete_stop(who);
        }
    }

    fn complete_start(&mut self, key: ChildKey) {
        let Start { name, attempt, outcome } = self.starts.remove(&key).unwrap();
        self.log.note(Entry::Started(name, attempt, outcome));
        let held = self.held.remove(&(name, attempt)).filter(|_| outcome == Outcome::Up);
        self.input(match outcome {
            Outcome::Up => Input::Started { key, pid: self.setup.life(name, attempt) },
            Outcome::Ignored => Input::Ignored { key },
            Outcome::Failed => Input::StartFailed { key, error: SpawnError::Timeout },
            Outcome::Lost => {
                let node = self.setup.node(self.setup.place(name, attempt));
                Input::StartFailed { key, error: SpawnError::NoConnection(node) }
            }
        });
        if let Some(reason) = held {
            self.exit_for(name, attempt, reason);
        }
    }

    /// The exit and the report of a stop come in either order.
    fn complete_stop(&mut self, who: (Name, Attempt)) {
        let (key, exited) = self.stops[&who];
        let (name, attempt) = who;
        let pid = self.setup.life(name, attempt);
        if self.alive.remove(&who).is_some() {
            self.log.note(Entry::Stopped(name, attempt));
        }
        let exit = Input::Exited { pid: pid.clone(), reason: ExitReason::Killed };
        if !exited && self.random.one_in(2) {
            self.stops.insert(who, (key, true));
            return self.input(exit);
        }
        self.stops.remove(&who);
        self.input(Input::Stopped { key, pid });
        if !exited {
            self.input(exit);
        }
    }

    /// Somebody ends by itself; its start may not have been reported yet.
    fn exit(&mut self) {
        let which = self.random.below(self.alive.len());
        let (name, attempt) = *self.alive.keys().nth(which).unwrap();
        let panic = ExitReason::Panic(String::new());
        let (killed, lost) = (ExitReason::Killed, ExitReason::NoConnection);
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, killed, lost, panic];
        let reason = self.random.pick(&reasons);
        self.exit_for(name, attempt, reason);
    }

    fn exit_for(&mut self, name: Name, attempt: Attempt, reason: ExitReason) {
        if self.is_starting(name, attempt) {
            self.held.entry((name, attempt)).or_insert(reason);
            return;
        }
        self.alive.remove(&(name, attempt));
        self.arrived(Message::Exit(name, attempt, reason.clone()));
        if let Some((_, exited)) = self.stops.get_mut(&(name, attempt)) {
            *exited = true;
        }
        self.input(Input::Exited { pid: self.setup.life(name, attempt), reason });
    }

    fn is_starting(&self, name: Name, attempt: Attempt) -> bool {
        self.starts.values().any(|start| (start.name, start.attempt) == (name, attempt))
    }

    fn arrived(&mut self, message: Message) {
        self.log.note(Entry::Arrived(message));
    }
}
