//! When all is quiet, a name has one owner, it is alive, and every node names the same.
//!
//! ∀ n, m, name: whereis(n, name) = whereis(m, name) ∈ alive, and one node alone claims it

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::machines::registry::Node;
use crate::world::World;

/// The check.
#[derive(Debug)]
pub struct OneOwner;

impl Invariant<Node> for OneOwner {
    fn name(&self) -> &'static str {
        "one owner"
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        let nodes = || world.alive().into_iter().filter_map(|node| world.machine(node));
        let mut owners = BTreeMap::new();
        for node in nodes() {
            for (name, claim) in node.names.facts().own() {
                let pid = node.pid(claim.serial);
                if !node.actors.contains(&claim.serial) {
                    return Err(format!("{name} is held by {pid:?}, which is dead"));
                }
                if let Some(other) = owners.insert(name.clone(), pid.clone()) {
                    return Err(format!("{name} is held by {other:?} and by {pid:?}"));
                }
            }
        }
        for node in nodes() {
            for (name, owner) in &owners {
                let seen = node.names.whereis(name).map(|owner| &owner.pid);
                if seen != Some(owner) {
                    return Err(format!("{name} belongs to {owner:?}, not to {seen:?}"));
                }
            }
        }
        Ok(())
    }
}
