//! Replication of facts: each node publishes its own, and keeps a copy of every other node's.
//!
//! A fact is a key with a value. It is owned by the node that put it, and only that node ever changes
//! it: copies are replaced, never merged, so there is nothing to resolve and no tombstone to keep.
//!
//! ```text
//!   node a                                     node b
//!   NodeUp(b)  ── Discover{after: -} ────────▶  NodeUp(a)
//!              ◀─ Sync{number 7, facts, Follows}
//!              ◀─ Sync{number 7, facts, Nothing}
//!              ◀─ Delta{number 8}               a fact of b changes
//!              ◀─ Delta{number 10}              9 is missing: a gap
//!              ── Discover{after: -} ────────▶
//!              ◀─ Digest{number 10, len}        each interval
//!   NodeDown(b): every fact of b is forgotten
//! ```
//!
//! Invariant: once a copy is whole, it equals the owner's facts as they were at the delta `number`.
//! A sync replaces a range of keys by comparison, so what has not changed makes no event.

mod peer;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use starlings_runtime::NodeInstance;

use super::{Input, Output};
use crate::wire::{Message, Rest};
use peer::{Need, Peer};

/// Most facts in one sync. 256 of the largest (a name with full metadata) are 1.2 MB, well below a
/// frame of 16 MiB; 256 usual ones are 10 kB.
pub const FACTS_PER_SYNC_MAX: usize = 256;

/// Most syncs that answer one request. 16, so that 4096 facts take one round trip and a request
/// never fills a session.
pub const SYNCS_PER_REQUEST_MAX: usize = 16;

/// Most changes in one delta; larger changes are several deltas.
pub const CHANGES_PER_DELTA_MAX: usize = 256;

/// Most facts that one node owns; a further one is refused ([`Full`]), and ignored when a peer
/// sends it. 4 M: a bound against faults, not a quota.
pub const FACTS_MAX: usize = 1 << 22;

/// How often peers are told the number of the last delta, by default.
pub const DIGEST_INTERVAL: Duration = Duration::from_secs(10);

/// Time after which a question is asked again; doubles up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_secs(1);

/// Longest time between two questions.
pub const RETRY_MAX: Duration = Duration::from_secs(30);

/// A fact of some node is new, different or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<K, V> {
    /// Whose fact.
    pub owner: NodeInstance,
    /// Its key.
    pub key: K,
    /// What it was.
    pub before: Option<V>,
    /// What it is. Never equal to `before`.
    pub after: Option<V>,
}

/// The node owns [`FACTS_MAX`] facts already; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node owns {FACTS_MAX} facts already")]
pub struct Full;

/// Where sends and changes go.
pub type Outbox<K, V> = Vec<Output<Message<K, V>, Changed<K, V>>>;

/// The facts of all connected nodes, as one node knows them.
#[derive(Debug)]
pub struct State<K, V> {
    me: NodeInstance,
    stream: u64,
    digest_interval: Duration,
    digest_at: Option<Duration>,
    /// The number of the last delta.
    number: u64,
    /// The last question asked.
    request: u64,
    own: BTreeMap<K, V>,
    /// Exactly the nodes that are up; at most one life of each name.
    peers: BTreeMap<NodeInstance, Peer<K, V>>,
}

impl<K: Ord + Clone, V: Eq + Clone> State<K, V> {
    /// A node that owns nothing and knows nobody. `stream` differs from that of every earlier start
    /// in the same life of the node.
    #[must_use]
    pub fn new(me: NodeInstance, stream: u64, digest_interval: Duration) -> Self {
        Self {
            me,
            stream,
            digest_interval,
            digest_at: None,
            number: 0,
            request: 0,
            own: BTreeMap::new(),
            peers: BTreeMap::new(),
        }
    }

    /// This life of this node.
    #[must_use]
    pub fn me(&self) -> &NodeInstance {
        &self.me
    }

    /// The facts of this node.
    #[must_use]
    pub fn own(&self) -> &BTreeMap<K, V> {
        &self.own
    }

    /// The copy of a connected node's facts.
    #[must_use]
    pub fn copy_of(&self, peer: &NodeInstance) -> Option<&BTreeMap<K, V>> {
        self.peers.get(peer).map(|peer| &peer.facts)
    }

    /// The connected nodes.
    pub fn peers(&self) -> impl Iterator<Item = &NodeInstance> {
        self.peers.keys()
    }

    /// Whether this node has facts, which its peers know, or knows some of this peer.
    #[must_use]
    pub fn are_shared_with(&self, peer: &NodeInstance) -> bool {
        !self.own.is_empty() || self.copy_of(peer).is_some_and(|copy| !copy.is_empty())
    }

    /// Sets facts of this node (`Some`) and takes them away (`None`), and tells all peers.
    ///
    /// # Errors
    /// [`Full`], if there would be too many; nothing is changed.
    pub fn publish(
        &mut self,
        changes: Vec<(K, Option<V>)>,
        outbox: &mut Outbox<K, V>,
    ) -> Result<(), Full> {
        let puts = changes.iter().filter(|(_, value)| value.is_some()).count();
        if puts > 0 && self.own.len() + puts > FACTS_MAX {
            return Err(Full);
        }
        let mut news = Vec::new();
        for (key, after) in changes {
            let before = match after.clone() {
                Some(value) => self.own.insert(key.clone(), value),
                None => self.own.remove(&key),
            };
            if before != after {
                news.push((key.clone(), after.clone()));
                let owner = self.me.clone();
                outbox.push(Output::Event(Changed { owner, key, before, after }));
            }
        }
        for changes in news.chunks(CHANGES_PER_DELTA_MAX) {
            self.number += 1;
            let (stream, number, changes) = (self.stream, self.number, changes.to_vec());
            self.broadcast(Message::Delta { stream, number, changes }, outbox);
        }
        Ok(())
    }

