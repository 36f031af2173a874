use super::*;
use crate::identity::{Incarnation, NodeInstance};

fn pid(serial: u64) -> AnyPid {
    let instance = NodeInstance { node: "a@h".parse().unwrap(), incarnation: Incarnation(1) };
    AnyPid::unbound(instance, serial)
}

fn panicked() -> ExitReason {
    ExitReason::Panic("boom".to_owned())
}

struct Run {
    state: State,
    now: Duration,
}

impl Run {
    fn new(restarts: usize, period: Duration) -> Self {
        let state = State::new(Strategy::OneForOne, Intensity { restarts, period });
        Self { state, now: Duration::ZERO }
    }

    fn input(&mut self, input: Input) -> Result<Vec<Output>, ChildError> {
        let mut outbox = Vec::new();
        self.state.handle(self.now, input, &mut outbox).map(|()| outbox)
    }

    fn running(&mut self, restart: Restart, serial: u64) {
        let added = self.input(Input::Add(ChildRules { id: "c".to_owned(), restart })).unwrap();
        assert_eq!(added, [start()]);
        assert_eq!(self.started(serial), []);
    }

    fn started(&mut self, serial: u64) -> Vec<Output> {
        self.input(Input::Started { id: "c".to_owned(), pid: pid(serial) }).unwrap()
    }

    fn exited(&mut self, serial: u64, reason: ExitReason) -> Vec<Output> {
        self.input(Input::Exited { pid: pid(serial), reason }).unwrap()
    }

    fn state_of_child(&self) -> Option<ChildState> {
        self.state.children().next().map(|(_, state, _)| state.clone())
    }
}

fn start() -> Output {
    Output::Start { id: "c".to_owned() }
}

fn terminate() -> Input {
    Input::Terminate { id: "c".to_owned() }
}

#[test]
fn restart_type_and_reason_decide_over_a_restart() {
    let forget = Output::Forget { id: "c".to_owned() };
    let table = [
        (Restart::Permanent, ExitReason::Normal, vec![start()]),
        (Restart::Permanent, ExitReason::Shutdown, vec![start()]),
        (Restart::Permanent, panicked(), vec![start()]),
        (Restart::Transient, ExitReason::Normal, vec![]),
        (Restart::Transient, ExitReason::Shutdown, vec![]),
        (Restart::Transient, ExitReason::Killed, vec![start()]),
        (Restart::Transient, ExitReason::NoConnection, vec![start()]),
        (Restart::Transient, panicked(), vec![start()]),
        (Restart::Temporary, ExitReason::Normal, vec![forget.clone()]),
        (Restart::Temporary, panicked(), vec![forget]),
    ];
    for (restart, reason, expected) in table {
        let mut run = Run::new(3, Duration::from_secs(5));
        run.running(restart, 1);
        assert_eq!(run.exited(1, reason.clone()), expected, "{restart:?} {reason:?}");
    }
}

#[test]
fn more_restarts_than_the_intensity_within_the_period_give_up() {
    let mut run = Run::new(2, Duration::from_secs(5));
    run.running(Restart::Permanent, 1);
    for serial in 1..=2 {
        assert_eq!(run.exited(serial, panicked()), [start()]);
        assert_eq!(run.started(serial + 1), []);
    }
    assert_eq!(run.exited(3, panicked()), [Output::GiveUp(ExitReason::Shutdown)]);
}

#[test]
fn restarts_that_are_older_than_the_period_do_not_count() {
    let mut run = Run::new(1, Duration::from_secs(5));
    run.running(Restart::Permanent, 1);
    for serial in 1..=10 {
        run.now += Duration::from_secs(6);
        assert_eq!(run.exited(serial, panicked()), [start()]);
        assert_eq!(run.started(serial + 1), []);
    }
}

#[test]
fn intensity_zero_never_restarts_and_an_endless_period_is_no_overflow() {
    let mut run = Run::new(0, Duration::MAX);
    run.running(Restart::Permanent, 1);
    assert_eq!(run.exited(1, panicked()), [Output::GiveUp(ExitReason::Shutdown)]);
}

#[test]
fn exit_that_comes_before_the_start_is_reported_counts() {
    let mut run = Run::new(3, Duration::from_secs(5));
    run.input(Input::Add(ChildRules { id: "c".to_owned(), restart: Restart::Permanent })).unwrap();
    assert_eq!(run.exited(1, panicked()), []);
    assert_eq!(run.started(1), [start()]);
}

#[test]
fn child_terminated_while_it_starts_is_stopped_when_it_is_up_and_never_runs_twice() {
    let mut run = Run::new(3, Duration::from_secs(5));
    run.input(Input::Add(ChildRules { id: "c".to_owned(), restart: Restart::Permanent })).unwrap();
    assert_eq!(run.input(terminate()), Ok(vec![]));
    let running = Err(ChildError::Running("c".to_owned()));
    assert_eq!(run.input(Input::StartAgain { id: "c".to_owned() }), running);
    assert_eq!(run.input(Input::Delete { id: "c".to_owned() }), running);
    assert_eq!(run.started(1), [Output::Stop { id: "c".to_owned(), pid: pid(1) }]);
    assert_eq!(run.exited(1, ExitReason::Shutdown), []);
    assert_eq!(run.state_of_child(), Some(ChildState::Stopped));
    assert_eq!(run.input(Input::StartAgain { id: "c".to_owned() }), Ok(vec![start()]));
}

#[test]
fn terminated_child_is_not_restarted_whatever_its_reason() {
    let mut run = Run::new(3, Duration::from_secs(5));
    run.running(Restart::Permanent, 1);
    let stop = Output::Stop { id: "c".to_owned(), pid: pid(1) };
    assert_eq!(run.input(terminate()), Ok(vec![stop]));
    assert_eq!(run.exited(1, ExitReason::Killed), []);
    assert_eq!(run.state_of_child(), Some(ChildState::Stopped));
}

#[test]
fn start_that_fails_counts_as_a_restart() {
    let mut run = Run::new(1, Duration::from_secs(5));
    run.running(Restart::Permanent, 1);
    assert_eq!(run.exited(1, panicked()), [start()]);
    let failed = Input::StartFailed { id: "c".to_owned(), reason: panicked() };
    assert_eq!(run.input(failed), Ok(vec![Output::GiveUp(ExitReason::Shutdown)]));
}

#[test]
fn child_that_does_not_start_when_it_is_added_is_not_there() {
    let mut run = Run::new(3, Duration::from_secs(5));
    run.input(Input::Add(ChildRules { id: "c".to_owned(), restart: Restart::Permanent })).unwrap();
    let failed = Input::StartFailed { id: "c".to_owned(), reason: panicked() };
    assert_eq!(run.input(failed), Ok(vec![Output::Forget { id: "c".to_owned() }]));
    assert_eq!(run.state_of_child(), None);
}
