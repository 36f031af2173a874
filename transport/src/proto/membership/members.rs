//! The table of one member: who is up, and who was.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use starlings_runtime::{Incarnation, NodeId, NodeInstance};

use super::random::Random;
use super::wire::{ACCUSERS_TOLD, Address, Fact, Update};

/// Other members that may be up at once. Further ones are not taken, and counted as dropped. As many
/// as the address book of the transport holds.
pub const MEMBERS_MAX: usize = 16 << 10;

/// Members that are remembered as down. Beyond that the one that has been down longest is forgotten. A
/// quarter of the most that can be up.
pub const DOWN_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) incarnation: Incarnation,
    pub(super) refutation: u32,
    pub(super) address: Address,
    pub(super) status: Status,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Up,
    Down { since: Duration, accusers: Vec<NodeId> },
    Left { since: Duration },
}

impl Status {
    const fn since(&self) -> Option<Duration> {
        match self {
            Self::Up => None,
            Self::Down { since, .. } | Self::Left { since } => Some(*since),
        }
    }
}

impl Member {
    pub(super) fn new(fact: Fact, status: Status) -> (NodeId, Self) {
        let Fact { member: NodeInstance { node, incarnation }, refutation, address } = fact;
        (node, Self { incarnation, refutation, address, status })
    }

    pub(super) fn is_up(&self) -> bool {
        self.status == Status::Up
    }

    pub(super) fn fact(&self, node: &NodeId) -> Fact {
        let member = NodeInstance { node: node.clone(), incarnation: self.incarnation };
        Fact { member, refutation: self.refutation, address: self.address.clone() }
    }

    /// What is known of it, as it is told to others.
    pub(super) fn update(&self, node: &NodeId) -> Update {
        let fact = self.fact(node);
        match &self.status {
            Status::Up => Update::Up(fact),
            Status::Down { accusers, .. } => {
                let accusers = accusers.iter().take(ACCUSERS_TOLD).cloned().collect();
                Update::Down { fact, accusers }
            }
            Status::Left { .. } => Update::Left(fact),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Members {
    table: BTreeMap<NodeId, Member>,
    /// Those that are up, in the order in which they are probed.
    ring: Vec<NodeId>,
    next: usize,
    /// Those of them that this member's last probe has not reached, and that have said nothing since.
    silent: BTreeSet<NodeId>,
    /// Those that are not up.
    down: usize,
}

impl Members {
    pub(super) fn get(&self, node: &NodeId) -> Option<&Member> {
        self.table.get(node)
    }

    pub(super) fn up(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.table.iter().filter(|(_, member)| member.is_up())
    }

    pub(super) fn after(&self, node: Option<&NodeId>) -> impl Iterator<Item = (&NodeId, &Member)> {
        let start = node.map_or(Bound::Unbounded, Bound::Excluded);
        self.table.range((start, Bound::Unbounded))
    }

    pub(super) fn up_len(&self) -> usize {
        self.ring.len()
    }

    /// A probe of this one has failed, and it has said nothing meanwhile.
    pub(super) fn miss(&mut self, node: &NodeId) {
        if self.table.get(node).is_some_and(Member::is_up) {
            self.silent.insert(node.clone());
        }
    }

    /// This one has said something.
    pub(super) fn hear(&mut self, node: &NodeId) {
        self.silent.remove(node);
    }

    /// Whether anybody who is up might still be heard: whose last probe has not failed, or who has said
    /// something since.
    pub(super) fn hears_anybody(&self) -> bool {
        self.silent.len() < self.ring.len()
    }

    /// Changes a member that is there, or enters it. `false`: there are too many.
    pub(super) fn put(&mut self, fact: Fact, status: Status, random: &mut Random) -> bool {
        let (node, member) = Member::new(fact, status);
        let (was_up, was_down) = match self.table.get(&node) {
            Some(before) => (before.is_up(), !before.is_up()),
            None => (false, false),
        };
        let is_up = member.is_up();
        if is_up && !was_up && self.ring.len() >= MEMBERS_MAX {
            return false;
        }
        self.table.insert(node.clone(), member);
        if is_up != was_up {
            self.silent.remove(&node);
        }
        if is_up && !was_up {
            // Anywhere in the round: the next one to be probed is not known from who came last.
            let at = random.index(self.ring.len() + 1);
            self.ring.insert(at, node.clone());
            // Nobody is probed twice in a round.
            self.next += usize::from(at < self.next);
        }
        if was_up
            && !is_up
            && let Some(at) = self.ring.iter().position(|other| *other == node)
        {
            self.ring.remove(at);
            self.next -= usize::from(at < self.next);
        }
        self.down = self.down + usize::from(!is_up) - usize::from(was_down);
        if self.down > DOWN_MAX {
            self.forget_oldest();
        }
        true
    }

    /// Takes a number that somebody has seen of a member, or that it has given itself.
    pub(super) fn raise(&mut self, node: &NodeId, refutation: u32) {
        if let Some(member) = self.table.get_mut(node) {
            member.refutation = member.refutation.max(refutation);
        }
    }

    /// The next one to probe. Each comes once in a round, in an order that changes with each.
    pub(super) fn next(&mut self, random: &mut Random) -> Option<Fact> {
        if self.next >= self.ring.len() {
            self.next = 0;
            random.shuffle(&mut self.ring);
        }
        let node = self.ring.get(self.next)?;
        self.next += 1;
        Some(self.table.get(node)?.fact(node))
    }

    /// Up to `len` of those that are up, at random, without `except`.
    pub(super) fn pick(
        &self,
        len: usize,
        except: Option<&NodeId>,
        random: &mut Random,
    ) -> Vec<Fact> {
        let mut chosen: Vec<&NodeId> = Vec::new();
        if self.ring.len() <= 4 * len {
            chosen.extend(self.ring.iter().filter(|node| Some(*node) != except));
            random.shuffle(&mut chosen);
            chosen.truncate(len);
        } else {
            for _ in 0..4 * len {
                let node = self.ring.get(random.index(self.ring.len()));
                let fresh = |node: &&NodeId| Some(*node) != except && !chosen.contains(node);
                if let Some(node) = node.filter(fresh) {
                    chosen.push(node);
                }
                if chosen.len() == len {
                    break;
                }
            }
        }
        let fact = |node: &NodeId| Some(self.table.get(node)?.fact(node));
        chosen.into_iter().filter_map(fact).collect()
    }

    /// Those that are down by a verdict: they may be back.
    pub(super) fn lost(&self) -> Vec<Fact> {
        if self.down == 0 {
            return Vec::new();
        }
        let is_lost = |member: &Member| matches!(member.status, Status::Down { .. });
        let lost = self.table.iter().filter(|(_, member)| is_lost(member));
        lost.map(|(node, member)| member.fact(node)).collect()
    }

    pub(super) fn has_address(&self, address: &Address) -> bool {
        self.up().any(|(_, member)| member.address == *address)
    }

    /// Forgets those that have been down since before then.
    pub(super) fn forget(&mut self, before: Duration) {
        if self.down == 0 {
            return;
        }
        let is_kept = |member: &Member| member.status.since().is_none_or(|since| since >= before);
        self.table.retain(|_, member| is_kept(member));
        self.down = self.table.len() - self.ring.len();
    }

    fn forget_oldest(&mut self) {
        let down = self.table.iter().filter_map(|(node, member)| {
            let since = member.status.since()?;
            Some((since, node.clone()))
        });
        if let Some((_, oldest)) = down.min() {
            self.table.remove(&oldest);
            self.down -= 1;
        }
    }
}
