//! Anti-entropy: from a digest down to the dots that two replicas do not share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starlings_registry::proto::Output;
use starlings_runtime::NodeInstance;

use super::{
    CONTEXT_RANGES_MAX, DELTA_BYTES_MAX, INVENTORIES_MAX, INVENTORY_DOTS_MAX, KEY_BYTES_MAX,
    KEYS_MAX, Now, Outbox, SEEN_MAX, State, VALUE_BYTES_MAX, weight,
};
use crate::proto::convert;
use crate::proto::dots::Dot;
use crate::proto::map::{BUCKETS_PER_GROUP, GROUPS, KeyDelta};
use crate::wire::{Changes, Dots, Message, Part, ReplicaId};

/// The ranges of one replica, as they travel.
type Seen = (ReplicaId, Vec<(u64, u64)>);

impl State {
    pub(super) fn on_message(
        &mut self,
        now: Now,
        from: &NodeInstance,
        message: Message,
        outbox: &mut Outbox,
    ) {
        match message {
            Message::Delta { changes, repair } => {
                self.on_delta(now, from, changes, repair, outbox);
            }
            Message::Digest { root, context } => self.on_digest(from, root, context, outbox),
            Message::Context { root, seen, asks } => {
                self.on_context(from, root, seen, asks, outbox);
            }
            Message::Groups { sums } => self.on_groups(from, &sums, outbox),
            Message::Buckets { groups } => self.on_buckets(from, groups, outbox),
            Message::Inventory { part, seen, dots, last } => {
                self.on_inventory(from, part, seen, dots, last, outbox);
            }
            Message::Verdict { part, gone, wanted, dropped, last } => {
                self.note_progress(from, dropped);
                self.on_verdict(from, &part, gone, wanted, last, outbox);
            }
        }
    }

    pub(super) fn send_digest(&mut self, to: &NodeInstance, outbox: &mut Outbox) {
        if let Some(peer) = self.peers.get_mut(to) {
            peer.progress = false;
        }
        let (root, context) = (self.map.root(), self.map.context().hash());
        send(to, Message::Digest { root, context }, outbox);
    }

    fn on_delta(
        &mut self,
        now: Now,
        from: &NodeInstance,
        changes: Changes,
        repair: bool,
        outbox: &mut Outbox,
    ) {
        let mut deltas = convert::from_changes(changes, self.map.context());
        for delta in &mut deltas {
            delta.writes.retain(|write| !self.is_to_come(&write.dot));
            delta.gone.retain(|dot| !self.is_to_come(dot));
        }
        self.observe(now, &deltas);
        let (mut progress, mut replaced) = (false, Vec::new());
        let deltas = deltas.into_iter().filter(|delta| self.is_within_limits(delta));
        for delta in deltas.collect::<Vec<_>>() {
            let (news, stale) = self.join(delta, outbox);
            progress |= news;
            replaced.extend(stale.filter(|_| repair));
        }
        self.note_progress(from, repair && (progress || !replaced.is_empty()));
        send_deltas(from, replaced, false, outbox);
    }

    /// Whether a dot is of a write that this replica has not made yet. A peer that knows of it is wrong;
    /// if it were believed, the write would be taken for one that is known already, and be lost.
    fn is_to_come(&self, dot: &Dot) -> bool {
        dot.counter > self.counter && dot.replica == self.me
    }

    /// Whether a delta of another replica keeps the limits that puts keep here. One that does not is
    /// left out: the replicas then differ, as they must if one of them breaks the rules.
    fn is_within_limits(&self, delta: &KeyDelta) -> bool {
        let is_known = self.map.get(&delta.key).is_some() || delta.writes.is_empty();
        delta.key.len() <= KEY_BYTES_MAX
            && delta.writes.iter().all(|write| write.value.len() <= VALUE_BYTES_MAX)
            && (is_known || self.map.len() < KEYS_MAX)
    }

    fn on_digest(&mut self, from: &NodeInstance, root: u64, context: u64, outbox: &mut Outbox) {
        if root != self.map.root() {
            send(from, Message::Groups { sums: self.map.groups().to_vec() }, outbox);
        } else if context != self.map.context().hash() {
            self.send_context(from, true, outbox);
        }
    }

