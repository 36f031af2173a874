//! Many actors at once.

use std::collections::BTreeSet;

use crate::shell::Shell;

/// Goal: a node with ten thousand actors, each monitored from another node, is killed; each monitor
/// ends once, with `NoConnection`.
#[test]
fn ten_thousand_monitors_end_once_each_when_their_node_is_killed() {
    const COUNT: usize = 10_000;
    /// Commands under way at once: fewer than fill the pipes.
    const WINDOW: usize = 500;

    let (mut a, mut b) = Shell::pair();
    let fanout = b.text(&format!("spawn fanout {COUNT} timeout 60000"));
    let fanout = fanout.replace("<0.", "<b@localhost.");
    let pids = a.ok(&format!("call {fanout} which timeout 60000"));
    let pids: Vec<_> = pids.as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(pids.len(), COUNT);
    let mut monitors = BTreeSet::new();
    for window in pids.chunks(WINDOW) {
        window.iter().for_each(|pid| a.send(&format!("monitor {pid}")));
        for _ in window {
            let monitor = a.answer().unwrap();
            assert!(monitors.insert(monitor.as_str().unwrap().to_owned()));
        }
    }
    // The signals may still be on their way: those are answered like the others.
    let last = pids[COUNT - 1];
    while a.ok(&format!("info {last}"))["watchers"] != 1 {}
    b.kill();

    let downs = a.events(|events| events.len() >= COUNT);
    assert_eq!(downs.len(), COUNT);
    for down in &downs {
        assert_eq!(
            (down["type"].as_str(), down["reason"]["kind"].as_str()),
            (Some("Down"), Some("NoConnection"),)
        );
        assert!(monitors.remove(down["ref"].as_str().unwrap()), "twice: {down}");
    }
    assert!(monitors.is_empty());
    assert_eq!(a.ok("flush").as_array().unwrap().len(), 0);
    assert_eq!(a.ok("spawn counter 1").as_str().unwrap().chars().next(), Some('<'));
}
