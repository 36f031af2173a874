mod world;

use super::*;
use crate::identity::{Incarnation, NodeInstance};

fn pid(node: &str, serial: u64) -> AnyPid {
    let instance = NodeInstance { node: node.parse().unwrap(), incarnation: Incarnation(1) };
    AnyPid::unbound(instance, serial)
}

/// What the loss of the node of these pids leads to.
fn lost(bonds: &mut Bonds, lost: impl Fn(&AnyPid) -> bool) -> Vec<Effect> {
    let signals = bonds.lose(lost).into_iter().map(|lost| lost.signal(ExitReason::NoConnection));
    signals.map(|signal| bonds.handle(&me(), signal)).collect()
}

fn me() -> AnyPid {
    pid("a@h", 0)
}

fn exit(from: &AnyPid, reason: ExitReason, linked: bool) -> Signal {
    Signal::Exit { from: from.clone(), reason, linked }
}

fn down(monitor: MonitorRef, target: &AnyPid) -> Signal {
    Signal::Down { monitor, target: target.clone(), reason: ExitReason::NoProc }
}

fn is_trapped(effect: &Effect) -> bool {
    matches!(effect, Effect::Exit(_))
}

#[test]
fn exit_of_a_link_ends_or_is_trapped_once() {
    let (other, reason) = (pid("a@h", 1), ExitReason::Killed);
    let mut bonds = Bonds::default();
    bonds.link(other.clone());
    bonds.link(other.clone());
    let killed = exit(&other, reason.clone(), true);
    assert_eq!(bonds.handle(&me(), killed.clone()), Effect::Ends(reason));
    assert_eq!(bonds.handle(&me(), killed.clone()), Effect::Nothing);

    bonds.set_trap_exits(true);
    bonds.link(other.clone());
    assert!(is_trapped(&bonds.handle(&me(), killed.clone())));
    assert_eq!(bonds.handle(&me(), killed), Effect::Nothing, "it has exited once");
    assert!(bonds.take_exit(&other) && !bonds.take_exit(&other));
}

#[test]
fn unlink_takes_back_an_exit_that_waits() {
    let other = pid("a@h", 1);
    let mut bonds = Bonds::default();
    bonds.set_trap_exits(true);
    bonds.link(other.clone());
    bonds.handle(&me(), exit(&other, ExitReason::Killed, true));
    assert!(!bonds.unlink(&other, 1), "the other side has ended");
    assert!(!bonds.take_exit(&other));
}

/// `process_SUITE`: `dist_unlink_ack_exit_leak`, `unlink_exit`: the exit was on its way.
#[test]
fn exit_that_crosses_an_unlink_is_not_seen() {
    let other = pid("a@h", 1);
    for traps in [true, false] {
        let mut bonds = Bonds::default();
        bonds.set_trap_exits(traps);
        bonds.link(other.clone());
        assert!(bonds.unlink(&other, 1) && !bonds.unlink(&other, 2));
        assert_eq!(bonds.handle(&me(), exit(&other, ExitReason::Killed, true)), Effect::Nothing);
        assert_eq!(bonds.links().count(), 0);
        assert_eq!(bonds.take_all(), Farewell::default());
    }
}

#[test]
fn link_that_crosses_an_unlink_is_no_link_on_either_side() {
    let (a, b) = (pid("a@h", 1), pid("a@h", 2));
    let (mut of_a, mut of_b) = (Bonds::default(), Bonds::default());
    of_a.link(b.clone());
    of_b.handle(&b, Signal::Link { from: a.clone() });
    // Now a unlinks while b links again.
    assert!(of_a.unlink(&b, 7));
    of_b.link(a.clone());
    assert_eq!(of_a.handle(&a, Signal::Link { from: b.clone() }), Effect::Nothing);
    let ack = Signal::UnlinkAck { from: b.clone(), unlink: 7 };
    let unlink = Signal::Unlink { from: a.clone(), unlink: 7 };
    assert_eq!(of_b.handle(&b, unlink), Effect::Answer(a.clone(), ack.clone()));
    assert_eq!(of_a.handle(&a, ack), Effect::Nothing);
    assert_eq!((of_a.links().count(), of_b.links().count()), (0, 0));
    // What b does after the acknowledgement counts again.
    of_b.link(a.clone());
    assert_eq!(of_a.handle(&a, Signal::Link { from: b.clone() }), Effect::Bonded(b));
}

#[test]
fn acknowledgement_of_an_earlier_unlink_does_not_end_a_later_link() {
    let (a, b) = (pid("a@h", 1), pid("a@h", 2));
    let mut of_a = Bonds::default();
    of_a.link(b.clone());
    of_a.unlink(&b, 1);
    of_a.link(b.clone());
    of_a.handle(&a, Signal::UnlinkAck { from: b.clone(), unlink: 1 });
    assert_eq!(of_a.links().count(), 1);
    of_a.unlink(&b, 2);
    of_a.handle(&a, Signal::UnlinkAck { from: b.clone(), unlink: 1 });
    assert_eq!(of_a.handle(&a, Signal::Link { from: b }), Effect::Nothing, "it is unlinking still");
}

#[test]
fn normal_exit_spares_and_one_by_hand_needs_no_link() {
    let other = pid("a@h", 1);
    let mut bonds = Bonds::default();
    bonds.link(other.clone());
    for linked in [true, false] {
        let normal = exit(&other, ExitReason::Normal, linked);
        assert_eq!(bonds.handle(&me(), normal), Effect::Nothing);
    }
    let killed = exit(&other, ExitReason::Killed, false);
    assert_eq!(bonds.handle(&me(), killed), Effect::Ends(ExitReason::Killed));
}

