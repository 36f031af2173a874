//! One replica: local writes first, pushed at once; and the repair of what the pushes missed.
//!
//! ```text
//!   replica a                                      replica b
//!   put ── Delta ─────────────────────────────────▶ joined
//!
//!   each interval, and at NodeUp:
//!       ── Digest{root, context} ─────────────────▶ same: nothing; same root: Context
//!       ◀───────────────────────────── Groups{64 sums}   the roots differ
//!       ── Buckets{64 sums of each group that differs} ─▶
//!       ◀── Inventory{dots of a bucket that differs} ──   some of them
//!       ── Delta{what b lacks}, Verdict{gone, wanted} ─▶
//!       ◀── Delta{what a wanted}
//!       ◀── Digest                                        if that was progress: the next round
//! ```
//!
//! Invariant: every message states facts about its sender that stay true, and says only of the dots
//! it names that they are here or gone. So any message may be lost, doubled, late or reordered.

mod repair;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use starlings_registry::proto::{Input, Output};
use starlings_runtime::NodeInstance;

use super::clock::Clock;
use super::convert;
use super::dots::{Dot, Replica};
use super::map::{Key, KeyDelta, Map, Value, Write};
use crate::wire::{Message, ReplicaId};

/// Longest key. Bytes; a put of a longer one is refused. 4 KiB.
pub const KEY_BYTES_MAX: usize = 4096;

/// Longest value. Bytes; a put of a longer one is refused. 8 MiB: half a frame.
pub const VALUE_BYTES_MAX: usize = 8 << 20;

/// Most keys of a map; a put of a further one is refused. 16 Mi: a bound against faults, not a quota.
pub const KEYS_MAX: usize = 1 << 24;

/// Keys and values of one delta. Bytes; one write may exceed it alone. 256 KiB: four fragments.
pub const DELTA_BYTES_MAX: usize = 256 << 10;

/// Dots of one inventory; a fuller bucket is several. 1024: some 5 kB.
pub const INVENTORY_DOTS_MAX: usize = 1024;

/// Inventories of one round. 32, so that a round of empty buckets brings up to 8 MiB.
pub const INVENTORIES_MAX: usize = 32;

/// Replicas whose prefix goes with an inventory. What it leaves out costs bytes, not correctness.
pub const SEEN_MAX: usize = 256;

/// Ranges in one context message.
pub const CONTEXT_RANGES_MAX: usize = 4096;

/// How often digests are sent, by default.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How many peers get a digest each interval, in turn.
pub const FANOUT: usize = 3;

/// The time of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since any fixed moment of this node; never goes back.
    pub at: Duration,
    /// Milliseconds since 1970 by the wall clock; may do anything.
    pub wall_ms: u64,
}

/// A key has another value, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub key: Key,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub value: Option<Value>,
}

/// Why a put did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The key is longer than [`KEY_BYTES_MAX`].
    #[error("{0} bytes are too many for a key")]
    KeyTooLong(usize),
    /// The value is longer than [`VALUE_BYTES_MAX`].
    #[error("{0} bytes are too many for a value")]
    ValueTooLong(usize),
    /// There are [`KEYS_MAX`] keys.
    #[error("there are {KEYS_MAX} keys already")]
    Full,
}

/// Where sends and changes go.
pub type Outbox = Vec<Output<Message, Changed>>;

/// What is known of a peer.
#[derive(Debug, Default)]
struct Peer {
    /// Its repair has changed something since the last digest to it.
    progress: bool,
}

/// One replica of one cache.
#[derive(Debug)]
pub struct State {
    me: Replica,
    /// How many writes this replica has made.
    counter: u64,
    clock: Clock,
    map: Map,
    /// The expiring writes that are read, by time.
    expiries: BTreeMap<(u64, Key), Dot>,
    interval: Duration,
    sync_at: Option<Duration>,
    /// Exactly the nodes that are up and have the cache.
    peers: BTreeMap<NodeInstance, Peer>,
    /// The peer that got the last digest of an interval.
    turn: Option<NodeInstance>,
}

impl State {
    /// An empty replica. `start` differs from that of every earlier start of this cache in the same
    /// life of the node.
    #[must_use]
    pub fn new(me: NodeInstance, start: u64, interval: Duration) -> Self {
        Self {
            me: Arc::new(ReplicaId { instance: me, start }),
            counter: 0,
            clock: Clock::default(),
            map: Map::default(),
            expiries: BTreeMap::new(),
            interval,
            sync_at: None,
            peers: BTreeMap::new(),
            turn: None,
        }
    }

    /// Who this replica is.
    #[must_use]
    pub fn me(&self) -> &ReplicaId {
        &self.me
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        self.map.get(key).map(|write| &write.value)
    }

    /// The map, for iteration and inspection.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The connected replicas' nodes.
    pub fn peers(&self) -> impl Iterator<Item = &NodeInstance> {
        self.peers.keys()
    }

    /// Sets a key, here at once, and tells all peers. With `expires_ms` (milliseconds since 1970, 0
    /// for never) every replica drops the write at that time of its own wall clock.
    ///
    /// # Errors
    /// Any [`PutError`]; nothing is changed.
    pub fn put(
        &mut self,
        now: Now,
        key: Key,
        value: Value,
        expires_ms: u64,
        outbox: &mut Outbox,
    ) -> Result<(), PutError> {
        if key.len() > KEY_BYTES_MAX {
            return Err(PutError::KeyTooLong(key.len()));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(PutError::ValueTooLong(value.len()));
        }
        let seen = self.map.newest(&key);
        if seen.is_none() && self.map.len() >= KEYS_MAX {
            return Err(PutError::Full);
        }
        self.counter += 1;
        let dot = Dot { replica: Arc::clone(&self.me), counter: self.counter };
        let stamp = self.clock.stamp(now.wall_ms, seen);
        let delta = self.map.put(key, Write { dot, stamp, expires_ms, value });
        self.write(delta, outbox);
        Ok(())
    }