    /// Takes one input and appends what follows from it.
    pub fn handle(
        &mut self,
        now: Duration,
        input: Input<Message<K, V>>,
        outbox: &mut Outbox<K, V>,
    ) {
        match input {
            Input::Received { from, message } => self.on_message(now, from, message, outbox),
            Input::NodeUp(peer) => self.on_node_up(now, peer, outbox),
            Input::NodeDown(peer) => self.purge(&peer, outbox),
            Input::Elapsed => self.on_elapsed(now, outbox),
        }
    }

    /// When it wants [`Input::Elapsed`] next.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.peers.is_empty() {
            return None;
        }
        self.peers.values().filter_map(Peer::retry_at).chain(self.digest_at).min()
    }

    fn on_node_up(&mut self, now: Duration, peer: NodeInstance, outbox: &mut Outbox<K, V>) {
        let lives: Vec<_> = self.peers.keys().filter(|p| p.node == peer.node).cloned().collect();
        if lives.iter().any(|life| *life >= peer) {
            return;
        }
        for life in lives {
            self.purge(&life, outbox);
        }
        self.digest_at.get_or_insert(now + self.digest_interval);
        self.peers.insert(peer.clone(), Peer::new(now));
        self.ask(now, &peer, Need::All, outbox);
    }

    fn purge(&mut self, owner: &NodeInstance, outbox: &mut Outbox<K, V>) {
        let Some(peer) = self.peers.remove(owner) else {
            return;
        };
        for (key, before) in peer.facts {
            let (owner, before) = (owner.clone(), Some(before));
            outbox.push(Output::Event(Changed { owner, key, before, after: None }));
        }
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Outbox<K, V>) {
        if self.digest_at.is_some_and(|at| at <= now) {
            self.digest_at = Some(now + self.digest_interval);
            let (stream, number, len) = (self.stream, self.number, self.own.len() as u64);
            self.broadcast(Message::Digest { stream, number, len }, outbox);
        }
        let due = |peer: &Peer<K, V>| peer.retry_at().is_some_and(|at| at <= now);
        let late: Vec<_> = self.peers.iter().filter(|(_, peer)| due(peer)).collect();
        let late: Vec<_> = late.into_iter().map(|(instance, _)| instance.clone()).collect();
        for instance in late {
            self.ask(now, &instance, Need::Rest, outbox);
        }
    }

    /// Messages from nodes that are not up are ignored: an earlier life, or a session that ended.
    fn on_message(
        &mut self,
        now: Duration,
        from: NodeInstance,
        message: Message<K, V>,
        outbox: &mut Outbox<K, V>,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        let mut changes = Vec::new();
        let need = match message {
            Message::Discover { stream, request, after } => {
                let need = peer.on_discover(stream);
                self.answer(&from, request, after, outbox);
                need
            }
            Message::Sync { stream, request, number, after, facts, rest } => {
                let range = peer::Range { number, after, facts, rest };
                peer.on_sync(now, stream, request, range, &mut changes)
            }
            Message::Delta { stream, number, changes: news } => {
                peer.on_delta(stream, number, news, &mut changes)
            }
            Message::Digest { stream, number, len } => peer.on_digest(stream, number, len),
        };
        let event = |(key, before, after)| {
            Output::Event(Changed { owner: from.clone(), key, before, after })
        };
        outbox.extend(changes.into_iter().map(event));
        self.ask(now, &from, need, outbox);
    }

    /// Asks a peer for what is needed of its facts.
    fn ask(&mut self, now: Duration, to: &NodeInstance, need: Need, outbox: &mut Outbox<K, V>) {
        let Some(peer) = self.peers.get_mut(to) else {
            return;
        };
        let next = self.request + 1;
        if let Some(after) = peer.ask(now, next, need) {
            self.request = next;
            let message = Message::Discover { stream: self.stream, request: next, after };
            outbox.push(Output::Send { to: vec![to.clone()], message });
        }
    }

    /// Sends the facts after a key, up to the limit of one request.
    fn answer(&self, to: &NodeInstance, request: u64, after: Option<K>, outbox: &mut Outbox<K, V>) {
        let (stream, number) = (self.stream, self.number);
        let mut after = after;
        for left in (0..SYNCS_PER_REQUEST_MAX).rev() {
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut range = self.own.range((from, Bound::Unbounded));
            let entry = |(key, value): (&K, &V)| (key.clone(), value.clone());
            let facts: Vec<_> = range.by_ref().take(FACTS_PER_SYNC_MAX).map(entry).collect();
            let rest = match (range.next(), left) {
                (None, _) => Rest::Nothing,
                (Some(_), 0) => Rest::OnRequest,
                (Some(_), _) => Rest::Follows,
            };
            let last = facts.last().map(|(key, _)| key.clone());
            let message = Message::Sync { stream, request, number, after, facts, rest };
            outbox.push(Output::Send { to: vec![to.clone()], message });
            if rest != Rest::Follows {
                return;
            }
            after = last;
        }
    }

    fn broadcast(&self, message: Message<K, V>, outbox: &mut Outbox<K, V>) {
        let to: Vec<_> = self.peers.keys().cloned().collect();
        if !to.is_empty() {
            outbox.push(Output::Send { to, message });
        }
    }
}

#[cfg(test)]
mod tests;
