//! A node reads its own writes at once.
//!
//! □ (registered(n, name, p) → whereis(n, name) = p), and so for joins, leaves and deaths

use crate::invariant::Invariant;
use crate::machines::registry::{Event, Node};
use crate::world::{Step, World};

/// The check.
#[derive(Debug)]
pub struct RegistryOwnWrites;

impl Invariant<Node> for RegistryOwnWrites {
    fn name(&self) -> &'static str {
        "own writes"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        let Some(node) = world.machine(step.node) else {
            return Ok(());
        };
        let owner = |name| node.names.whereis(name).map(|owner| &owner.pid);
        let wrong = step.events.iter().find(|event| match event {
            Event::Registered(name, pid) => owner(name) != Some(pid),
            Event::Unregistered(name) => {
                owner(name).is_some_and(|pid| *pid.instance() == step.instance)
            }
            Event::Joined(group, pid) => !node.groups.has_member(group, pid),
            Event::LeftOnce(group, pid) => {
                let still = node.joins.contains_key(&(group.clone(), pid.serial()));
                node.groups.has_member(group, pid) != still
            }
            Event::Exited(pid) => {
                let mut members = node.groups.groups().flat_map(|g| node.groups.members(g));
                members.any(|m| m == pid) || node.names.names().any(|(_, o)| o.pid == *pid)
            }
            Event::Group(_)
            | Event::Name(_)
            | Event::Spawned(_)
            | Event::Refused(_)
            | Event::Monitored(..)
            | Event::Demonitored(_)
            | Event::RegistriesRestarted => false,
        });
        wrong.map_or(Ok(()), |event| Err(format!("{event:?} does not show")))
    }
}
