//! The orderly end of a supervisor whose children are in other processes, and what may come between.

use std::time::Instant;

use starlings_tests::faults::children::{ChildSetup, ChildrenLog, Stop, Word};
use starlings_tests::faults::{Command, Said};

use super::process::{PATIENCE, Process};

/// A node with a supervisor, and two for its children.
struct Three {
    a: Process,
    b: Process,
    c: Process,
}

/// Heartbeat in ms; a peer that is silent for five of them is lost.
const HEARTBEAT_MS: u64 = 200;

impl Three {
    fn start() -> Self {
        let [mut a, mut b, mut c] = ["a@localhost", "b@localhost", "c@localhost"]
            .map(|name| Process::start(name, HEARTBEAT_MS));
        for other in [&mut b, &mut c] {
            let address = other.started.address.clone();
            a.meet(other, &address);
        }
        Self { a, b, c }
    }

    /// Has node a start a supervisor with these children.
    fn supervise(&mut self, children: &[ChildSetup]) {
        let said = say(&mut self.a, &Command::Supervise(children.to_vec()));
        assert_eq!(said, Said::Supervised);
    }

    fn end_supervisor(&mut self) {
        assert_eq!(say(&mut self.a, &Command::EndSupervisor), Said::Ending);
    }
}

fn say(node: &mut Process, command: &Command) -> Said {
    let asked = node.ask(command);
    node.answer(&asked)
}

fn children(node: &mut Process) -> ChildrenLog {
    let Said::Children(log) = say(node, &Command::Children) else {
        panic!("children are children")
    };
    log
}

/// Waits until what a node has seen is so.
fn until(node: &mut Process, what: &str, holds: impl Fn(&ChildrenLog) -> bool) -> ChildrenLog {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = children(node);
        if holds(&log) {
            return log;
        }
        assert!(Instant::now() < deadline, "{what}: {log:?}");
    }
}

/// Waits until the supervisor, all its children, and those on node a have ended.
fn ended(a: &mut Process, children: usize) -> ChildrenLog {
    until(a, "it does not end", |log| log.ended.is_some() && log.downs.len() == children)
}

fn child(number: u32, on: &str, stop: Stop) -> ChildSetup {
    ChildSetup { number, on: format!("{on}@localhost"), stop, obeys: true }
}

/// One that goes on until it is killed.
fn stubborn(number: u32, on: &str, stop: Stop) -> ChildSetup {
    ChildSetup { obeys: false, ..child(number, on, stop) }
}

fn asked(number: u32, alive: &[u32]) -> Word {
    Word::Asked { number, alive: alive.to_vec() }
}

/// Why each child has ended, in their order.
fn reasons(log: &ChildrenLog) -> Vec<&str> {
    let mut downs: Vec<_> = log.downs.iter().collect();
    downs.sort();
    downs.iter().map(|(_, reason)| reason.as_str()).collect()
}

/// Goal: children in other processes are stopped in reverse order, one after another, each as its spec
/// says: killed at once, after its time and not before, or waited for.
/// Method: each child that is asked to stop says who is alive on its node then; two nodes take turns.
#[test]
fn children_elsewhere_stop_in_reverse_order_each_within_its_time() {
    let mut nodes = Three::start();
    nodes.supervise(&[
        child(1, "b", Stop::AfterMs(60_000)),
        child(2, "c", Stop::Infinity),
        stubborn(3, "b", Stop::AfterMs(400)),
        child(4, "b", Stop::Infinity),
        stubborn(5, "b", Stop::Brutal),
        child(6, "c", Stop::AfterMs(60_000)),
    ]);
    assert_eq!(children(&mut nodes.b).here, [1, 3, 4, 5]);
    assert_eq!(children(&mut nodes.c).here, [2, 6]);
    nodes.end_supervisor();
    let log = ended(&mut nodes.a, 6);
    let words = [
        asked(6, &[2, 6]),
        Word::Done(6),
        asked(4, &[1, 3, 4]),
        Word::Done(4),
        asked(3, &[1, 3]),
        asked(2, &[2]),
        Word::Done(2),
        asked(1, &[1]),
        Word::Done(1),
    ];
    assert_eq!(log.words, words);
    let (stopped, killed) = ("Shutdown", "Killed");
    assert_eq!(reasons(&log), [stopped, stopped, killed, stopped, killed, stopped]);
    let (reason, took_ms) = log.ended.unwrap();
    assert_eq!(reason, "Shutdown");
    assert!(took_ms >= 400, "the stubborn one was killed after {took_ms} ms");
    for node in [&mut nodes.b, &mut nodes.c] {
        assert_eq!(children(node).here, [0; 0]);
    }
    assert_eq!(nodes.a.nodes(), ["b@localhost", "c@localhost"]);
}

