//! The laws of the map, over seeded histories: the order, number and grouping of deltas is nothing
//! to it, and joining deltas gives what joining states gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use starlings_runtime::{Incarnation, NodeInstance};

use super::{BUCKETS, Key, KeyDelta, Map, Write, bucket_of};
use crate::proto::clock::Stamp;
use crate::proto::dots::{Dot, Replica};
use crate::wire::ReplicaId;

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            let other = usize::try_from(self.below(index as u64 + 1)).unwrap();
            items.swap(index, other);
        }
    }
}

fn replica(number: u64) -> Replica {
    let node = format!("n{number}@test").parse().unwrap();
    Arc::new(ReplicaId { instance: NodeInstance { node, incarnation: Incarnation(1) }, start: 0 })
}

fn key(number: u64) -> Key {
    format!("k{number}").into_bytes().into()
}

fn write(replica: &Replica, counter: u64, stamp: u64) -> Write {
    let dot = Dot { replica: Arc::clone(replica), counter };
    let value = format!("{counter}").into_bytes().into();
    Write { dot, stamp: Stamp(stamp), expires_ms: 0, value }
}

/// Three replicas that write, remove and hear of some of each other's deltas; all deltas made.
fn history(random: &mut Random) -> (Vec<Map>, Vec<KeyDelta>) {
    let replicas: Vec<_> = (0..3).map(replica).collect();
    let (mut maps, mut counters) = (vec![Map::default(); 3], [0_u64; 3]);
    let mut made: Vec<KeyDelta> = Vec::new();
    for _ in 0..40 {
        let at = usize::try_from(random.below(3)).unwrap();
        let key = key(random.below(4));
        let delta = match random.below(10) {
            0..5 => {
                counters[at] += 1;
                let write = write(&replicas[at], counters[at], random.below(5));
                Some(maps[at].put(key, write))
            }
            5..7 => maps[at].remove(key),
            _ if made.is_empty() => None,
            _ => {
                let index = usize::try_from(random.below(made.len() as u64)).unwrap();
                maps[at].join(made[index].clone());
                None
            }
        };
        if let Some(delta) = delta {
            maps[at].join(delta.clone());
            made.push(delta);
        }
    }
    (maps, made)
}

/// The join of two whole states, straight from the paper: a write stays if both have it, or if the
/// one that lacks it has not seen it.
fn join_states(a: &Map, b: &Map) -> BTreeSet<(Key, Dot)> {
    let all = |map: &Map| -> BTreeSet<(Key, Dot)> {
        let buckets = (0..BUCKETS).flat_map(|bucket| map.writes_in(bucket, None, None));
        buckets.map(|(key, write)| (Key::clone(key), write.dot.clone())).collect()
    };
    let (of_a, of_b) = (all(a), all(b));
    let stays = |mine: &BTreeSet<(Key, Dot)>, theirs: &BTreeSet<(Key, Dot)>, other: &Map| {
        let stays =
            |entry: &&(Key, Dot)| theirs.contains(entry) || !other.context().contains(&entry.1);
        mine.iter().filter(stays).cloned().collect::<BTreeSet<_>>()
    };
    stays(&of_a, &of_b, b).union(&stays(&of_b, &of_a, a)).cloned().collect()
}

fn entries(map: &Map) -> BTreeSet<(Key, Dot)> {
    join_states(map, map)
}

fn joined<'a>(deltas: impl IntoIterator<Item = &'a KeyDelta>) -> Map {
    let mut map = Map::default();
    for delta in deltas {
        map.join(delta.clone());
    }
    map
}

#[test]
fn deltas_commute_and_repeat_without_effect() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (_, deltas) = history(&mut random);
        let map = joined(&deltas);
        let mut twice: Vec<_> = deltas.iter().chain(&deltas).cloned().collect();
        random.shuffle(&mut twice);
        assert_eq!(joined(&twice), map, "seed {seed}");
    }
}

#[test]
fn joining_deltas_is_joining_states() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (_, deltas) = history(&mut random);
        let side: Vec<bool> = deltas.iter().map(|_| random.below(2) == 0).collect();
        let of =
            |wanted| deltas.iter().zip(&side).filter(move |(_, s)| **s == wanted).map(|(d, _)| d);
        let (a, b) = (joined(of(true)), joined(of(false)));
        assert_eq!(entries(&joined(&deltas)), join_states(&a, &b), "seed {seed}");
        assert_eq!(join_states(&a, &b), join_states(&b, &a), "seed {seed}");
        assert_eq!(join_states(&a, &a), entries(&a), "seed {seed}");
    }
}

#[test]
fn groups_of_deltas_join_in_any_grouping() {
    for seed in 0..60 {
        let (maps, deltas) = history(&mut Random(seed));
        let all = joined(&deltas);
        for mut map in maps {
            for delta in deltas.iter().rev() {
                map.join(delta.clone());
            }
            assert_eq!(map, all, "seed {seed}");
        }
    }
}

#[test]
fn a_write_that_the_removal_did_not_see_survives_it() {
    let (a, b) = (replica(0), replica(1));
    let mut map = Map::default();
    map.join(map.put(key(0), write(&a, 1, 9)));
    let removal = map.remove(key(0)).unwrap();
    let other = KeyDelta { key: key(0), writes: vec![write(&b, 1, 1)], gone: Vec::new() };
    map.join(other);
    map.join(removal);
    assert_eq!(map.get(&key(0)).map(|write| &write.dot.replica), Some(&b));
}

#[test]
fn a_removal_that_comes_before_its_write_holds() {
    let a = replica(0);
    let put = Map::default().put(key(0), write(&a, 1, 9));
    let removal = joined([&put]).remove(key(0)).unwrap();
    let map = joined([&removal, &put]);
    assert!(map.is_empty() && map.root() == 0);
}

#[test]
fn the_greatest_stamp_is_read_and_the_next_put_replaces_all() {
    let (a, b) = (replica(0), replica(1));
    let mut map = Map::default();
    for (replica, stamp) in [(&a, 7), (&b, 5)] {
        let writes = vec![write(replica, 1, stamp)];
        map.join(KeyDelta { key: key(0), writes, gone: Vec::new() });
    }
    assert_eq!(map.get(&key(0)).map(|write| write.stamp), Some(Stamp(7)));
    assert_eq!(map.writes(&key(0)).count(), 2);
    map.join(map.put(key(0), write(&b, 2, 8)));
    assert_eq!(map.writes(&key(0)).count(), 1);
}

#[test]
fn buckets_and_sums_are_what_the_wire_contract_says() {
    assert_eq!(bucket_of(b""), 0x2d0);
    assert_eq!(bucket_of(b"k0"), usize::try_from(xxhash_rust::xxh3::xxh3_64(b"k0") >> 52).unwrap());
    let map = joined([&Map::default().put(key(0), write(&replica(0), 1, 1))]);
    let sums = map.groups().iter().fold(0_u64, |sum, group| sum.wrapping_add(*group));
    assert_eq!((map.root(), sums), (map.root(), map.root()));
    assert_ne!(map.root(), 0);
}
