use std::time::Duration;

use starlings_runtime::{AnyPid, Incarnation, NodeInstance};

use super::{Change, Event, GroupError, MONITORS_MAX, Outbox, State, Target, TooManyMonitors};
use crate::key::Key;
use crate::proto::{Input, Output};

fn instance(name: &str) -> NodeInstance {
    let node = format!("{name}@test").parse().unwrap();
    NodeInstance { node, incarnation: Incarnation(1) }
}

fn scope() -> State {
    State::new(instance("a"), 0, Duration::from_secs(10))
}

fn pid(serial: u64) -> AnyPid {
    AnyPid::unbound(instance("a"), serial)
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// Whose change it was, which one, and how many monitors hear of it.
fn events(outbox: &mut Outbox) -> Vec<(u64, Change, usize)> {
    let event = |output| match output {
        Output::Event(Event { pid, change, monitors, .. }) => {
            Some((pid.serial(), change, monitors.len()))
        }
        Output::Send { .. } => None,
    };
    outbox.drain(..).filter_map(event).collect()
}

#[test]
fn two_joins_need_two_leaves_and_show_once() {
    let (mut groups, mut outbox) = (scope(), Vec::new());
    groups.join(key("g"), &pid(1), &mut outbox).unwrap();
    groups.join(key("g"), &pid(1), &mut outbox).unwrap();
    assert_eq!(events(&mut outbox), [(1, Change::Joined, 0)]);
    groups.leave(&key("g"), &pid(1), &mut outbox).unwrap();
    assert!(groups.has_member(&key("g"), &pid(1)));
    assert_eq!(events(&mut outbox), []);
    groups.leave(&key("g"), &pid(1), &mut outbox).unwrap();
    assert_eq!(events(&mut outbox), [(1, Change::Left, 0)]);
    assert_eq!(groups.leave(&key("g"), &pid(1), &mut outbox), Err(GroupError::NotJoined));
    assert_eq!(groups.groups().count(), 0, "an empty group does not exist");
}

#[test]
fn only_pids_of_this_life_join_and_leave() {
    let (mut groups, mut outbox) = (scope(), Vec::new());
    let foreign = AnyPid::unbound(instance("b"), 1);
    assert_eq!(groups.join(key("g"), &foreign, &mut outbox), Err(GroupError::NotLocal));
    assert_eq!(groups.leave(&key("g"), &foreign, &mut outbox), Err(GroupError::NotLocal));
    groups.pid_down(&foreign, &mut outbox);
    assert_eq!(outbox, []);
}

#[test]
fn a_death_leaves_all_groups_whatever_the_joins() {
    let (mut groups, mut outbox) = (scope(), Vec::new());
    for group in ["g", "g", "h"] {
        groups.join(key(group), &pid(1), &mut outbox).unwrap();
    }
    groups.join(key("g"), &pid(2), &mut outbox).unwrap();
    groups.pid_down(&pid(1), &mut outbox);
    assert_eq!(groups.groups().collect::<Vec<_>>(), [&key("g")]);
    assert_eq!(groups.local_members(&key("g")).collect::<Vec<_>>(), [&pid(2)]);
}

#[test]
fn a_monitor_hears_what_comes_after_its_snapshot() {
    let (mut groups, mut outbox) = (scope(), Vec::new());
    groups.join(key("g"), &pid(1), &mut outbox).unwrap();
    let (id, snapshot) = groups.monitor(Target::Group(key("g"))).unwrap();
    let (_, all) = groups.monitor(Target::Scope).unwrap();
    assert_eq!(snapshot, [(key("g"), pid(1))]);
    assert_eq!(all, snapshot);
    outbox.clear();
    groups.join(key("g"), &pid(2), &mut outbox).unwrap();
    groups.join(key("h"), &pid(2), &mut outbox).unwrap();
    assert_eq!(events(&mut outbox), [(2, Change::Joined, 2), (2, Change::Joined, 1)]);
    assert!(groups.demonitor(id) && !groups.demonitor(id));
    groups.leave(&key("g"), &pid(2), &mut outbox).unwrap();
    assert_eq!(events(&mut outbox), [(2, Change::Left, 1)]);
}

#[test]
fn monitors_are_bounded() {
    let mut groups = scope();
    for _ in 0..MONITORS_MAX {
        groups.monitor(Target::Scope).unwrap();
    }
    assert_eq!(groups.monitor(Target::Scope), Err(TooManyMonitors));
}

#[test]
fn a_node_without_peers_has_nothing_to_wait_for() {
    let (mut groups, mut outbox) = (scope(), Vec::new());
    groups.handle(Duration::from_secs(99), Input::Elapsed, &mut outbox);
    assert_eq!((groups.deadline(), outbox), (None, Vec::new()));
}
