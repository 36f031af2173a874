//! When all is quiet, a context has one range for each replica, and more only for dead ones whose
//! last writes reached nobody.
//!
//! ∀ r alive: |ranges(r)| ≤ 1; Σ |ranges| ≤ replicas that ever wrote + writes of dead replicas lost

use std::collections::BTreeSet;

use starlings_cache::wire::ReplicaId;

use crate::invariant::Invariant;
use crate::machines::cache::{Event, Node};
use crate::world::{Step, World};

/// The check.
#[derive(Debug, Default)]
pub struct ContextBounded {
    wrote: BTreeSet<ReplicaId>,
}

impl Invariant<Node> for ContextBounded {
    fn name(&self) -> &'static str {
        "context bounded"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        if step.events.iter().any(|event| matches!(event, Event::Put(..))) {
            self.wrote.extend(world.machine(step.node).map(|node| node.cache.me().clone()));
        }
        Ok(())
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        let nodes = || world.alive().into_iter().filter_map(|node| world.machine(node));
        let live: BTreeSet<_> = nodes().map(|node| node.cache.me()).collect();
        for node in nodes() {
            for (replica, ranges) in node.cache.map().context().iter() {
                let len = ranges.as_slice().len();
                if !self.wrote.contains(&**replica) {
                    return Err(format!("{replica:?} never wrote and has {len} ranges"));
                }
                if live.contains(&**replica) && len != 1 {
                    return Err(format!("{replica:?} lives and has {len} ranges"));
                }
            }
        }
        Ok(())
    }
}
