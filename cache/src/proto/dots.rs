//! Dots, and the exact set of dots that a replica has seen.
//!
//! A dot names one write for ever. A context holds, for each replica, ranges of counters: the first
//! one from 1 on is what others call the version vector, those after a gap are the cloud. Nothing is
//! ever rounded up to a vector, so a dot is in the context only if its write was here.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::wire::ReplicaId;

/// A replica's identity, shared by all its dots.
pub type Replica = Arc<ReplicaId>;

/// Most ranges of one context, gaps of all replicas together. A write that would make one more is
/// left to anti-entropy. 64 Ki: a thousand replicas with 64 gaps each, one megabyte.
pub const RANGES_MAX: usize = 1 << 16;

/// One write: the `counter`th of `replica`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who wrote.
    pub replica: Replica,
    /// Which of its writes, from 1 on.
    pub counter: u64,
}

impl Dot {
    /// The same on all nodes: part of the wire contract.
    pub(super) fn hash(&self) -> u64 {
        let mut bytes = replica_hash(&self.replica).to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.counter.to_le_bytes());
        xxh3_64(&bytes)
    }
}

fn replica_hash(replica: &ReplicaId) -> u64 {
    let name = replica.instance.node.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(name.len() + 16);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&replica.instance.incarnation.0.to_le_bytes());
    bytes.extend_from_slice(&replica.start.to_le_bytes());
    xxh3_64(&bytes)
}

/// A set of counters: ordered ranges, both ends included, with a gap between any two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The ranges, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Up to where all counters from 1 on are in the set; 0 if 1 is not.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|(from, _)| *from == 1).map_or(0, |(_, to)| *to)
    }

    fn contains(&self, counter: u64) -> bool {
        let index = self.0.partition_point(|(_, to)| *to < counter);
        self.0.get(index).is_some_and(|(from, _)| *from <= counter)
    }

    /// Whether `counter` would make a range of its own.
    fn is_apart(&self, counter: u64) -> bool {
        let index = self.0.partition_point(|(_, to)| to.saturating_add(1) < counter);
        self.0.get(index).is_none_or(|(from, _)| *from > counter.saturating_add(1))
    }

    /// Adds all counters from `from` to `to`; nothing if there are none.
    fn insert(&mut self, from: u64, to: u64) {
        if from > to {
            return;
        }
        let first = self.0.partition_point(|(_, end)| end.saturating_add(1) < from);
        let touching = self.0.iter().skip(first);
        let len = touching.take_while(|(start, _)| *start <= to.saturating_add(1)).count();
        let merged = self.0.iter().skip(first).take(len);
        let whole = merged.fold((from, to), |(a, b), (start, end)| (a.min(*start), b.max(*end)));
        self.0.splice(first..first + len, [whole]);
    }
}

/// The set of all dots seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    replicas: BTreeMap<Replica, Ranges>,
    /// Ranges of all replicas together.
    ranges: usize,
}

impl Context {
    /// Whether the dot was seen.
    #[must_use]
    pub fn contains(&self, dot: &Dot) -> bool {
        self.replicas.get(&dot.replica).is_some_and(|ranges| ranges.contains(dot.counter))
    }

    /// How many ranges there are: one a replica, and one more for each gap.
    #[must_use]
    pub fn ranges_len(&self) -> usize {
        self.ranges
    }

    /// The ranges of each replica, in the order of replicas.
    pub fn iter(&self) -> impl Iterator<Item = (&Replica, &Ranges)> {
        self.replicas.iter()
    }

    /// The shared form of a replica's identity.
    pub(super) fn intern(&self, replica: ReplicaId) -> Replica {
        let known = self.replicas.get_key_value::<ReplicaId>(replica.borrow());
        known.map_or_else(|| Arc::new(replica), |(known, _)| Arc::clone(known))
    }

    /// Adds a dot. Complexity: the replica's ranges, of which there is normally one.
    pub fn insert(&mut self, dot: &Dot) {
        self.insert_range(&dot.replica, dot.counter, dot.counter);
    }

    /// Whether the dot can be added without exceeding [`RANGES_MAX`].
    pub(super) fn has_room_for(&self, dot: &Dot) -> bool {
        self.ranges < RANGES_MAX
            || self.replicas.get(&dot.replica).is_some_and(|ranges| !ranges.is_apart(dot.counter))
    }

    /// Adds a range of dots.
    pub(super) fn insert_range(&mut self, replica: &Replica, from: u64, to: u64) {
        if from == 0 || from > to {
            return;
        }
        let ranges = match self.replicas.get_mut(replica) {
            Some(ranges) => ranges,
            None => self.replicas.entry(Arc::clone(replica)).or_default(),
        };
        let before = ranges.0.len();
        ranges.insert(from, to);
        self.ranges = self.ranges + ranges.0.len() - before;
    }

    /// Equal for equal sets, the same on all nodes.
    pub(super) fn hash(&self) -> u64 {
        let each = self.replicas.iter().map(|(replica, ranges)| {
            let mut bytes = replica_hash(replica).to_le_bytes().to_vec();
            for (from, to) in &ranges.0 {
                bytes.extend_from_slice(&from.to_le_bytes());
                bytes.extend_from_slice(&to.to_le_bytes());
            }
            xxh3_64(&bytes)
        });
        each.fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests;
