//! Nodes that go, and what that counts.

use std::time::Duration;

use super::super::*;
use super::steps::{Run, child, pid, start};
use crate::identity::{Incarnation, NodeInstance};

const PERIOD: Duration = Duration::from_secs(5);

fn there(serial: u64) -> AnyPid {
    let instance = NodeInstance { node: "b@h".parse().unwrap(), incarnation: Incarnation(1) };
    AnyPid::unbound(instance, serial)
}

fn lost(key: ChildKey) -> Input {
    let error = SpawnError::NoConnection("b@h".parse().unwrap());
    Input::StartFailed { key, error }
}

/// Children with serials from 1 on another node; the first restart of a supervisor is its last.
fn on_another_node(count: u64, restart: Restart) -> (Run, Vec<ChildKey>) {
    let mut run = Run::new(Strategy::OneForOne, 1);
    let keys = (1..=count).map(|serial| {
        let key = run.add(child(&serial.to_string(), restart));
        run.input(Input::Started { key, pid: there(serial) });
        key
    });
    let keys = keys.collect();
    (run, keys)
}

fn end(run: &mut Run, serial: u64, reason: ExitReason) -> Vec<Output> {
    run.input(Input::Exited { pid: there(serial), reason })
}

/// A supervisor of independent children starts them; it stops them only when it ends.
fn has_given_up(outputs: &[Output]) -> bool {
    !outputs.is_empty() && !outputs.iter().any(|output| matches!(output, Output::Start { .. }))
}

#[test]
fn loss_of_a_node_counts_once_however_many_children_were_there() {
    let (mut run, keys) = on_another_node(4, Restart::Permanent);
    let here = run.running(child("here", Restart::Permanent), 9);
    for (key, serial) in keys.iter().zip(1..) {
        assert_eq!(end(&mut run, serial, ExitReason::NoConnection), [start(*key)]);
        assert_eq!(run.state.children().get(*key).unwrap().restarts, 1);
    }
    for (key, serial) in keys.iter().zip(11..) {
        run.started(*key, serial);
    }
    assert_eq!(run.state.children().get(here).unwrap().restarts, 0);
    assert!(has_given_up(&run.exited(9, ExitReason::Killed)), "it did count");
}

#[test]
fn orderly_end_of_a_node_counts_once_with_its_kills_and_its_loss() {
    let (mut run, keys) = on_another_node(4, Restart::Transient);
    assert_eq!(end(&mut run, 1, ExitReason::Shutdown), [start(keys[0])]);
    assert_eq!(end(&mut run, 2, ExitReason::Shutdown), [start(keys[1])]);
    assert_eq!(end(&mut run, 3, ExitReason::Killed), [start(keys[2])], "it took too long");
    assert_eq!(run.input(lost(keys[0])), [start(keys[0])], "it was started there once more");
    assert_eq!(run.input(lost(keys[1])), [start(keys[1])]);
    assert_eq!(end(&mut run, 4, ExitReason::NoConnection), [start(keys[3])]);
    assert!(has_given_up(&run.input(lost(keys[0]))), "it goes once");
}

#[test]
fn orderly_end_of_a_node_counts_once_though_no_child_stops_in_time() {
    let (mut run, keys) = on_another_node(4, Restart::Transient);
    for (key, serial) in keys.iter().zip(1..) {
        assert_eq!(end(&mut run, serial, ExitReason::Killed), [start(*key)]);
    }
}

#[test]
fn connection_that_comes_and_goes_spends_the_intensity() {
    let (mut run, keys) = on_another_node(1, Restart::Permanent);
    assert_eq!(end(&mut run, 1, ExitReason::NoConnection), [start(keys[0])]);
    run.input(Input::Started { key: keys[0], pid: there(2) });
    assert!(has_given_up(&end(&mut run, 2, ExitReason::NoConnection)));
}

