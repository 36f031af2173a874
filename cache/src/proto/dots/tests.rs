use std::sync::Arc;

use starlings_runtime::{Incarnation, NodeInstance};

use super::{Context, Dot, RANGES_MAX, Ranges, Replica};
use crate::wire::ReplicaId;

fn replica(name: &str) -> Replica {
    let node = format!("{name}@test").parse().unwrap();
    Arc::new(ReplicaId { instance: NodeInstance { node, incarnation: Incarnation(1) }, start: 0 })
}

#[test]
fn ranges_join_when_their_gap_is_filled() {
    let mut ranges = Ranges::default();
    for counter in [5, 1, 3, 3, 9] {
        ranges.insert(counter, counter);
    }
    assert_eq!(ranges.as_slice(), [(1, 1), (3, 3), (5, 5), (9, 9)]);
    assert_eq!(ranges.prefix(), 1);
    assert!(
        ranges.is_apart(7) && !ranges.is_apart(6) && !ranges.is_apart(8) && !ranges.is_apart(2)
    );
    ranges.insert(2, 4);
    assert_eq!(ranges.as_slice(), [(1, 5), (9, 9)]);
    assert!(ranges.contains(4) && !ranges.contains(6) && ranges.contains(9));
    ranges.insert(4, 20);
    assert_eq!((ranges.as_slice(), ranges.prefix()), (&[(1, 20)][..], 20));
    ranges.insert(u64::MAX, u64::MAX);
    ranges.insert(u64::MAX - 1, u64::MAX);
    assert_eq!(ranges.as_slice().len(), 2);
}

#[test]
fn a_vector_is_never_made_of_a_part() {
    let mut context = Context::default();
    let replica = replica("a");
    context.insert(&Dot { replica: Arc::clone(&replica), counter: 7 });
    for counter in 1..7 {
        assert!(!context.contains(&Dot { replica: Arc::clone(&replica), counter }));
    }
}

#[test]
fn a_context_has_room_for_what_makes_no_new_range() {
    let mut context = Context::default();
    let replica = replica("a");
    let dot = |counter| Dot { replica: Arc::clone(&replica), counter };
    for number in 0..RANGES_MAX as u64 {
        context.insert(&dot(2 + 3 * number));
    }
    assert_eq!(context.ranges_len(), RANGES_MAX);
    assert!(!context.has_room_for(&dot(10_000_000)));
    assert!(context.has_room_for(&dot(3)));
    context.insert(&dot(3));
    context.insert(&dot(4));
    assert_eq!(context.ranges_len(), RANGES_MAX - 1);
}
