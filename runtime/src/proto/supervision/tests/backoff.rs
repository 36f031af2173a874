//! Delays before restarts.

use std::time::Duration;

use super::super::*;
use super::steps::{Run, child, pid, start};

const SECOND: Duration = Duration::from_secs(1);

fn delayed(jitter: f64) -> ChildRules {
    let backoff = Backoff::new(SECOND, 8 * SECOND).jitter(jitter).reset_after(20 * SECOND);
    ChildRules { backoff: Some(Box::new(backoff)), ..child("c", Restart::Permanent) }
}

fn crash(run: &mut Run, serial: u64) -> Duration {
    assert_eq!(run.exited(serial, ExitReason::Killed), []);
    run.state.deadline().unwrap() - run.now
}

/// Lets the delay pass; the child is up again.
fn restart(run: &mut Run, key: ChildKey, serial: u64) {
    run.now = run.state.deadline().unwrap();
    assert_eq!(run.input(Input::Elapsed), [start(key)]);
    assert_eq!(run.started(key, serial), []);
    assert_eq!(run.state.deadline(), None);
}

#[test]
fn delays_double_up_to_the_maximum_and_begin_anew_after_a_time_up() {
    let mut run = Run::new(Strategy::OneForOne, 100);
    let key = run.running(delayed(0.0), 1);
    for (crashes, seconds) in [1, 2, 4, 8, 8].into_iter().enumerate() {
        let serial = crashes as u64 + 1;
        assert_eq!(crash(&mut run, serial), seconds * SECOND);
        restart(&mut run, key, serial + 1);
    }
    run.now += 20 * SECOND;
    assert_eq!(crash(&mut run, 6), SECOND);
}

#[test]
fn jitter_shortens_delays_by_its_part_at_most() {
    let mut run = Run::new(Strategy::OneForOne, 1000);
    let key = run.running(delayed(0.5), 1);
    let mut seen = BTreeSet::new();
    for serial in 1..=100 {
        run.now += 20 * SECOND;
        let delay = crash(&mut run, serial);
        assert!((SECOND / 2..=SECOND).contains(&delay), "{delay:?}");
        seen.insert(delay);
        restart(&mut run, key, serial + 1);
    }
    assert!(seen.len() > 90, "they differ");
}

#[test]
fn waiting_child_counts_against_the_intensity_and_can_be_terminated() {
    let mut run = Run::new(Strategy::OneForOne, 1);
    let key = run.running(delayed(0.0), 1);
    crash(&mut run, 1);
    let restarting = Answer::Refused(ChildError::Restarting("c".to_owned()));
    let refused = run.ask(Request::Delete("c".to_owned()));
    assert!(matches!(&refused[..], [Output::Answer { answer, .. }] if *answer == restarting));
    restart(&mut run, key, 2);
    let gave_up = run.exited(2, ExitReason::Killed);
    assert!(matches!(&gave_up[..], [Output::End { cause: EndCause::Intensity, .. }]));

    let mut run = Run::new(Strategy::OneForOne, 1);
    run.running(delayed(0.0), 1);
    crash(&mut run, 1);
    run.ask(Request::Terminate(Whom::Id("c".to_owned())));
    assert_eq!(run.state.deadline(), None);
}

#[test]
fn siblings_of_a_group_are_stopped_at_once_and_started_after_the_delay() {
    let mut run = Run::new(Strategy::OneForAll, 3);
    let (first, last) = (child("a", Restart::Permanent), delayed(0.0));
    let (first, last) = (run.running(first, 1), run.running(last, 2));
    let stops = run.exited(2, ExitReason::Killed);
    assert!(matches!(&stops[..], [Output::Stop { key, .. }] if *key == first));
    assert_eq!(run.state.deadline(), None, "the delay begins when they have stopped");
    assert_eq!(run.input(Input::Stopped { key: first, pid: pid(1) }), []);
    run.now = run.state.deadline().unwrap();
    assert_eq!(run.input(Input::Elapsed), [start(first)]);
    assert_eq!(run.started(first, 3), [start(last)]);
}

#[test]
fn backoffs_out_of_bounds_are_refused() {
    let good = Backoff::new(SECOND, SECOND);
    assert!(good.is_valid());
    let bad = [
        Backoff { base: Duration::ZERO, ..good },
        Backoff { base: 2 * SECOND, ..good },
        Backoff { max: Duration::MAX, ..good },
        good.jitter(1.1),
        good.jitter(-0.1),
        good.jitter(f64::NAN),
    ];
    for backoff in bad {
        assert!(!backoff.is_valid(), "{backoff:?}");
    }
}