#[test]
fn start_that_is_tried_in_vain_on_a_lost_node_counts_each_time() {
    let mut run = Run::new(Strategy::OneForOne, 2);
    let key = run.running(child("c", Restart::Permanent), 1);
    assert_eq!(run.exited(1, ExitReason::Killed), [start(key)]);
    assert_eq!(run.input(lost(key)), [start(key)]);
    assert!(has_given_up(&run.input(lost(key))));
}

#[test]
fn going_explains_ends_only_as_long_as_it_counts() {
    let (mut run, keys) = on_another_node(3, Restart::Permanent);
    assert_eq!(end(&mut run, 1, ExitReason::NoConnection), [start(keys[0])]);
    run.now += PERIOD + Duration::from_secs(1);
    assert_eq!(end(&mut run, 2, ExitReason::NoConnection), [start(keys[1])], "it counts anew");
    assert_eq!(end(&mut run, 3, ExitReason::NoConnection), [start(keys[2])], "with that one");
    run.started(keys[0], 9);
    assert!(has_given_up(&run.exited(9, ExitReason::Killed)), "it did count");
}

#[test]
fn crashes_of_children_elsewhere_count_each() {
    for reason in [ExitReason::Normal, ExitReason::Panic(String::new())] {
        let (mut run, keys) = on_another_node(2, Restart::Permanent);
        assert_eq!(end(&mut run, 1, reason.clone()), [start(keys[0])]);
        assert!(has_given_up(&end(&mut run, 2, reason)));
    }
    let (mut run, keys) = on_another_node(2, Restart::Permanent);
    assert_eq!(end(&mut run, 1, ExitReason::NoConnection), [start(keys[0])]);
    assert!(has_given_up(&end(&mut run, 2, ExitReason::error("its own"))));
}

#[test]
fn losses_of_two_nodes_count_each() {
    let (mut run, keys) = on_another_node(1, Restart::Permanent);
    let instance = NodeInstance { node: "c@h".parse().unwrap(), incarnation: Incarnation(1) };
    let (key, elsewhere) = (run.add(child("c", Restart::Permanent)), AnyPid::unbound(instance, 1));
    run.input(Input::Started { key, pid: elsewhere.clone() });
    assert_eq!(end(&mut run, 1, ExitReason::NoConnection), [start(keys[0])]);
    let exited = Input::Exited { pid: elsewhere, reason: ExitReason::NoConnection };
    assert!(has_given_up(&run.input(exited)));
}

#[test]
fn transient_child_that_its_node_stopped_is_restarted_and_one_that_was_terminated_is_not() {
    let (mut run, keys) = on_another_node(3, Restart::Transient);
    assert_eq!(end(&mut run, 1, ExitReason::Shutdown), [start(keys[0])]);
    assert_eq!(end(&mut run, 2, ExitReason::Normal), []);
    run.ask(Request::Terminate(Whom::Id("3".to_owned())));
    let done = end(&mut run, 3, ExitReason::Shutdown);
    assert!(matches!(&done[..], [Output::Answer { answer: Answer::Done, .. }]), "{done:?}");
    let key = run.running(child("here", Restart::Transient), 9);
    assert_eq!(run.exited(9, ExitReason::Shutdown), [], "on the supervisor's own node");
    assert_eq!(run.state.children().get(key).unwrap().life, Life::Stopped);
    assert_eq!(pid(9).node().as_str(), "a@h");
}

#[test]
fn start_that_fails_for_the_supervisors_own_node_is_no_loss_of_it() {
    let mut run = Run::new(Strategy::OneForOne, 3);
    let keys = [1, 2].map(|serial| {
        let key = run.running(child(&serial.to_string(), Restart::Permanent), serial);
        assert_eq!(run.exited(serial, ExitReason::Normal), [start(key)]);
        key
    });
    let failed = |key| {
        let error = SpawnError::NoConnection("a@h".parse().unwrap());
        Input::StartFailed { key, error }
    };
    assert_eq!(run.input(failed(keys[0])), [start(keys[0])]);
    assert!(has_given_up(&run.input(failed(keys[1]))), "each counts");
}
