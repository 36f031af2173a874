use super::*;
use crate::identity::{Incarnation, NodeInstance};

fn pid(node: &str, serial: u64) -> AnyPid {
    let instance = NodeInstance { node: node.parse().unwrap(), incarnation: Incarnation(1) };
    AnyPid::unbound(instance, serial)
}

#[test]
fn exit_of_a_link_ends_or_is_trapped_once() {
    let (other, reason) = (pid("a@h", 1), ExitReason::Killed);
    let mut bonds = Bonds::default();
    assert!(bonds.link(other.clone()) && !bonds.link(other.clone()));
    assert_eq!(bonds.on_exit(&other, &reason, true), ExitEffect::Ends(reason.clone()));
    assert_eq!(bonds.on_exit(&other, &reason, true), ExitEffect::Ignored);

    bonds.set_trap_exits(true);
    bonds.link(other.clone());
    assert_eq!(bonds.on_exit(&other, &reason, true), ExitEffect::Trapped);
    assert_eq!(bonds.on_exit(&other, &reason, true), ExitEffect::Ignored, "it has exited once");
    assert!(bonds.take_exit(&other) && !bonds.take_exit(&other));
}

#[test]
fn unlink_takes_back_an_exit_that_waits() {
    let other = pid("a@h", 1);
    let mut bonds = Bonds::default();
    bonds.set_trap_exits(true);
    bonds.link(other.clone());
    bonds.on_exit(&other, &ExitReason::Killed, true);
    assert!(bonds.unlink(&other));
    assert!(!bonds.take_exit(&other));
}

#[test]
fn normal_exit_spares_and_one_by_hand_needs_no_link() {
    let other = pid("a@h", 1);
    let mut bonds = Bonds::default();
    bonds.link(other.clone());
    assert_eq!(bonds.on_exit(&other, &ExitReason::Normal, true), ExitEffect::Ignored);
    assert_eq!(bonds.on_exit(&other, &ExitReason::Normal, false), ExitEffect::Ignored);
    let killed = ExitEffect::Ends(ExitReason::Killed);
    assert_eq!(bonds.on_exit(&other, &ExitReason::Killed, false), killed);
}

#[test]
fn monitor_fires_once_and_demonitor_takes_it_back() {
    let (first, second) = (MonitorRef(1), MonitorRef(2));
    let mut bonds = Bonds::default();
    bonds.monitor(first, pid("a@h", 1));
    bonds.monitor(second, pid("a@h", 1));
    assert!(bonds.on_down(first) && !bonds.on_down(first));
    assert!(bonds.take_down(first) && !bonds.take_down(first));
    assert!(bonds.on_down(second));
    assert_eq!(bonds.demonitor(second), Some(pid("a@h", 1)));
    assert!(!bonds.take_down(second) && !bonds.on_down(second));
}

#[test]
fn node_that_goes_fires_its_links_and_monitors_and_takes_its_watchers() {
    let (here, there) = (pid("a@h", 1), pid("b@h", 2));
    let mut bonds = Bonds::default();
    bonds.link(here.clone());
    bonds.link(there.clone());
    bonds.monitor(MonitorRef(1), there.clone());
    bonds.add_watcher(there.clone(), MonitorRef(7));
    bonds.add_watcher(here.clone(), MonitorRef(7));
    let fired = bonds.on_node_down(|pid| pid.node() == there.node());
    assert_eq!((fired.links, fired.monitors), (vec![there.clone()], vec![(MonitorRef(1), there)]));
    assert_eq!(bonds.take_all().watchers, [(here, MonitorRef(7))]);
}

#[test]
fn the_end_tells_everyone_once() {
    let (linked, watched, watcher) = (pid("a@h", 1), pid("a@h", 2), pid("a@h", 3));
    let mut bonds = Bonds::default();
    bonds.link(linked.clone());
    bonds.monitor(MonitorRef(1), watched.clone());
    bonds.add_watcher(watcher.clone(), MonitorRef(2));
    let farewell = bonds.take_all();
    let expected = Farewell {
        links: vec![linked],
        watchers: vec![(watcher, MonitorRef(2))],
        monitors: vec![(MonitorRef(1), watched)],
        bonded: vec![],
    };
    assert_eq!(farewell, expected);
    assert_eq!(bonds.take_all(), Farewell::default());
}
