//! A process that is stopped while another one sends to it, and what a third one notices of that: nothing.

use std::time::{Duration, Instant};

use starlings_tests::faults::oracle;
use starlings_transport::LANE_BYTES_HARD;

use super::process::{PATIENCE, Process, STREAMS};

/// Long enough that nobody is given up while the test runs.
const HEARTBEAT_MS: u64 = 60_000;

/// Messages of each stream: more than could be kept for the node that stands still, and those for the third
/// one, after which all of them have been asked for.
const TOO_MANY: u64 = 1_000_000;
const FEW: u64 = 3_000;

/// How long nothing more must have been taken until it is sure that nothing more will be.
const STANDS_STILL: Duration = Duration::from_secs(1);

/// Waits until the lane to the stopped node takes nothing more; how much was taken in all.
fn until_full(node: &mut Process) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let (mut accepted, mut since) = (node.progress(), Instant::now());
    while since.elapsed() < STANDS_STILL {
        let now = node.progress();
        if now != accepted {
            (accepted, since) = (now, Instant::now());
        }
        assert!(Instant::now() < deadline, "it is never full: {accepted}");
    }
    accepted
}

/// Goal: a node that stands still costs who sends to it no more than a lane may hold, and holds up nobody
/// else: messages and calls to a third node go on meanwhile, all of them.
#[test]
fn a_node_that_stands_still_costs_no_memory_and_holds_up_no_third_one() {
    let [mut a, mut b, mut c] = ["a@localhost", "b@localhost", "c@localhost"]
        .map(|name| Process::start(name, HEARTBEAT_MS));
    for other in [&mut b, &mut c] {
        let address = other.started.address.clone();
        a.meet(other, &address);
    }
    for (epoch, other) in [(0, &b), (1, &c)] {
        let warm = a.drive(epoch, &other.started, FEW);
        assert!(oracle::broken(&a.driven(&warm)).is_empty());
    }
    let (before, memory) = (a.progress(), a.memory());
    let to_b = a.drive(2, &b.started, TOO_MANY);
    while a.progress() < before + STREAMS * 10 {}
    b.signal("-STOP");
    let full = until_full(&mut a);
    assert!(full < before + STREAMS * TOO_MANY);
    for epoch in 3..6 {
        let to_c = a.drive(epoch, &c.started, FEW);
        let driven = a.driven(&to_c);
        assert!(driven.streams.iter().all(|sent| sent.confirmed == FEW), "{driven:?}");
        assert!(driven.asks.iter().all(|asked| asked.answered > 0), "{driven:?}");
        assert!(oracle::broken(&driven).is_empty(), "{driven:?}");
    }
    let grown = a.memory().saturating_sub(memory);
    assert!(grown <= LANE_BYTES_HARD as u64, "{grown} bytes more");
    assert_eq!(a.nodes(), ["b@localhost", "c@localhost"], "it is not given up");
    b.kill();
    let lost = a.driven(&to_b);
    assert!(lost.streams.iter().all(|sent| sent.failed.is_some()), "{lost:?}");
    assert_eq!(a.nodes(), ["c@localhost"]);
}