    fn send_context(&self, to: &NodeInstance, asks: bool, outbox: &mut Outbox) {
        let root = self.map.root();
        let mut seen: Vec<Seen> = Vec::new();
        let mut len = 0;
        for (replica, ranges) in self.map.context().iter() {
            for ranges in ranges.as_slice().chunks(CONTEXT_RANGES_MAX) {
                if len + ranges.len() > CONTEXT_RANGES_MAX {
                    let seen = std::mem::take(&mut seen);
                    send(to, Message::Context { root, seen, asks: false }, outbox);
                    len = 0;
                }
                seen.push(((**replica).clone(), ranges.to_vec()));
                len += ranges.len();
            }
        }
        send(to, Message::Context { root, seen, asks }, outbox);
    }

    /// With the same writes here and there, whatever the sender has seen besides is gone, so all of
    /// it can be taken over. With other writes here nothing of it can.
    fn on_context(
        &mut self,
        from: &NodeInstance,
        root: u64,
        seen: Vec<Seen>,
        asks: bool,
        outbox: &mut Outbox,
    ) {
        if root != self.map.root() {
            return;
        }
        for (replica, ranges) in seen {
            let replica = self.map.context().intern(replica);
            let most = if replica == self.me { self.counter } else { u64::MAX };
            for (low, high) in ranges {
                let high = high.min(most);
                let dot = Dot { replica: Arc::clone(&replica), counter: low };
                if self.map.context().has_room_for(&dot) {
                    self.map.context_mut().insert_range(&replica, low, high);
                }
            }
        }
        if asks {
            self.send_context(from, false, outbox);
        }
    }

    fn on_groups(&self, from: &NodeInstance, sums: &[u64], outbox: &mut Outbox) {
        let pairs = self.map.groups().iter().zip(sums).enumerate();
        let differ = pairs.filter(|(_, (mine, theirs))| mine != theirs);
        let groups: Vec<_> = differ
            .take(GROUPS)
            .filter_map(|(group, _)| {
                Some((u8::try_from(group).ok()?, self.map.buckets_of(group).collect()))
            })
            .collect();
        if !groups.is_empty() {
            send(from, Message::Buckets { groups }, outbox);
        }
    }

    fn on_buckets(&self, from: &NodeInstance, groups: Vec<(u8, Vec<u64>)>, outbox: &mut Outbox) {
        let mut inventories = Vec::new();
        for (group, theirs) in groups {
            let group = usize::from(group);
            for (index, (mine, theirs)) in self.map.buckets_of(group).zip(theirs).enumerate() {
                if mine != theirs && inventories.len() < INVENTORIES_MAX {
                    self.inventory(group * BUCKETS_PER_GROUP + index, &mut inventories);
                }
            }
        }
        let seen: Vec<_> = self
            .map
            .context()
            .iter()
            .take(SEEN_MAX)
            .map(|(replica, ranges)| ((**replica).clone(), ranges.prefix()))
            .collect();
        let last_index = inventories.len().saturating_sub(1);
        for (index, (part, dots)) in inventories.into_iter().enumerate() {
            let (seen, last) = (seen.clone(), index == last_index);
            send(from, Message::Inventory { part, seen, dots, last }, outbox);
        }
    }

    /// Appends the dots of a bucket, in as many parts as it takes.
    fn inventory(&self, bucket: usize, inventories: &mut Vec<(Part, Dots)>) {
        let Ok(number) = u16::try_from(bucket) else {
            return;
        };
        let mut after: Option<Vec<u8>> = None;
        let mut dots = Vec::new();
        let mut last_key: Option<&Arc<[u8]>> = None;
        for (key, write) in self.map.writes_in(bucket, None, None) {
            let next_key = last_key.is_some_and(|last| last != key);
            if let (true, Some(last)) = (next_key && dots.len() >= INVENTORY_DOTS_MAX, last_key) {
                let upto = Some(last.to_vec());
                let part = Part { bucket: number, after: after.take(), upto: upto.clone() };
                inventories.push((part, convert::to_dots(std::mem::take(&mut dots))));
                after = upto;
            }
            dots.push(&write.dot);
            last_key = Some(key);
        }
        let part = Part { bucket: number, after, upto: None };
        inventories.push((part, convert::to_dots(dots)));
    }

