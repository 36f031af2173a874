use std::time::Duration;

use starlings_runtime::{AnyPid, Incarnation, NodeInstance};

use super::{Event, NameError, Outbox, State};
use crate::key::{Key, Metadata};
use crate::proto::{Input, Output};

const NOW: Duration = Duration::ZERO;

/// What each of two nodes told.
type Told = (Vec<Event>, Vec<Event>);

fn instance(name: &str) -> NodeInstance {
    let node = format!("{name}@test").parse().unwrap();
    NodeInstance { node, incarnation: Incarnation(1) }
}

fn scope(name: &str) -> State {
    State::new(instance(name), 0, Duration::from_secs(10))
}

fn pid(name: &str, serial: u64) -> AnyPid {
    AnyPid::unbound(instance(name), serial)
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn register(names: &mut State, name: &str, pid: &AnyPid) -> Result<(), NameError> {
    names.register(key(name), pid, Metadata::EMPTY, &mut Vec::new())
}

fn connect(a: &mut State, b: &mut State) -> Told {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    a.handle(NOW, Input::NodeUp(instance("b")), &mut of_a);
    b.handle(NOW, Input::NodeUp(instance("a")), &mut of_b);
    settle(a, of_a, b, of_b)
}

/// Hands everything over until both are silent.
fn settle(a: &mut State, mut of_a: Outbox, b: &mut State, mut of_b: Outbox) -> Told {
    let (mut told_a, mut told_b) = (Vec::new(), Vec::new());
    while !of_a.is_empty() || !of_b.is_empty() {
        let (from_a, from_b) = (std::mem::take(&mut of_a), std::mem::take(&mut of_b));
        hand_over("a", from_a, &mut told_a, b, &mut of_b);
        hand_over("b", from_b, &mut told_b, a, &mut of_a);
    }
    (told_a, told_b)
}

fn hand_over(from: &str, sent: Outbox, told: &mut Vec<Event>, to: &mut State, out: &mut Outbox) {
    for output in sent {
        match output {
            Output::Event(event) => told.push(event),
            Output::Send { message, .. } => {
                to.handle(NOW, Input::Received { from: instance(from), message }, out);
            }
        }
    }
}

fn owner(names: &State, name: &str) -> Option<AnyPid> {
    names.whereis(&key(name)).map(|owner| owner.pid.clone())
}

fn losses(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| !matches!(event, Event::Changed { .. })).collect()
}

#[test]
fn a_name_is_taken_until_it_is_given_up() {
    let mut names = scope("a");
    register(&mut names, "n", &pid("a", 1)).unwrap();
    let taken = NameError::Taken { owner: pid("a", 1) };
    assert_eq!(register(&mut names, "n", &pid("a", 2)), Err(taken));
    names.unregister(&key("n"), &mut Vec::new()).unwrap();
    assert_eq!(names.unregister(&key("n"), &mut Vec::new()), Err(NameError::NotRegistered));
    register(&mut names, "n", &pid("a", 2)).unwrap();
    assert_eq!(owner(&names, "n"), Some(pid("a", 2)));
    assert_eq!(names.names_of(&pid("a", 1)).count(), 0);
}

#[test]
fn only_pids_of_this_life_are_registered_here() {
    let mut names = scope("a");
    assert_eq!(register(&mut names, "n", &pid("b", 1)), Err(NameError::NotLocal));
}

#[test]
fn a_death_frees_all_names() {
    let mut names = scope("a");
    register(&mut names, "n", &pid("a", 1)).unwrap();
    register(&mut names, "m", &pid("a", 1)).unwrap();
    register(&mut names, "o", &pid("a", 2)).unwrap();
    names.pid_down(&pid("a", 1), &mut Vec::new());
    assert_eq!(names.names().map(|(name, _)| name).collect::<Vec<_>>(), [&key("o")]);
}

#[test]
fn of_two_owners_the_loser_alone_is_told_once() {
    let (mut a, mut b) = (scope("a"), scope("b"));
    register(&mut a, "n", &pid("a", 1)).unwrap();
    register(&mut b, "n", &pid("b", 1)).unwrap();
    let (told_a, told_b) = connect(&mut a, &mut b);
    let conflict = Event::Conflict { name: key("n"), loser: pid("a", 1), winner: pid("b", 1) };
    assert_eq!(losses(&told_a), [&conflict]);
    assert_eq!(losses(&told_b), Vec::<&Event>::new());
    assert_eq!((owner(&a, "n"), owner(&b, "n")), (Some(pid("b", 1)), Some(pid("b", 1))));
}

#[test]
fn the_claim_that_knew_more_wins() {
    let (mut a, mut b) = (scope("a"), scope("b"));
    register(&mut a, "other", &pid("a", 1)).unwrap();
    register(&mut a, "n", &pid("a", 1)).unwrap();
    register(&mut b, "n", &pid("b", 1)).unwrap();
    let (_, told_b) = connect(&mut a, &mut b);
    assert_eq!(losses(&told_b).len(), 1);
    assert_eq!(owner(&b, "n"), Some(pid("a", 1)));
}

#[test]
fn a_name_that_is_moved_is_no_conflict() {
    let (mut a, mut b) = (scope("a"), scope("b"));
    register(&mut b, "n", &pid("b", 1)).unwrap();
    connect(&mut a, &mut b);
    let mut outbox = Vec::new();
    a.re_register(key("n"), &pid("a", 1), Metadata::EMPTY, &mut outbox).unwrap();
    let (_, told_b) = settle(&mut a, outbox, &mut b, Vec::new());
    let moved = Event::Moved { name: key("n"), from: pid("b", 1), to: pid("a", 1) };
    assert_eq!(losses(&told_b), [&moved]);
    assert_eq!((owner(&a, "n"), owner(&b, "n")), (Some(pid("a", 1)), Some(pid("a", 1))));
    let elsewhere = NameError::OwnedElsewhere { owner: pid("a", 1) };
    assert_eq!(b.unregister(&key("n"), &mut Vec::new()), Err(elsewhere));
}

#[test]
fn metadata_travels_with_the_name() {
    let (mut a, mut b) = (scope("a"), scope("b"));
    let metadata = Metadata::new(b"shard 7").unwrap();
    a.register(key("n"), &pid("a", 1), metadata.clone(), &mut Vec::new()).unwrap();
    connect(&mut a, &mut b);
    assert_eq!(b.whereis(&key("n")).map(|owner| &owner.metadata), Some(&metadata));
}
