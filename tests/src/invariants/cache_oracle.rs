//! Nothing that a live replica has held is lost, and nothing that one has seen replaced comes back.
//!
//! □ (w gone at r → □ w ∉ map(r))
//! at rest: w ∈ map ⇐ held by a live replica ∧ no put, removal or expiry has ever replaced w
//! at rest: w ∉ map ⇐ a live replica has seen w and does not hold it

use std::collections::{BTreeMap, BTreeSet};

use starlings_cache::proto::dots::Dot;
use starlings_cache::proto::map::Key;
use starlings_cache::wire::ReplicaId;

use crate::invariant::Invariant;
use crate::machines::cache::{Event, Node};
use crate::world::{Input, Step, World};

/// What one replica has held of the watched keys.
#[derive(Debug, Default)]
struct Held {
    present: BTreeMap<Key, BTreeSet<Dot>>,
    gone: BTreeSet<Dot>,
    ever: BTreeMap<Dot, Key>,
}

/// The check, of a few watched keys.
#[derive(Debug)]
pub struct CacheOracle {
    keys: Vec<Key>,
    replicas: BTreeMap<ReplicaId, Held>,
    /// Writes that some user has replaced or removed, or that can expire.
    replaced: BTreeSet<Dot>,
}

impl CacheOracle {
    /// Watches `keys`.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys, replicas: BTreeMap::new(), replaced: BTreeSet::new() }
    }
}

impl Invariant<Node> for CacheOracle {
    fn name(&self) -> &'static str {
        "cache oracle"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        let Some(node) = world.machine(step.node) else {
            return Ok(());
        };
        let held = self.replicas.entry(node.cache.me().clone()).or_default();
        let by_user = matches!(step.input, Input::Command(_));
        let acted = |key: &Key| {
            step.events.iter().any(|event| match event {
                Event::Put(acted, _) | Event::Removed(acted) => acted == key,
                Event::Changed(_) | Event::Restarted(_) => false,
            })
        };
        for key in &self.keys {
            let present: BTreeSet<Dot> =
                node.cache.map().writes(key).map(|write| write.dot.clone()).collect();
            let before = held.present.insert(Key::clone(key), present.clone()).unwrap_or_default();
            if present == before {
                continue;
            }
            if let Some(dot) = present.intersection(&held.gone).next() {
                return Err(format!("{dot:?} of {key:?} was gone and is back"));
            }
            let expiring = node.cache.map().writes(key).filter(|write| write.expires_ms > 0);
            self.replaced.extend(expiring.map(|write| write.dot.clone()));
            if by_user && acted(key) {
                self.replaced.extend(before.difference(&present).cloned());
            }
            held.gone.extend(before.difference(&present).cloned());
            held.ever.extend(present.into_iter().map(|dot| (dot, Key::clone(key))));
        }
        Ok(())
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        let nodes = || world.alive().into_iter().filter_map(|node| world.machine(node));
        let Some(any) = nodes().next() else {
            return Ok(());
        };
        for held in nodes().filter_map(|node| self.replicas.get(node.cache.me())) {
            for (dot, key) in &held.ever {
                let present = any.cache.map().writes(key).any(|write| write.dot == *dot);
                if present && held.gone.contains(dot) {
                    return Err(format!("{dot:?} of {key:?} had gone from a live replica"));
                }
                if !present && !self.replaced.contains(dot) {
                    return Err(format!("{dot:?} of {key:?} is lost"));
                }
            }
        }
        Ok(())
    }
}
