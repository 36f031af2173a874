//! The world of a trace: performs the outputs of `State`, and lets things happen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::super::*;
use super::super::steps::pid;
use super::log::{
    Answered, Asked, Attempt, Ended, Entry, Log, Message, Name, Op, Outcome, Place, Report,
};
use super::random::Random;

const SECOND: Duration = Duration::from_secs(1);

/// Ids that children of a trace have; dynamic ones have names without an end.
const POOL: usize = 5;

/// Things that happen in a trace, at most.
const STEPS_MAX: usize = 30;

#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: Name,
    pub(super) restart: Restart,
    pub(super) significant: bool,
    pub(super) backoff: Option<Backoff>,
}

/// What a supervisor is made of, in a trace.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) strategy: Strategy,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) restarts: usize,
    pub(super) period: Duration,
    pub(super) children: Vec<Spec>,
    pool: Vec<Spec>,
    fails_one_in: usize,
    /// Whether all that is under way is done before the next thing happens, under a strategy where
    /// it need not be.
    pub(super) one_by_one: bool,
}

impl Setup {
    pub(super) fn random(strategy: Strategy, random: &mut Random) -> Self {
        let never = AutoShutdown::Never;
        let all = [never, never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto_shutdown = random.pick(&all);
        let pool = (0..POOL as u64).map(|name| Spec {
            name,
            restart: random.pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]),
            significant: random.one_in(3),
            backoff: random.one_in(5).then(|| Backoff::new(SECOND, 3 * SECOND).jitter(0.0)),
        });
        let pool: Vec<_> = pool.collect();
        let dynamic = strategy == Strategy::Dynamic;
        let count = if dynamic { 0 } else { random.below(POOL) };
        let mut children = pool[..count].to_vec();
        for spec in &mut children {
            spec.significant &= auto_shutdown != never && spec.restart != Restart::Permanent;
        }
        Self {
            strategy,
            auto_shutdown,
            restarts: random.below(5),
            period: 5 * SECOND,
            children,
            pool,
            fails_one_in: 3 + random.below(8),
            // Who is the last significant child is a question of order alone.
            one_by_one: !strategy.is_grouped()
                && (random.one_in(2) || auto_shutdown == AutoShutdown::AllSignificant),
        }
    }

    /// What a child with this name is asked to be when it is added.
    pub(super) fn pool(&self, name: Name) -> Spec {
        Spec { name, ..self.pool[(name % POOL as u64) as usize].clone() }
    }
}

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
    alive: BTreeSet<(Name, Attempt)>,
    /// Once the supervisor is ending: the latest child that it stopped.
    last_stop: Option<ChildKey>,
    begins: bool,
    restarts: BTreeMap<ChildKey, u64>,
    log: Log,
    report: Report,
    dynamic_names: Name,
}

