//! Processes that are stopped for a while, or for good.

use std::time::{Duration, Instant};

use starlings_tests::faults::oracle::{self, Sending};
use starlings_tests::faults::{NodeLog, Started};

use super::pair::{Pair, settled};
use super::process::{Process, STREAMS};

/// Waits until the other node has sent so much that nothing more is taken, or this long has passed: the
/// time that a process is to be stopped, which nothing else tells.
fn pass(time: Duration, while_driving: &mut Process) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        while_driving.progress();
    }
}

/// Goal: a node that is stopped for less than the silent period keeps its session, and nothing is lost
/// or doubled, though the other one goes on sending until its buffers are full.
#[test]
fn a_node_that_is_stopped_for_a_moment_keeps_its_session() {
    let mut pair = Pair::over_relay(1000, 2);
    pair.a.meet(&mut pair.b, &pair.relay.address);
    let (a, b) = (&mut pair.a, &mut pair.b);
    let asked = pair.epochs.begin(a, b, 3_000);
    a.until_sent(STREAMS * 10);
    for _ in 0..3 {
        b.signal("-STOP");
        pass(Duration::from_millis(700), a);
        b.signal("-CONT");
        pass(Duration::from_millis(100), a);
    }
    pair.epochs.end(a, b, &asked);
    for driven in [&pair.epochs.from_a[0], &pair.epochs.from_b[0]] {
        assert!(driven.streams.iter().all(|sent| sent.failed.is_none()), "{driven:?}");
    }
    assert_eq!(a.nodes(), ["b@localhost"]);
    let sent = pair.sent();
    assert_eq!(pair.judge(), sent);
}

/// Goal: a node that is stopped for longer is down for the other one by `HeartbeatTimeout`; when it goes
/// on it finds that out, and they meet again when asked to.
#[test]
fn a_node_that_is_stopped_for_long_is_given_up_and_comes_back() {
    let mut pair = Pair::over_relay(200, 3);
    pair.a.meet(&mut pair.b, &pair.relay.address);
    let (a, b) = (&mut pair.a, &mut pair.b);
    let asked = pair.epochs.begin(a, b, 1_000_000);
    a.until_sent(STREAMS * 10);
    b.signal("-STOP");
    let driven = a.driven(&asked[0]);
    assert!(driven.streams.iter().all(|sent| sent.failed.is_some()), "{driven:?}");
    a.settle_alone();
    b.signal("-CONT");
    pair.epochs.from_a.push(driven);
    let driven = b.driven(&asked[1]);
    pair.epochs.from_b.push(driven);
    b.settle_alone();
    pair.connect_and_drive_both(100);
    pair.a.disconnect("b@localhost");
    let downs = pair.a.log_at_end().watcher.nodes_down;
    assert_eq!(downs, ["HeartbeatTimeout", "Disconnected"]);
    pair.judge();
}

/// Goal: after a `kill -9`, nothing that was sent to one life of a node comes to the next one, which has
/// the same name, address and numbers of actors; all monitors of the old one end.
#[test]
fn a_node_that_is_killed_leaves_nothing_to_its_next_life() {
    let mut a = Process::start("a@localhost", 200);
    let mut b = Process::start("b@localhost", 200);
    let address = b.started.address.clone();
    let mut driven = Vec::new();
    for round in 0..4 {
        a.meet(&mut b, &address);
        let before = a.progress();
        let asked = a.drive(3 * round, &b.started, 1_000_000);
        a.until_sent(before + STREAMS * 500);
        let old = b.started.clone();
        b.kill();
        let lost = a.driven(&asked);
        assert!(lost.streams.iter().all(|sent| sent.failed.is_some()), "{lost:?}");

        b = Process::start_at("b@localhost", 200, &address, &[]);
        assert!(b.started.life > old.life);
        assert_eq!(serials(&b.started), serials(&old));
        a.meet(&mut b, &address);
        let (late, new) = (a.drive(3 * round + 1, &old, 100), b.started.clone());
        let new = a.drive(3 * round + 2, &new, 100);
        let (late, new) = (a.driven(&late), a.driven(&new));
        assert!(late.streams.iter().all(|sent| sent.confirmed == 0), "{late:?}");
        assert!(new.streams.iter().all(|sent| sent.confirmed == 100), "{new:?}");
        assert!(a.disconnect("b@localhost"));
        settled(|| {
            let (driven, received) = (std::slice::from_ref(&new), &b.log_at_end());
            oracle::complaints(Sending { driven, received, sender: None })
        });
        driven.extend([lost, late, new]);
        for driven in driven.iter_mut() {
            // What came of it is judged where it came, and the first two have nobody left for that.
            driven.streams.clear();
            driven.asks.clear();
        }
    }
    // Of the pairs of all rounds one end is left.
    for tied in driven.iter_mut().flat_map(|driven| &mut driven.ties) {
        tied.is_settled = false;
    }
    assert!(driven.iter().any(|driven| driven.ties.len() > 1));
    settled(|| {
        let (log, nobody) = (a.log_at_end(), NodeLog::default());
        let of_pairs = Sending { driven: &driven, received: &nobody, sender: Some(&log) };
        let of_a = Sending { driven: &[], received: &log, sender: None };
        [oracle::complaints(of_pairs), oracle::complaints(of_a)].concat()
    });
}

/// The numbers of its loggers.
fn serials(node: &Started) -> Vec<&str> {
    node.loggers.iter().map(|pid| pid.rsplit_once('.').unwrap().1).collect()
}