    /// Removes what is seen of a key, here at once, and tells all peers; `false` if there is nothing.
    pub fn remove(&mut self, key: Key, outbox: &mut Outbox) -> bool {
        let delta = self.map.remove(key);
        let removed = delta.is_some();
        if let Some(delta) = delta {
            self.write(delta, outbox);
        }
        removed
    }

    /// When [`State::expire`] has something to do next, in milliseconds since 1970.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.expiries.keys().next().map(|(at, _)| *at)
    }

    /// Drops what has expired. Nobody is told: every replica does the same, and repair does the rest.
    pub fn expire(&mut self, wall_ms: u64, outbox: &mut Outbox) {
        while let Some(entry) = self.expiries.first_entry() {
            if entry.key().0 > wall_ms {
                return;
            }
            let ((_, key), dot) = entry.remove_entry();
            self.join(KeyDelta { key, writes: Vec::new(), gone: vec![dot] }, outbox);
        }
    }

    /// Takes one input and appends what follows from it.
    pub fn handle(&mut self, now: Now, input: Input<Message>, outbox: &mut Outbox) {
        match input {
            Input::Received { from, message } => {
                // A node that is not up is an earlier life, or its session has ended.
                if self.peers.contains_key(&from) {
                    self.on_message(now, &from, message, outbox);
                }
            }
            Input::NodeUp(peer) => {
                let older = |known: &&NodeInstance| known.node == peer.node;
                if let Some(known) = self.peers.keys().find(older).cloned() {
                    if known > peer {
                        return;
                    }
                    self.peers.remove(&known);
                }
                self.sync_at.get_or_insert(now.at + self.interval);
                self.peers.insert(peer.clone(), Peer::default());
                self.send_digest(&peer, outbox);
            }
            Input::NodeDown(peer) => {
                self.peers.remove(&peer);
            }
            Input::Elapsed => self.on_elapsed(now, outbox),
        }
    }

    /// When it wants [`Input::Elapsed`] next.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.sync_at.filter(|_| !self.peers.is_empty())
    }

    fn on_elapsed(&mut self, now: Now, outbox: &mut Outbox) {
        if self.sync_at.is_none_or(|at| at > now.at) {
            return;
        }
        self.sync_at = Some(now.at + self.interval);
        let later = |peer: &&NodeInstance| self.turn.as_ref().is_none_or(|turn| *peer > turn);
        let after = self.peers.keys().filter(later);
        let before = self.peers.keys().filter(|peer| !later(peer));
        let chosen: Vec<_> = after.chain(before).take(FANOUT).cloned().collect();
        for peer in &chosen {
            self.send_digest(peer, outbox);
        }
        self.turn = chosen.last().cloned();
    }

    /// A write of this replica: here, then everywhere.
    fn write(&mut self, delta: KeyDelta, outbox: &mut Outbox) {
        let changes = convert::to_changes(std::slice::from_ref(&delta));
        self.join(delta, outbox);
        let to: Vec<_> = self.peers.keys().cloned().collect();
        if !to.is_empty() {
            outbox.push(Output::Send { to, message: Message::Delta { changes, repair: false } });
        }
    }

    /// Takes a delta in and tells what changed; returns whether anything was learnt, and what of it
    /// was replaced here.
    fn join(&mut self, delta: KeyDelta, outbox: &mut Outbox) -> (bool, Option<KeyDelta>) {
        let key = Arc::clone(&delta.key);
        let old = self.map.get(&key).map(|write| (write.expires_ms, write.dot.clone()));
        let joined = self.map.join(delta);
        let new = self.map.get(&key).map(|write| (write.expires_ms, write.dot.clone()));
        if old != new {
            if let Some((at, _)) = old.filter(|(at, _)| *at > 0) {
                self.expiries.remove(&(at, Arc::clone(&key)));
            }
            if let Some((at, dot)) = new.filter(|(at, _)| *at > 0) {
                self.expiries.insert((at, Arc::clone(&key)), dot);
            }
        }
        if let Some((before, value)) = joined.changed {
            outbox.push(Output::Event(Changed { key: Arc::clone(&key), before, value }));
        }
        let stale = (!joined.stale.is_empty()).then_some(joined.stale);
        let stale = stale.map(|gone| KeyDelta { key, writes: Vec::new(), gone });
        (joined.news, stale)
    }

    fn observe(&mut self, now: Now, deltas: &[KeyDelta]) {
        let stamps = deltas.iter().flat_map(|delta| &delta.writes).map(|write| write.stamp);
        if let Some(newest) = stamps.max() {
            self.clock.observe(now.wall_ms, newest);
        }
    }
}

/// Bytes that a delta of one key takes, roughly.
fn weight(delta: &KeyDelta) -> usize {
    let values: usize = delta.writes.iter().map(|write| write.value.len() + 40).sum();
    delta.key.len() + values + delta.gone.len() * 12
}

#[cfg(test)]
mod tests;