impl<'a> World<'a> {
    pub(super) fn new(setup: &'a Setup, random: Random) -> Self {
        let Setup { strategy, auto_shutdown, restarts, period, .. } = *setup;
        let intensity = Intensity { restarts, period };
        let rules = Rules { strategy, intensity, auto_shutdown, children_max: None };
        Self {
            setup,
            random,
            state: State::new(rules, 1),
            now: Duration::ZERO,
            names: BTreeMap::new(),
            attempts: BTreeMap::new(),
            starts: BTreeMap::new(),
            stops: BTreeMap::new(),
            alive: BTreeSet::new(),
            last_stop: None,
            begins: false,
            restarts: BTreeMap::new(),
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
        self.drain();
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
        self.report.answers.retain(|_, answer| *answer != Answered::Ending);
        (self.report, self.log)
    }

    fn is_over(&self) -> bool {
        self.report.ended.is_some()
    }

    fn is_quiet(&self) -> bool {
        self.starts.is_empty() && self.stops.is_empty()
    }

    /// Lets everything that is under way be done.
    fn drain(&mut self) {
        while !self.is_quiet() {
            self.complete();
        }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=3 if !self.is_quiet() => self.complete(),
            0..=5 if !self.alive.is_empty() => self.exit(),
            6..=8 => self.ask(),
            9 if self.random.one_in(6) => {
                if !self.is_quiet() {
                    self.report.ended.get_or_insert(Ended::Cut);
                }
                self.arrived(Message::End);
                self.input(Input::End(ExitReason::Shutdown));
            }
            _ if self.is_quiet() => {
                self.now += SECOND * self.random.below(5) as u32;
                self.arrived(Message::Time(self.now));
                if self.state.deadline().is_some_and(|at| at <= self.now) {
                    self.input(Input::Elapsed);
                }
            }
            _ => self.complete(),
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
        self.input(match outcome {
            Outcome::Up => Input::Started { key, pid: life(name, attempt) },
            Outcome::Ignored => Input::Ignored { key },
            Outcome::Failed => Input::StartFailed { key, error: SpawnError::Timeout },
        });
    }

    /// The exit and the report of a stop come in either order.
    fn complete_stop(&mut self, who: (Name, Attempt)) {
        let (key, exited) = self.stops[&who];
        let (name, attempt) = who;
        let pid = life(name, attempt);
        if self.alive.remove(&who) {
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
        let (name, attempt) = *self.alive.iter().nth(which).unwrap();
        self.alive.remove(&(name, attempt));
        let panic = ExitReason::Panic(String::new());
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::Killed, panic];
        let reason = self.random.pick(&reasons);
        self.arrived(Message::Exit(name, attempt, reason.clone()));
        if let Some((_, exited)) = self.stops.get_mut(&(name, attempt)) {
            *exited = true;
        }
        self.input(Input::Exited { pid: life(name, attempt), reason });
    }

    fn ask(&mut self) {
        let request = self.report.answers.len() as u64 + self.log.steps();
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        let name = self.random.below(POOL) as Name;
        let id = name.to_string();
        let (asked, what) = match self.random.below(8) {
            0..=2 => {
                let name = if dynamic { self.dynamic_names } else { name };
                self.dynamic_names += 1;
                let (key, spec) = (self.state.next_key(), self.setup.pool(name));
                self.names.insert(key, name);
                let rules = rules(&spec, self.setup.strategy);
                (Asked::Add(name), Request::Add(key, rules))
            }
            3 | 4 if !dynamic => (Asked::Terminate(name), Request::Terminate(Whom::Id(id))),
            3..=5 => {
                // Of a life whose start was not reported nobody knows the pid.
                let known = |life: &&(Name, Attempt)| {
                    !self.starts.values().any(|start| (start.name, start.attempt) == **life)
                };
                let which = self.random.below(self.alive.len());
                let life_of = self.alive.iter().nth(which).filter(known);
                let Some((name, attempt)) = life_of.copied() else { return };
                let whom = Whom::Pid(life(name, attempt));
                (Asked::TerminatePid(name, attempt), Request::Terminate(whom))
            }
            6 => (Asked::StartAgain(name), Request::StartAgain(id)),
            _ => (Asked::Delete(name), Request::Delete(id)),
        };
        self.arrived(Message::Asked(request, asked));
        self.input(Input::Asked(RequestId(request), what));
    }

    fn arrived(&mut self, message: Message) {
        self.log.note(Entry::Arrived(message));
    }

    fn input(&mut self, input: Input) {
        let mut outbox = Vec::new();
        let begins = matches!(input, Input::Begin(_)) || self.begins;
        self.state.handle(self.now, input, &mut outbox);
        self.begins = begins && !self.state.has_begun();
        outbox.into_iter().for_each(|output| self.perform(output));
        for (key, child) in self.state.children().iter() {
            let before = self.restarts.insert(key, child.restarts).unwrap_or_default();
            self.report.restarts += child.restarts - before;
        }
    }

    /// At the end children are stopped in reverse order, but for dynamic ones.
    fn check_order(&mut self, key: ChildKey) {
        if self.begins || self.state.has_begun() || self.setup.strategy == Strategy::Dynamic {
            return;
        }
        assert!(self.last_stop.is_none_or(|last| key < last), "not in reverse order");
        self.last_stop = Some(key);
    }

    fn perform(&mut self, output: Output) {
        let over = matches!(self.report.ended, Some(Ended::For(_)));
        let late =
            matches!(output, Output::Start { .. } | Output::Stop { .. } | Output::End { .. });
        assert!(!(over && late), "{output:?} after the end");
        match output {
            Output::Start { key } => self.perform_start(key),
            Output::Cancel { key, .. } => self.perform_cancel(key),
            Output::Stop { key, pid, .. } => {
                let (name, attempt) = (self.names[&key], (pid.serial() % 1000) as Attempt);
                assert_eq!(pid, life(name, attempt));
                self.check_order(key);
                self.report.ops.push(Op::Stop(name, attempt));
                self.stops.insert((name, attempt), (key, false));
            }
            Output::Forget { .. } => {}
            Output::Answer { request, answer } => {
                let before = self.report.answers.insert(request.0, answered(&answer));
                assert_eq!(before, None, "one answer to each request");
            }
            Output::End { cause, .. } => {
                let late = self.stops.values().all(|(_, exited)| *exited);
                assert!(self.starts.is_empty() && late, "something is under way at the end");
                assert!(self.alive.is_empty(), "somebody is left at the end");
                self.report.ended.get_or_insert(Ended::For(cause));
            }
        }
    }

    fn perform_start(&mut self, key: ChildKey) {
        let name = self.names[&key];
        assert!(!self.alive.iter().any(|(alive, _)| *alive == name), "{name} lives twice");
        let attempt = self.attempts.entry(name).or_default();
        *attempt += 1;
        let attempt = *attempt;
        let outcome = match self.random.below(self.setup.fails_one_in) {
            0 if self.random.one_in(3) => Outcome::Ignored,
            0 => Outcome::Failed,
            _ => Outcome::Up,
        };
        if outcome == Outcome::Up {
            self.alive.insert((name, attempt));
        }
        self.report.ops.push(Op::Start(name, attempt));
        self.starts.insert(key, Start { name, attempt, outcome });
    }

    /// A start that is given up may fail for it.
    fn perform_cancel(&mut self, key: ChildKey) {
        let gives_up = self.random.one_in(2);
        let start = self.starts.get_mut(&key).unwrap();
        if gives_up && self.alive.remove(&(start.name, start.attempt)) {
            start.outcome = Outcome::Failed;
        }
    }
}

fn rules(spec: &Spec, strategy: Strategy) -> ChildRules {
    ChildRules {
        id: (strategy != Strategy::Dynamic).then(|| spec.name.to_string().into()),
        restart: spec.restart,
        shutdown: Shutdown::Infinity,
        significant: spec.significant,
        is_supervisor: false,
        backoff: spec.backoff.map(Box::new),
    }
}

/// The pid of one life of a child.
fn life(name: Name, attempt: Attempt) -> AnyPid {
    pid(1000 * (name + 1) + u64::from(attempt))
}

fn answered(answer: &Answer) -> Answered {
    match answer {
        Answer::Started(_) => Answered::Started,
        Answer::Ignored => Answered::Ignored,
        Answer::Failed(_) => Answered::Failed,
        Answer::Done => Answered::Done,
        Answer::Refused(error) => match error {
            ChildError::AlreadyPresent(_) => Answered::AlreadyPresent,
            ChildError::NotFound(_) => Answered::NotFound,
            ChildError::Running(_) => Answered::Running,
            ChildError::Restarting(_) => Answered::Restarting,
            ChildError::BadSpec(_) => Answered::BadSpec,
            ChildError::Dynamic => Answered::Dynamic,
            ChildError::Ending => Answered::Ending,
            ChildError::MaxChildren(_) | ChildError::Busy => panic!("{error}"),
        },
    }
}
