//! A supervisor step by step: what comes out of each input.

use std::time::Duration;

use super::super::tracks::REQUESTS_WAITING_MAX;
use super::super::*;
use crate::identity::{Incarnation, NodeInstance};

pub(super) fn pid(serial: u64) -> AnyPid {
    let instance = NodeInstance { node: "a@h".parse().unwrap(), incarnation: Incarnation(1) };
    AnyPid::unbound(instance, serial)
}

pub(super) fn panicked() -> ExitReason {
    ExitReason::Panic("boom".to_owned())
}

pub(super) fn child(id: &str, restart: Restart) -> ChildRules {
    ChildRules {
        id: Some(id.into()),
        restart,
        shutdown: Shutdown::Brutal,
        significant: false,
        is_supervisor: false,
        backoff: None,
    }
}

pub(super) struct Run {
    pub(super) state: State,
    pub(super) now: Duration,
    requests: u64,
}

impl Run {
    pub(super) fn new(strategy: Strategy, restarts: usize) -> Self {
        let intensity = Intensity { restarts, period: Duration::from_secs(5) };
        let auto_shutdown = AutoShutdown::Never;
        let rules = Rules { strategy, intensity, auto_shutdown, children_max: None };
        let state = State::new("a@h".parse().unwrap(), rules, 7);
        let mut run = Self { state, now: Duration::ZERO, requests: 0 };
        assert_eq!(run.input(Input::Begin(Vec::new())), []);
        run
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<Output> {
        let mut outbox = Vec::new();
        self.state.handle(self.now, input, &mut outbox);
        outbox
    }

    pub(super) fn ask(&mut self, what: Request) -> Vec<Output> {
        self.requests += 1;
        self.input(Input::Asked(RequestId(self.requests), what))
    }

    /// Adds a child; it is then starting.
    pub(super) fn add(&mut self, rules: ChildRules) -> ChildKey {
        let key = self.state.next_key();
        assert_eq!(self.ask(Request::Add(key, rules)), [start(key)]);
        key
    }

    pub(super) fn running(&mut self, rules: ChildRules, serial: u64) -> ChildKey {
        let key = self.add(rules);
        let answered = self.started(key, serial);
        assert_eq!(answered, [self.answer(Answer::Started(pid(serial)))]);
        key
    }

    pub(super) fn started(&mut self, key: ChildKey, serial: u64) -> Vec<Output> {
        self.input(Input::Started { key, pid: pid(serial) })
    }

    pub(super) fn failed(&mut self, key: ChildKey) -> Vec<Output> {
        self.input(Input::StartFailed { key, error: SpawnError::Timeout })
    }

    pub(super) fn exited(&mut self, serial: u64, reason: ExitReason) -> Vec<Output> {
        self.input(Input::Exited { pid: pid(serial), reason })
    }

    /// The answer to the latest request.
    fn answer(&self, answer: Answer) -> Output {
        Output::Answer { request: RequestId(self.requests), answer }
    }

    fn refused(&self, error: ChildError) -> Vec<Output> {
        vec![self.answer(Answer::Refused(error))]
    }

    fn life(&self, key: ChildKey) -> Option<Life> {
        self.state.children().get(key).map(|child| child.life.clone())
    }
}

pub(super) fn start(key: ChildKey) -> Output {
    Output::Start { key }
}

pub(super) fn stop(key: ChildKey, serial: u64) -> Output {
    Output::Stop { key, pid: pid(serial), shutdown: Shutdown::Brutal }
}

pub(super) fn end(cause: EndCause) -> Output {
    Output::End { reason: ExitReason::Shutdown, cause }
}

fn terminate(id: &str) -> Request {
    Request::Terminate(Whom::Id(id.to_owned()))
}

#[test]
fn restart_type_and_reason_decide_over_a_restart() {
    let custom = ExitReason::custom("shutdown", "of its own");
    let table = [
        (Restart::Permanent, ExitReason::Normal, true),
        (Restart::Permanent, ExitReason::Shutdown, true),
        (Restart::Permanent, panicked(), true),
        (Restart::Transient, ExitReason::Normal, false),
        (Restart::Transient, ExitReason::Shutdown, false),
        (Restart::Transient, ExitReason::Killed, true),
        (Restart::Transient, ExitReason::NoConnection, true),
        (Restart::Transient, panicked(), true),
        (Restart::Transient, custom, true),
        (Restart::Temporary, ExitReason::Normal, false),
        (Restart::Temporary, panicked(), false),
    ];
    let strategies =
        [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne, Strategy::Dynamic];
    for strategy in strategies {
        for (restart, reason, restarts) in table.clone() {
            let mut run = Run::new(strategy, 3);
            let key = run.running(child("c", restart), 1);
            let forgotten = restart == Restart::Temporary || strategy == Strategy::Dynamic;
            let expected = match (restarts, forgotten) {
                (true, _) => vec![start(key)],
                (false, true) => vec![Output::Forget { key }],
                (false, false) => vec![],
            };
            assert_eq!(
                run.exited(1, reason.clone()),
                expected,
                "{strategy:?} {restart:?} {reason}"
            );
        }
    }
}

#[test]
fn more_restarts_than_the_intensity_within_the_period_give_up() {
    let mut run = Run::new(Strategy::OneForOne, 2);
    let key = run.running(child("c", Restart::Permanent), 1);
    for serial in 1..=2 {
        assert_eq!(run.exited(serial, panicked()), [start(key)]);
        assert_eq!(run.started(key, serial + 1), []);
    }
    assert_eq!(run.exited(3, panicked()), [end(EndCause::Intensity)]);
}

#[test]
fn restarts_that_are_older_than_the_period_do_not_count() {
    let mut run = Run::new(Strategy::OneForOne, 1);
    let key = run.running(child("c", Restart::Permanent), 1);
    for serial in 1..=10 {
        run.now += Duration::from_secs(6);
        assert_eq!(run.exited(serial, panicked()), [start(key)]);
        assert_eq!(run.started(key, serial + 1), []);
    }
}

#[test]
fn intensity_zero_never_restarts() {
    let mut run = Run::new(Strategy::OneForOne, 0);
    run.running(child("c", Restart::Permanent), 1);
    assert_eq!(run.exited(1, panicked()), [end(EndCause::Intensity)]);
}

#[test]
fn exit_of_somebody_else_is_nothing_to_a_start_that_is_under_way() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.add(child("c", Restart::Permanent));
    assert_eq!(run.exited(2, panicked()), []);
    let answer = run.answer(Answer::Started(pid(2)));
    assert_eq!(run.started(key, 2), [answer]);
    assert_eq!(run.life(key), Some(Life::Running { pid: pid(2), since: run.now }));
}

