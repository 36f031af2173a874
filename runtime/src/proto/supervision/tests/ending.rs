//! The end of a supervisor, step by step.

use std::time::Duration;

use super::super::*;
use super::steps::{Run, child, end, panicked, pid, stop};

#[test]
fn dynamic_children_are_stopped_all_at_once() {
    let mut run = Run::new(Strategy::Dynamic, 3);
    let nameless = ChildRules { id: None, ..child("", Restart::Permanent) };
    let keys: Vec<_> = (1..=3).map(|serial| run.running(nameless.clone(), serial)).collect();
    let stops = run.input(Input::End(ExitReason::Shutdown));
    assert_eq!(stops, [stop(keys[2], 3), stop(keys[1], 2), stop(keys[0], 1)]);
    for serial in 1..=2 {
        let key = keys[serial - 1];
        let stopped = run.input(Input::Stopped { key, pid: pid(serial as u64) });
        assert_eq!(stopped, [Output::Forget { key }]);
    }
    let last = run.input(Input::Stopped { key: keys[2], pid: pid(3) });
    assert_eq!(last, [Output::Forget { key: keys[2] }, end(EndCause::Asked)]);
}

#[test]
fn many_dynamic_children_are_stopped_some_at_a_time_and_none_waits_for_another() {
    let mut run = Run::new(Strategy::Dynamic, 3);
    let nameless = ChildRules { id: None, ..child("", Restart::Permanent) };
    let count = 2500;
    let keys: Vec<_> = (1..=count).map(|serial| run.running(nameless.clone(), serial)).collect();
    let first = run.input(Input::End(ExitReason::Shutdown));
    assert_eq!((first.len(), run.state.deadline()), (1024, Some(Duration::ZERO)));
    assert_eq!(run.exited(1, panicked()), [], "its turn has not come");
    let second = run.input(Input::Elapsed);
    assert_eq!((second.len(), run.state.deadline()), (1024, Some(Duration::ZERO)));
    let third = run.input(Input::Elapsed);
    assert_eq!(third.last(), Some(&Output::Forget { key: keys[0] }));
    assert_eq!((third.len(), run.state.deadline()), (452, None));
    let stops: Vec<_> = [first, second, third].concat();
    let expected = (2..=count).rev().map(|serial| stop(keys[serial as usize - 1], serial));
    assert!(stops[..2499].iter().cloned().eq(expected));
    for serial in 2..=count {
        let key = keys[serial as usize - 1];
        let stopped = run.input(Input::Stopped { key, pid: pid(serial) });
        let ended = (serial == count).then(|| end(EndCause::Asked));
        assert!(stopped.into_iter().eq([Output::Forget { key }].into_iter().chain(ended)));
    }
}

#[test]
fn supervisor_that_ends_waits_for_no_delay() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let backoff = Some(Box::new(Backoff::new(Duration::from_secs(1), Duration::from_secs(1))));
    run.running(ChildRules { backoff, ..child("slow", Restart::Permanent) }, 1);
    let other = run.running(child("other", Restart::Permanent), 2);
    assert_eq!(run.exited(1, panicked()), []);
    assert!(run.state.deadline().is_some());
    assert_eq!(run.input(Input::End(ExitReason::Shutdown)), [stop(other, 2)]);
    assert_eq!(run.state.deadline(), None);
}

#[test]
fn significant_child_that_waits_for_its_restart_has_not_ended_for_good() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    run.state.rules.auto_shutdown = AutoShutdown::AllSignificant;
    let significant = |id| ChildRules { significant: true, ..child(id, Restart::Transient) };
    let backoff = Some(Box::new(Backoff::new(Duration::from_secs(1), Duration::from_secs(1))));
    run.running(ChildRules { backoff, ..significant("slow") }, 1);
    run.running(significant("other"), 2);
    assert_eq!(run.exited(1, panicked()), []);
    assert_eq!(run.exited(2, ExitReason::Normal), []);
    assert!(run.state.has_begun());
}