/// What comes between, while a child on node b is being stopped.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Kill,
    Stop,
    Disconnect,
}

/// Has a supervisor end that waits without a bound for a child on node b, does harm to that node, and
/// waits for the end of the supervisor; the nodes that are left, and what was seen.
fn ends_all_the_same(harm: Harm) -> (Option<Three>, ChildrenLog) {
    let mut nodes = Three::start();
    nodes.supervise(&[
        child(1, "c", Stop::Infinity),
        child(2, "b", Stop::Infinity),
        child(3, "c", Stop::Infinity),
        stubborn(4, "b", Stop::Infinity),
        child(5, "c", Stop::Infinity),
    ]);
    nodes.end_supervisor();
    let is_asked = |log: &ChildrenLog| log.words.contains(&asked(4, &[2, 4]));
    until(&mut nodes.a, "it is not asked", is_asked);
    let Three { mut a, b, mut c } = nodes;
    assert_eq!(children(&mut a).ended, None);
    let left = match harm {
        Harm::Kill => {
            b.kill();
            None
        }
        Harm::Stop => {
            b.signal("-STOP");
            Some(b)
        }
        Harm::Disconnect => {
            assert!(a.disconnect("b@localhost"));
            Some(b)
        }
    };
    let log = ended(&mut a, 5);
    // Those on the other node are still stopped in order, and nobody is started again.
    let words = [
        asked(5, &[1, 3, 5]),
        Word::Done(5),
        asked(4, &[2, 4]),
        asked(3, &[1, 3]),
        Word::Done(3),
        asked(1, &[1]),
        Word::Done(1),
    ];
    assert_eq!(log.words, words, "{harm:?}");
    let (stopped, lost) = ("Shutdown", "NoConnection");
    assert_eq!(reasons(&log), [stopped, lost, stopped, lost, stopped], "{harm:?}");
    assert_eq!(log.ended.as_ref().unwrap().0, "Shutdown");
    assert_eq!(children(&mut c).here, [0; 0]);
    assert_eq!(children(&mut a).here, [0; 0]);
    (left.map(|b| Three { a, b, c }), log)
}

#[test]
fn a_supervisor_ends_though_the_node_of_a_child_is_killed_meanwhile() {
    ends_all_the_same(Harm::Kill);
}

/// Goal: a node that stands still in the middle of the end of a supervisor elsewhere holds it up no longer
/// than it may be silent; when it goes on, none of the children is left there.
#[test]
fn a_supervisor_ends_though_the_node_of_a_child_stands_still_meanwhile() {
    let (nodes, _) = ends_all_the_same(Harm::Stop);
    let mut nodes = nodes.unwrap();
    nodes.b.signal("-CONT");
    until(&mut nodes.b, "somebody is left", |log| log.here.is_empty());
}

#[test]
fn a_supervisor_ends_though_the_node_of_a_child_is_disconnected_meanwhile() {
    let (nodes, _) = ends_all_the_same(Harm::Disconnect);
    until(&mut nodes.unwrap().b, "somebody is left", |log| log.here.is_empty());
}