#[test]
fn child_terminated_while_it_starts_is_stopped_when_it_is_up_and_never_runs_twice() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.add(child("c", Restart::Permanent));
    let cancel = Output::Cancel { key, shutdown: Shutdown::Brutal };
    assert_eq!(run.ask(terminate("c")), [cancel]);
    assert_eq!(run.ask(Request::StartAgain("c".to_owned())), [], "it waits for its turn");
    assert_eq!(run.started(key, 1).last(), Some(&stop(key, 1)));
    let done = run.input(Input::Stopped { key, pid: pid(1) });
    assert_eq!(done.last(), Some(&start(key)));
    assert_eq!(run.life(key), Some(Life::Starting));
}

#[test]
fn terminated_child_is_not_restarted_whatever_its_reason() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.running(child("c", Restart::Permanent), 1);
    assert_eq!(run.ask(terminate("c")), [stop(key, 1)]);
    assert_eq!(run.exited(1, ExitReason::Killed), [run.answer(Answer::Done)]);
    assert_eq!(run.input(Input::Stopped { key, pid: pid(1) }), []);
    assert_eq!(run.life(key), Some(Life::Stopped));
}

#[test]
fn start_that_fails_counts_as_a_restart() {
    let mut run = Run::new(Strategy::OneForOne, 2);
    let key = run.running(child("c", Restart::Permanent), 1);
    assert_eq!(run.exited(1, panicked()), [start(key)]);
    assert_eq!(run.failed(key), [start(key)]);
    assert_eq!(run.failed(key), [end(EndCause::Intensity)]);
}

