//! The map: for each key the writes that no other write and no removal has replaced.
//!
//! Usually that is one write. Writes that did not know of each other stay side by side, and the one
//! with the greatest stamp is read; the next write to the key replaces all of them. A removal drops
//! the writes that it saw and no others, so a concurrent write survives it (add wins). A dropped
//! write leaves nothing but its dot in the context, where it costs no room.
//!
//! Invariant: a dot is in the context ⇔ its write is here, or was here and was replaced.
//!
//! Keys fall into [`BUCKETS`] buckets by hash. Each bucket, each group of buckets and the whole map
//! keep the sum of the hashes of their dots, so two maps are compared without walking them.
//!
//! # Source
//! Almeida, Shoker, Baquero 2018, "Delta state replicated data types" (arXiv 1603.01529), the
//! add-wins map; the sums in place of a Merkle tree are ours.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::clock::Stamp;
use super::dots::{Context, Dot};

/// Buckets of a map: the top 12 bits of xxh3 of the key. Part of the wire contract. A million keys
/// are 244 a bucket.
pub const BUCKETS: usize = GROUPS * BUCKETS_PER_GROUP;

/// Groups of buckets. Part of the wire contract.
pub const GROUPS: usize = 64;

/// Buckets of a group. Part of the wire contract.
pub const BUCKETS_PER_GROUP: usize = 64;

/// A key.
pub type Key = Arc<[u8]>;

/// A value.
pub type Value = Arc<[u8]>;

/// One write to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its name.
    pub dot: Dot,
    /// When, for choosing between concurrent writes.
    pub stamp: Stamp,
    /// When it ends, in milliseconds since 1970; 0 for never.
    pub expires_ms: u64,
    /// What.
    pub value: Value,
}

/// What has happened to one key: writes, and dots of writes that were replaced. Its context is just
/// these dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDelta {
    /// The key.
    pub key: Key,
    /// Writes that were made.
    pub writes: Vec<Write>,
    /// Writes that are no more.
    pub gone: Vec<Dot>,
}

/// What a join did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The value before and after, if it is another one.
    pub changed: Option<(Option<Value>, Option<Value>)>,
    /// Whether anything was learnt.
    pub news: bool,
    /// Writes of the delta that had been replaced here.
    pub stale: Vec<Dot>,
}

/// The writes of one key: one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    /// The one that is read.
    first: Write,
    rest: Vec<Write>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bucket {
    hash: u64,
    cells: BTreeMap<Key, Cell>,
}

/// The map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    context: Context,
    buckets: Vec<Bucket>,
    groups: Vec<u64>,
    root: u64,
    len: usize,
}

impl Write {
    fn beats(&self, other: &Self) -> bool {
        (self.stamp, &self.dot) > (other.stamp, &other.dot)
    }
}

impl Cell {
    /// `None` if there are no writes.
    fn of(writes: Vec<Write>) -> Option<Self> {
        let mut writes = writes.into_iter();
        let mut cell = Self { first: writes.next()?, rest: Vec::new() };
        for write in writes {
            if write.beats(&cell.first) {
                cell.rest.push(std::mem::replace(&mut cell.first, write));
            } else {
                cell.rest.push(write);
            }
        }
        cell.rest.sort_by(|a, b| a.dot.cmp(&b.dot));
        Some(cell)
    }

    fn writes(&self) -> impl Iterator<Item = &Write> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    fn into_writes(self) -> Vec<Write> {
        let mut writes = self.rest;
        writes.push(self.first);
        writes
    }
}

impl Default for Map {
    fn default() -> Self {
        Self {
            context: Context::default(),
            buckets: vec![Bucket::default(); BUCKETS],
            groups: vec![0; GROUPS],
            root: 0,
            len: 0,
        }
    }
}

/// The bucket of a key. Part of the wire contract.
#[must_use]
pub fn bucket_of(key: &[u8]) -> usize {
    usize::try_from(xxh3_64(key) >> (u64::BITS - BUCKETS.ilog2())).unwrap_or(0)
}

impl Map {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The write that is read.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Write> {
        self.buckets.get(bucket_of(key))?.cells.get(key).map(|cell| &cell.first)
    }

    /// All writes of a key that nothing has replaced, the one that is read first.
    pub fn writes(&self, key: &[u8]) -> impl Iterator<Item = &Write> {
        let bucket = self.buckets.get(bucket_of(key));
        bucket.and_then(|bucket| bucket.cells.get(key)).into_iter().flat_map(Cell::writes)
    }

