//! The rules one by one, and a world of nodes that meet, lose each other and die.

use rand::RngExt as _;
use starlings_runtime::{Incarnation, NodeInstance};

use super::{ADDRESS_BYTES_MAX, Input, KNOWN_MAX, Known, Output, State};

mod world;

use world::{World, pair};

fn instance(index: usize, incarnation: u64) -> NodeInstance {
    let node = format!("n{index}@test").parse().unwrap();
    NodeInstance { node, incarnation: Incarnation(incarnation) }
}

fn known(index: usize) -> Known {
    Known { node: instance(index, 1).node, address: format!("n{index}:1") }
}

fn run(state: &mut State, input: Input) -> Vec<Output> {
    let mut outbox = Vec::new();
    state.handle(input, &mut outbox);
    outbox
}

/// Node 0, which has met these; with or without an address.
fn met(others: &[(usize, bool)]) -> State {
    let mut state = State::new(instance(0, 1).node, 100);
    for (index, listens) in others {
        run(&mut state, Input::Up(instance(*index, 1)));
        meets(&mut state, *index, *listens);
    }
    state
}

fn meets(state: &mut State, index: usize, listens: bool) -> Vec<Output> {
    let address = listens.then(|| known(index).address);
    run(state, Input::Met { from: instance(index, 1), address, is_again: false })
}

#[test]
fn who_is_met_later_is_told_of_the_earlier_who_are_not_told() {
    let mut state = met(&[(1, true), (2, true)]);
    run(&mut state, Input::Up(instance(3, 1)));
    let told = Output::Know { to: instance(3, 1), known: vec![known(1), known(2)] };
    assert_eq!(meets(&mut state, 3, true), [told]);
}

#[test]
fn who_cannot_be_dialled_is_told_of_who_comes_later() {
    let mut state = met(&[(1, false), (2, false)]);
    run(&mut state, Input::Up(instance(3, 1)));
    let told = |to| Output::Know { to: instance(to, 1), known: vec![known(3)] };
    assert_eq!(meets(&mut state, 3, true), [told(1), told(2)]);
    run(&mut state, Input::Up(instance(4, 1)));
    let told = Output::Know { to: instance(4, 1), known: vec![known(3)] };
    assert_eq!(meets(&mut state, 4, false), [told]);
}

#[test]
fn what_a_server_missed_is_asked_for_again() {
    let mut state = met(&[(1, true), (2, true)]);
    let again = Output::Meet { to: instance(1, 1), is_again: true };
    assert_eq!(run(&mut state, Input::Up(instance(1, 1))), [again]);
    // And the other end answers that, and tells all.
    let input = Input::Met { from: instance(2, 1), address: None, is_again: true };
    let meet = Output::Meet { to: instance(2, 1), is_again: false };
    assert_eq!(run(&mut state, input), [meet]);
    let told = Output::Know { to: instance(2, 1), known: vec![known(1)] };
    assert_eq!(meets(&mut state, 1, true), [told]);
}

#[test]
fn a_node_dials_whom_it_is_told_of_once_and_not_itself_nor_its_peers() {
    let mut state = met(&[(1, true)]);
    let heard = |from| Input::Heard { from, known: (0..4).map(known).collect() };
    let dials = [Output::Dial(known(2)), Output::Dial(known(3))];
    assert_eq!(run(&mut state, heard(instance(1, 1))), dials);
    assert_eq!(run(&mut state, heard(instance(1, 1))), []);
    run(&mut state, Input::Dialled(instance(2, 1).node));
    assert_eq!(run(&mut state, heard(instance(1, 1))), [Output::Dial(known(2))]);
}

