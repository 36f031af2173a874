//! When all is quiet, all replicas hold the same writes and have seen the same dots.
//!
//! ∀ n, m: map(n) = map(m) ∧ context(n) = context(m)

use crate::invariant::Invariant;
use crate::machines::cache::Node;
use crate::world::World;

/// The check.
#[derive(Debug)]
pub struct CacheAgreement;

impl Invariant<Node> for CacheAgreement {
    fn name(&self) -> &'static str {
        "cache agreement"
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        let mut maps = world
            .alive()
            .into_iter()
            .filter_map(|node| Some((node, world.machine(node)?.cache.map())));
        let Some((first, map)) = maps.next() else {
            return Ok(());
        };
        for (node, other) in maps {
            if !map.iter().eq(other.iter()) {
                return Err(format!("nodes {first} and {node} hold other writes"));
            }
            if map.context() != other.context() {
                return Err(format!("nodes {first} and {node} have seen other dots"));
            }
            if map != other {
                return Err(format!("nodes {first} and {node} differ below the surface"));
            }
        }
        Ok(())
    }
}