    /// All keys with the write that is read, in the order of buckets and keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Write)> {
        let cells = self.buckets.iter().flat_map(|bucket| &bucket.cells);
        cells.map(|(key, cell)| (key, &cell.first))
    }

    /// All dots seen.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// The newest stamp of a key.
    #[must_use]
    pub fn newest(&self, key: &[u8]) -> Option<Stamp> {
        self.get(key).map(|write| write.stamp)
    }

    /// The delta that puts `write` in place of all that is seen of `key`.
    #[must_use]
    pub fn put(&self, key: Key, write: Write) -> KeyDelta {
        let gone = self.dots(&key);
        KeyDelta { key, writes: vec![write], gone }
    }

    /// The delta that removes all that is seen of `key`; nothing if there is nothing.
    #[must_use]
    pub fn remove(&self, key: Key) -> Option<KeyDelta> {
        let gone = self.dots(&key);
        (!gone.is_empty()).then_some(KeyDelta { key, writes: Vec::new(), gone })
    }

    fn dots(&self, key: &[u8]) -> Vec<Dot> {
        self.writes(key).map(|write| write.dot.clone()).collect()
    }

    /// Takes a delta in: its writes, unless they were replaced here, and its removals.
    pub fn join(&mut self, delta: KeyDelta) -> Joined {
        let KeyDelta { key, writes, gone } = delta;
        let index = bucket_of(&key);
        let Some(bucket) = self.buckets.get_mut(index) else {
            return Joined::default();
        };
        let cell = bucket.cells.remove(&key);
        let before = cell.as_ref().map(|cell| Arc::clone(&cell.first.value));
        let had = cell.is_some();
        let mut kept = cell.map(Cell::into_writes).unwrap_or_default();
        let mut joined = Joined::default();
        let mut difference = 0_u64;
        for write in writes {
            if self.context.contains(&write.dot) {
                if !kept.iter().any(|known| known.dot == write.dot) {
                    joined.stale.push(write.dot);
                }
            } else if write.dot.counter > 0 && self.context.has_room_for(&write.dot) {
                self.context.insert(&write.dot);
                difference = difference.wrapping_add(write.dot.hash());
                joined.news = true;
                kept.push(write);
            }
        }
        for dot in gone {
            if let Some(at) = kept.iter().position(|write| write.dot == dot) {
                kept.swap_remove(at);
                difference = difference.wrapping_sub(dot.hash());
                joined.news = true;
            } else if self.context.has_room_for(&dot) {
                self.context.insert(&dot);
            }
        }
        let cell = Cell::of(kept);
        let after = cell.as_ref().map(|cell| Arc::clone(&cell.first.value));
        self.len = self.len + usize::from(cell.is_some()) - usize::from(had);
        if let Some(cell) = cell {
            bucket.cells.insert(key, cell);
        }
        bucket.hash = bucket.hash.wrapping_add(difference);
        self.root = self.root.wrapping_add(difference);
        if let Some(group) = self.groups.get_mut(index / BUCKETS_PER_GROUP) {
            *group = group.wrapping_add(difference);
        }
        joined.changed = (before != after).then_some((before, after));
        joined
    }

    /// The sum over all dots.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root
    }

    /// The sums of all groups.
    #[must_use]
    pub fn groups(&self) -> &[u64] {
        &self.groups
    }

    /// The sums of the buckets of a group; none if there is no such group.
    pub fn buckets_of(&self, group: usize) -> impl Iterator<Item = u64> {
        let first = group.saturating_mul(BUCKETS_PER_GROUP);
        self.buckets.iter().skip(first).take(BUCKETS_PER_GROUP).map(|bucket| bucket.hash)
    }

    /// The writes of a bucket whose keys are after `after` and up to `upto`, in the order of keys.
    pub(super) fn writes_in<'a>(
        &'a self,
        bucket: usize,
        after: Option<&[u8]>,
        upto: Option<&[u8]>,
    ) -> impl Iterator<Item = (&'a Key, &'a Write)> + use<'a> {
        let lower = after.map_or(Bound::Unbounded, Bound::Excluded);
        let upper = upto.map_or(Bound::Unbounded, Bound::Included);
        let backwards = after.zip(upto).is_some_and(|(after, upto)| after >= upto);
        let bucket = self.buckets.get(bucket).filter(|_| !backwards);
        let cells = bucket.map(|bucket| bucket.cells.range::<[u8], _>((lower, upper)));
        cells.into_iter().flatten().flat_map(|(key, cell)| cell.writes().map(move |w| (key, w)))
    }
}

#[cfg(test)]
mod tests;