#[test]
fn monitor_fires_once_and_demonitor_takes_it_back() {
    let (first, second, target) = (MonitorRef(1), MonitorRef(2), pid("a@h", 1));
    let mut bonds = Bonds::default();
    bonds.monitor(first, target.clone());
    bonds.monitor(second, target.clone());
    let fires = |bonds: &mut Bonds, monitor| {
        matches!(bonds.handle(&me(), down(monitor, &target)), Effect::Down(_))
    };
    assert!(fires(&mut bonds, first) && !fires(&mut bonds, first));
    assert!(bonds.take_down(first) && !bonds.take_down(first));
    assert!(fires(&mut bonds, second));
    assert_eq!(bonds.demonitor(second), Some(target.clone()));
    assert!(!bonds.take_down(second) && !fires(&mut bonds, second));
}

#[test]
fn node_that_goes_fires_its_links_and_monitors_and_takes_its_watchers() {
    let (here, there, parting) = (pid("a@h", 1), pid("b@h", 2), pid("b@h", 3));
    let mut bonds = Bonds::default();
    bonds.set_trap_exits(true);
    for other in [&here, &there, &parting] {
        bonds.link(other.clone());
    }
    bonds.unlink(&parting, 1);
    bonds.monitor(MonitorRef(1), there.clone());
    bonds.add_watcher(there.clone(), MonitorRef(7));
    bonds.add_watcher(here.clone(), MonitorRef(7));
    let reason = ExitReason::NoConnection;
    let effects = lost(&mut bonds, |pid| pid.node() == there.node());
    let expected = [
        Effect::Down(Down { monitor: MonitorRef(1), pid: there.clone(), reason: reason.clone() }),
        Effect::Exit(Exit { pid: there, reason, linked: true }),
        Effect::Nothing,
    ];
    assert_eq!(effects, expected);
    let farewell = bonds.take_all();
    assert_eq!(
        (farewell.links, farewell.watchers),
        (vec![here.clone()], vec![(here, MonitorRef(7))])
    );
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

/// A link with a child whose birth its supervisor has not heard of.
fn with_newborn(child: &AnyPid) -> Bonds {
    let mut bonds = Bonds::default();
    bonds.set_trap_exits(true);
    bonds.link(child.clone());
    bonds.hold(child.clone());
    bonds
}

#[test]
fn exit_of_a_newborn_is_held_back_until_its_birth_is_known() {
    let (child, stranger) = (pid("a@h", 1), pid("a@h", 2));
    let mut bonds = with_newborn(&child);
    bonds.handle(&me(), Signal::Link { from: stranger.clone() });
    let ended = exit(&child, ExitReason::Killed, true);
    assert_eq!(bonds.handle(&me(), ended.clone()), Effect::Nothing);
    assert_eq!(bonds.handle(&me(), ended), Effect::Nothing);
    assert!(is_trapped(&bonds.handle(&me(), exit(&stranger, ExitReason::Killed, true))));
    let held = Exit { pid: child.clone(), reason: ExitReason::Killed, linked: true };
    assert_eq!(bonds.release(&child), Some(held));
    assert_eq!(bonds.release(&child), None);
    assert!(bonds.take_exit(&child), "it is as one that has just come");
}

#[test]
fn newborn_that_lives_is_a_link_like_others_once_its_birth_is_known() {
    let child = pid("a@h", 1);
    let mut bonds = with_newborn(&child);
    assert_eq!(bonds.release(&child), None);
    assert!(is_trapped(&bonds.handle(&me(), exit(&child, ExitReason::Killed, true))));
}

#[test]
fn newborn_that_leaves_its_link_and_links_again_is_held_back_all_the_same() {
    let child = pid("a@h", 1);
    let mut bonds = with_newborn(&child);
    bonds.handle(&me(), Signal::Unlink { from: child.clone(), unlink: 1 });
    bonds.handle(&me(), Signal::Link { from: child.clone() });
    bonds.handle(&me(), exit(&child, ExitReason::Killed, true));
    assert_eq!(bonds.release(&child).map(|exit| exit.reason), Some(ExitReason::Killed));
}

#[test]
fn newborn_that_is_lost_with_its_node_is_held_back() {
    let child = pid("b@h", 1);
    let mut bonds = with_newborn(&child);
    assert_eq!(lost(&mut bonds, |pid| *pid == child), [Effect::Nothing]);
    assert_eq!(bonds.release(&child).map(|exit| exit.reason), Some(ExitReason::NoConnection));
}

#[test]
fn newborn_that_was_given_up_leaves_nothing_behind() {
    let child = pid("a@h", 1);
    let mut bonds = with_newborn(&child);
    bonds.handle(&me(), exit(&child, ExitReason::Killed, true));
    bonds.forget(&child, None);
    assert_eq!(bonds.release(&child), None);
    assert_eq!(bonds.links().count(), 0);
}

#[test]
fn newborn_is_told_of_the_end_of_its_supervisor() {
    let child = pid("a@h", 1);
    let mut bonds = with_newborn(&child);
    assert_eq!(bonds.take_all().links, std::slice::from_ref(&child));
    assert_eq!(bonds.release(&child), None);
}

#[test]
fn exits_that_are_ignored_leave_nothing_behind_and_links_that_stand_hear_of_the_end() {
    let (ended, lives) = (pid("a@h", 1), pid("a@h", 2));
    let mut bonds = with_newborn(&ended);
    bonds.link(lives.clone());
    bonds.ignore_exits();
    for linked in [true, false] {
        assert_eq!(bonds.handle(&me(), exit(&ended, ExitReason::Killed, linked)), Effect::Nothing);
    }
    assert_eq!((bonds.release(&ended), bonds.links.len()), (None, 1));
    assert_eq!(bonds.take_all().links, [lives]);
}
