//! When all is quiet, every node sees exactly what the actors of all nodes hold.
//!
//! ∀ n: members(n) = { (g, p) | p alive, p has joined g more often than left }

use std::collections::BTreeSet;

use crate::invariant::Invariant;
use crate::machines::registry::Node;
use crate::world::World;

/// The check.
#[derive(Debug)]
pub struct RegistryAgreement;

impl Invariant<Node> for RegistryAgreement {
    fn name(&self) -> &'static str {
        "registry agreement"
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        let nodes = || world.alive().into_iter().filter_map(|node| world.machine(node));
        let joined: BTreeSet<_> = nodes()
            .flat_map(|node| node.joins.keys().map(|(group, serial)| (group, node.pid(*serial))))
            .collect();
        let owned: BTreeSet<_> = nodes()
            .flat_map(|node| {
                let own = node.names.facts().own().iter();
                own.map(|(name, claim)| (name, node.pid(claim.serial)))
            })
            .collect();
        for node in nodes() {
            let seen: BTreeSet<_> = node
                .groups
                .groups()
                .flat_map(|group| node.groups.members(group).map(move |pid| (group, pid.clone())))
                .collect();
            if seen != joined {
                let wrong: Vec<_> = seen.symmetric_difference(&joined).take(5).collect();
                return Err(format!("members differ from what was joined: {wrong:?}"));
            }
            let seen: BTreeSet<_> =
                node.names.names().map(|(name, owner)| (name, owner.pid.clone())).collect();
            if seen != owned {
                let wrong: Vec<_> = seen.symmetric_difference(&owned).collect();
                return Err(format!("names differ from what is owned: {wrong:?}"));
            }
        }
        Ok(())
    }
}