#[test]
fn strangers_and_earlier_lives_are_not_listened_to() {
    let mut state = met(&[(1, true), (2, true)]);
    for stranger in [instance(3, 1), instance(1, 2)] {
        let heard = Input::Heard { from: stranger.clone(), known: vec![known(4)] };
        assert_eq!(run(&mut state, heard), []);
        let met = Input::Met { from: stranger.clone(), address: None, is_again: true };
        assert_eq!(run(&mut state, met), []);
        // Nor does their end end anything.
        run(&mut state, Input::Down(stranger));
        assert_eq!(state.peers().count(), 2);
    }
}

#[test]
fn what_is_said_and_followed_is_bounded() {
    let all: Vec<_> = (1..=2 * KNOWN_MAX).map(|index| (index, true)).collect();
    let mut state = met(&all);
    let last = instance(2 * KNOWN_MAX + 1, 1);
    run(&mut state, Input::Up(last.clone()));
    let told = meets(&mut state, 2 * KNOWN_MAX + 1, true);
    let size = |output: &Output| match output {
        Output::Know { known, .. } => known.len(),
        Output::Meet { .. } | Output::Dial(_) => 0,
    };
    assert_eq!(told.iter().map(size).collect::<Vec<_>>(), [KNOWN_MAX, KNOWN_MAX]);

    let many = (1000..1200).map(known).collect();
    let dials = run(&mut state, Input::Heard { from: last, known: many });
    assert_eq!(dials.len(), 100);
    let mut state = met(&[(1, true)]);
    let address = "x".repeat(ADDRESS_BYTES_MAX + 1);
    let long = Known { address: address.clone(), ..known(2) };
    assert_eq!(run(&mut state, Input::Heard { from: instance(1, 1), known: vec![long] }), []);
    let address = Some(address);
    run(&mut state, Input::Met { from: instance(1, 1), address, is_again: false });
    run(&mut state, Input::Up(instance(3, 1)));
    assert_eq!(
        meets(&mut state, 3, true),
        [Output::Know { to: instance(1, 1), known: vec![known(3)] }]
    );
}

/// Goal: whoever connects to whom, and in whatever order what is said arrives, all end up connected with
/// each other; and after sessions, servers and nodes were lost, one node that joins brings that about.
#[test]
fn nodes_that_are_connected_at_all_end_up_connected_each_with_each() {
    let (mut sessions, mut healed) = (0, 0);
    for seed in 0..2000 {
        let mut world = World::new(seed);
        for _ in 0..20 {
            let (a, b) = (world.any(), world.any());
            world.connect(a, b);
            for _ in 0..world.random.random_range(0..10) {
                world.step();
            }
        }
        world.settle();
        (0..world.nodes.len()).for_each(|index| world.check_meshed(index, seed));
        sessions += world.sessions.len();

        for _ in 0..20 {
            let (a, b) = (world.any(), world.any());
            match world.random.random_range(0..6) {
                0 => world.connect(a, b),
                1..=3 => world.cut(pair(a, b)),
                4 => world.restart(a),
                _ => world.kill_server(a),
            }
            for _ in 0..world.random.random_range(0..10) {
                world.step();
            }
        }
        world.settle();
        let (new, first) = (world.add(true), world.any());
        let before = world.sessions.len();
        world.connect(first, new);
        world.settle();
        world.check_meshed(new, seed);
        healed += world.sessions.len() - before;
    }
    assert!(sessions > 2000 && healed > 4000, "{sessions} sessions, {healed} of them at the end");
}

/// Goal: the death of a server loses nothing: what it was told is asked for again.
#[test]
fn a_server_that_dies_at_any_time_is_made_up_for() {
    for seed in 0..2000 {
        let mut world = World::new(seed);
        for _ in 0..20 {
            let (a, b) = (world.any(), world.any());
            world.connect(a, b);
            for _ in 0..world.random.random_range(0..10) {
                world.step();
            }
            if world.random.random_ratio(1, 4) {
                let killed = world.any();
                world.kill_server(killed);
            }
        }
        world.settle();
        (0..world.nodes.len()).for_each(|index| world.check_meshed(index, seed));
    }
}
