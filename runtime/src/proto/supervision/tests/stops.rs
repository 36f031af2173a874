//! Stops, by the clock.

use std::time::Duration;

use super::super::stops::{StopInput, StopOutput, Stops};
use super::super::{ChildKey, Shutdown};
use super::steps::pid;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Run {
    stops: Stops,
    now: Duration,
}

impl Run {
    fn input(&mut self, input: StopInput) -> Vec<StopOutput> {
        let mut outbox = Vec::new();
        self.stops.handle(self.now, input, &mut outbox);
        outbox
    }

    /// Has the child with this number stopped.
    fn stop(&mut self, child: u64, shutdown: Shutdown) -> Vec<StopOutput> {
        self.input(StopInput::Asked { key: ChildKey(child), pid: pid(child), shutdown })
    }

    fn ended(&mut self, child: u64) -> Vec<StopOutput> {
        self.input(StopInput::Ended(pid(child)))
    }

    /// Lets time pass up to the deadline.
    fn elapse(&mut self) -> Vec<StopOutput> {
        self.now = self.now.max(self.stops.deadline().unwrap());
        self.input(StopInput::Elapsed)
    }
}

fn ask(child: u64) -> StopOutput {
    StopOutput::Ask { pid: pid(child) }
}

fn kill(child: u64, is_late: bool) -> StopOutput {
    StopOutput::Kill { key: ChildKey(child), pid: pid(child), is_late }
}

fn over(child: u64) -> StopOutput {
    StopOutput::Over { key: ChildKey(child), pid: pid(child) }
}

#[test]
fn child_that_stops_in_time_is_not_killed() {
    for shutdown in [Shutdown::After(SECOND), Shutdown::Infinity] {
        let mut run = Run::default();
        assert_eq!(run.stop(1, shutdown), [ask(1)]);
        assert_eq!(run.ended(1), [over(1)]);
        assert_eq!(run.stops.deadline(), None);
        assert_eq!(run.ended(1), [], "it is over once");
    }
}

#[test]
fn child_that_is_late_is_killed_and_then_waited_for_a_second() {
    let mut run = Run::default();
    run.stop(1, Shutdown::After(5 * SECOND));
    run.now = 4 * SECOND;
    assert_eq!(run.input(StopInput::Elapsed), []);
    assert_eq!(run.elapse(), [kill(1, true)]);
    assert_eq!(run.now, 5 * SECOND);
    assert_eq!(run.elapse(), [over(1)]);
    assert_eq!(run.now, 6 * SECOND);
    assert_eq!((run.stops.deadline(), run.ended(1)), (None, vec![]));
}

#[test]
fn child_that_is_killed_at_once_is_waited_for_a_second() {
    let mut run = Run::default();
    assert_eq!(run.stop(1, Shutdown::Brutal), [kill(1, false)]);
    assert_eq!(run.stop(2, Shutdown::Brutal), [kill(2, false)]);
    assert_eq!(run.ended(1), [over(1)]);
    assert_eq!(run.elapse(), [over(2)]);
    assert_eq!(run.now, SECOND);
}

#[test]
fn child_with_infinity_has_no_deadline() {
    let mut run = Run::default();
    run.stop(1, Shutdown::Infinity);
    assert_eq!(run.stops.deadline(), None);
    run.stop(2, Shutdown::After(SECOND));
    assert_eq!(run.elapse(), [kill(2, true)]);
    assert_eq!(run.ended(2), [over(2)]);
    run.now = Duration::MAX;
    assert_eq!(run.input(StopInput::Elapsed), []);
    assert_eq!(run.ended(1), [over(1)]);
}

#[test]
fn each_child_has_its_own_time() {
    let mut run = Run::default();
    run.stop(1, Shutdown::After(3 * SECOND));
    run.now = SECOND;
    run.stop(2, Shutdown::After(SECOND));
    assert_eq!(run.elapse(), [kill(2, true)]);
    assert_eq!(run.now, 2 * SECOND);
    assert_eq!(run.elapse(), [kill(1, true), over(2)]);
    assert_eq!(run.now, 3 * SECOND);
}

#[test]
fn many_that_are_late_together_are_killed_some_at_a_time() {
    let mut run = Run::default();
    for child in 1..=2500 {
        run.stop(child, Shutdown::After(SECOND));
    }
    let killed = [1, 2, 3].map(|_| run.elapse().len());
    assert_eq!(killed, [1024, 1024, 452]);
    assert_eq!(run.now, SECOND);
    let over = [1, 2, 3].map(|_| run.elapse().len());
    assert_eq!((over, run.stops.deadline()), ([1024, 1024, 452], None));
}