    /// Compares the sender's dots with our own in a part of a bucket. What is ours alone the sender
    /// lacks, unless it has seen it and does not hold it: then it is gone. What is theirs alone we
    /// lack, unless we have seen it.
    fn on_inventory(
        &mut self,
        from: &NodeInstance,
        part: Part,
        seen: Vec<(ReplicaId, u64)>,
        dots: Dots,
        last: bool,
        outbox: &mut Outbox,
    ) {
        let seen: BTreeMap<_, _> = seen.into_iter().collect();
        let mut theirs: BTreeSet<Dot> =
            convert::from_dots(dots, self.map.context()).into_iter().collect();
        let (mut dropped, mut lacking, mut bytes) = (Vec::new(), Vec::new(), 0);
        let bucket = usize::from(part.bucket);
        for (key, write) in self.map.writes_in(bucket, part.after.as_deref(), part.upto.as_deref())
        {
            let key = Arc::clone(key);
            if theirs.remove(&write.dot) {
                continue;
            }
            let prefix = seen.get(&*write.dot.replica).copied().unwrap_or(0);
            if write.dot.counter <= prefix {
                dropped.push(KeyDelta { key, writes: Vec::new(), gone: vec![write.dot.clone()] });
            } else if bytes < DELTA_BYTES_MAX {
                let delta = KeyDelta { key, writes: vec![write.clone()], gone: Vec::new() };
                bytes += weight(&delta);
                lacking.push(delta);
            }
        }
        let moved = !dropped.is_empty();
        for delta in dropped {
            self.join(delta, outbox);
        }
        send_deltas(from, lacking, true, outbox);
        let (gone, wanted): (Vec<_>, Vec<_>) =
            theirs.iter().partition(|dot| self.map.context().contains(dot));
        let (gone, wanted) = (convert::to_dots(gone), convert::to_dots(wanted));
        send(from, Message::Verdict { part, gone, wanted, dropped: moved, last }, outbox);
    }

    fn on_verdict(
        &mut self,
        from: &NodeInstance,
        part: &Part,
        gone: Dots,
        wanted: Dots,
        last: bool,
        outbox: &mut Outbox,
    ) {
        let gone: BTreeSet<Dot> =
            convert::from_dots(gone, self.map.context()).into_iter().collect();
        let wanted: BTreeSet<Dot> =
            convert::from_dots(wanted, self.map.context()).into_iter().collect();
        let (mut dropped, mut lacking, mut bytes) = (Vec::new(), Vec::new(), 0);
        let bucket = usize::from(part.bucket);
        for (key, write) in self.map.writes_in(bucket, part.after.as_deref(), part.upto.as_deref())
        {
            let key = Arc::clone(key);
            if gone.contains(&write.dot) {
                dropped.push(KeyDelta { key, writes: Vec::new(), gone: vec![write.dot.clone()] });
            } else if wanted.contains(&write.dot) && bytes < DELTA_BYTES_MAX {
                let delta = KeyDelta { key, writes: vec![write.clone()], gone: Vec::new() };
                bytes += weight(&delta);
                lacking.push(delta);
            }
        }
        self.note_progress(from, !dropped.is_empty() || !lacking.is_empty());
        for delta in dropped {
            self.join(delta, outbox);
        }
        send_deltas(from, lacking, true, outbox);
        if last && self.peers.get(from).is_some_and(|peer| peer.progress) {
            self.send_digest(from, outbox);
        }
    }

    /// A round of repair that has changed something is followed by another one at once.
    fn note_progress(&mut self, from: &NodeInstance, progress: bool) {
        if let Some(peer) = self.peers.get_mut(from) {
            peer.progress |= progress;
        }
    }
}

/// Sends deltas in messages of at most [`DELTA_BYTES_MAX`], or of one key.
fn send_deltas(to: &NodeInstance, deltas: Vec<KeyDelta>, repair: bool, outbox: &mut Outbox) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut flush = |batch: &mut Vec<KeyDelta>| {
        if !batch.is_empty() {
            let changes = convert::to_changes(&std::mem::take(batch));
            send(to, Message::Delta { changes, repair }, outbox);
        }
    };
    for delta in deltas {
        let more = weight(&delta);
        if bytes + more > DELTA_BYTES_MAX {
            flush(&mut batch);
            bytes = 0;
        }
        bytes += more;
        batch.push(delta);
    }
    flush(&mut batch);
}

fn send(to: &NodeInstance, message: Message, outbox: &mut Outbox) {
    outbox.push(Output::Send { to: vec![to.clone()], message });
}