#[test]
fn child_that_does_not_start_when_it_is_added_is_not_there() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.add(child("c", Restart::Permanent));
    let answer = run.answer(Answer::Failed(SpawnError::Timeout));
    assert_eq!(run.failed(key), [answer, Output::Forget { key }]);
    assert_eq!(run.life(key), None);
}

#[test]
fn child_that_declines_to_start_is_kept_stopped_and_a_temporary_one_forgotten() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.add(child("c", Restart::Permanent));
    assert_eq!(run.input(Input::Ignored { key }), [run.answer(Answer::Ignored)]);
    assert_eq!(run.life(key), Some(Life::Stopped));
    let key = run.add(child("t", Restart::Temporary));
    let expected = [Output::Forget { key }, run.answer(Answer::Ignored)];
    assert_eq!(run.input(Input::Ignored { key }), expected);
}

#[test]
fn group_is_stopped_in_reverse_order_and_started_in_order() {
    let mut run = Run::new(Strategy::OneForAll, 3);
    let keys = ["a", "b", "c"].map(|id| child(id, Restart::Permanent));
    let [a, b, c] = [1, 2, 3].map(|serial| run.running(keys[serial - 1].clone(), serial as u64));
    assert_eq!(run.exited(2, panicked()), [stop(c, 3)]);
    assert_eq!(run.input(Input::Stopped { key: c, pid: pid(3) }), [stop(a, 1)]);
    assert_eq!(run.input(Input::Stopped { key: a, pid: pid(1) }), [start(a)]);
    assert_eq!(run.started(a, 4), [start(b)]);
    assert_eq!(run.started(b, 5), [start(c)]);
    assert_eq!(run.started(c, 6), []);
}

#[test]
fn requests_that_wait_are_bounded() {
    let mut run = Run::new(Strategy::OneForAll, 3);
    run.add(child("slow", Restart::Permanent));
    for _ in 0..REQUESTS_WAITING_MAX {
        assert_eq!(run.ask(Request::Delete("slow".to_owned())), []);
    }
    let busy = run.ask(Request::Delete("slow".to_owned()));
    assert_eq!(busy, run.refused(ChildError::Busy));
}

#[test]
fn specs_that_cannot_be_are_refused_and_change_nothing() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let significant = ChildRules { significant: true, ..child("c", Restart::Transient) };
    let key = run.state.next_key();
    let refused = run.ask(Request::Add(key, significant.clone()));
    let why = SpecError::SignificantUnderNever("c".to_owned());
    assert_eq!(
        refused,
        [Output::Forget { key }, run.answer(Answer::Refused(ChildError::BadSpec(why)))]
    );
    let mut rules = Rules {
        strategy: Strategy::OneForOne,
        intensity: Intensity::default(),
        auto_shutdown: AutoShutdown::AnySignificant,
        children_max: Some(1),
    };
    let permanent = ChildRules { restart: Restart::Permanent, ..significant.clone() };
    let why = SpecError::SignificantPermanent("c".to_owned());
    assert_eq!(rules.check_all(&[&permanent]), Err(why));
    assert_eq!(rules.check_all(&[&significant]), Ok(()));
    let two = [&significant, &child("d", Restart::Transient)];
    assert_eq!(rules.check_all(&two), Err(SpecError::MaxChildren(1)));
    let twice = [&significant, &significant];
    assert_eq!(rules.check_all(&twice), Err(SpecError::DuplicateId("c".to_owned())));
    rules.strategy = Strategy::Dynamic;
    assert_eq!(rules.check_all(&[&significant]), Err(SpecError::ChildOfDynamic));
    rules.intensity.period = Duration::ZERO;
    assert_eq!(rules.check_all(&[]), Err(SpecError::ZeroPeriod));
}

#[test]
fn late_report_of_a_stop_says_nothing_of_the_next_life() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let key = run.running(child("c", Restart::Permanent), 1);
    run.ask(terminate("c"));
    run.exited(1, ExitReason::Killed);
    run.ask(Request::StartAgain("c".to_owned()));
    run.started(key, 2);
    assert_eq!(run.ask(terminate("c")), [stop(key, 2)]);
    assert_eq!(run.input(Input::Stopped { key, pid: pid(1) }), []);
    let done = run.answer(Answer::Done);
    assert_eq!(run.input(Input::Stopped { key, pid: pid(2) }), [done]);
}
