//! Events play back to the map, and a node reads its own writes at once.
//!
//! □ fold(events) = map; □ (put(n, k) → it is the one write of k at n)
//! □ (put(n, k, v) → get(n, k) = v); □ (removed(n, k) → get(n, k) = none)

use std::collections::BTreeMap;

use starlings_cache::proto::map::{Key, Value};
use starlings_runtime::NodeInstance;

use crate::invariant::Invariant;
use crate::machines::cache::{Event, Node};
use crate::world::{Step, World};

/// The check.
#[derive(Debug, Default)]
pub struct CacheEvents {
    views: BTreeMap<NodeInstance, BTreeMap<Key, Value>>,
}

impl Invariant<Node> for CacheEvents {
    fn name(&self) -> &'static str {
        "cache events"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        let Some(node) = world.machine(step.node) else {
            return Ok(());
        };
        let view = self.views.entry(step.instance.clone()).or_default();
        for event in &step.events {
            match event {
                Event::Changed(changed) => {
                    let before = match changed.value.clone() {
                        Some(value) => view.insert(Key::clone(&changed.key), value),
                        None => view.remove(&changed.key),
                    };
                    if before != changed.before || changed.before == changed.value {
                        return Err(format!("{changed:?} after {before:?}"));
                    }
                }
                Event::Put(key, value) if node.cache.get(key) != Some(value) => {
                    return Err(format!("put {key:?} does not show"));
                }
                Event::Removed(key) if node.cache.get(key).is_some() => {
                    return Err(format!("removal of {key:?} does not show"));
                }
                Event::Put(key, _) if node.cache.map().writes(key).count() != 1 => {
                    return Err(format!("put {key:?} has left an older write"));
                }
                Event::Put(..) | Event::Removed(_) => {}
                Event::Restarted(_) => view.clear(),
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        for index in world.alive() {
            let (Some(node), Some(me)) = (world.machine(index), world.instance(index)) else {
                continue;
            };
            let seen: BTreeMap<_, _> = node
                .cache
                .map()
                .iter()
                .map(|(key, write)| (Key::clone(key), Value::clone(&write.value)))
                .collect();
            if seen != self.views.get(me).cloned().unwrap_or_default() {
                return Err(format!("events of node {index} do not give its map"));
            }
        }
        Ok(())
    }
}
