//! What is dead or down is not seen, and does not come back.
//!
//! □ (p seen by n → the life of p's node is up at n)
//! □ (p dead ∧ n has seen p leave → n never sees p join again)

use std::collections::BTreeSet;

use starlings_registry::Key;
use starlings_registry::proto::groups::Change;
use starlings_registry::proto::names;
use starlings_runtime::{AnyPid, NodeInstance};

use crate::invariant::Invariant;
use crate::machines::registry::{Event, Node};
use crate::world::{Input, Step, World};

/// The check.
#[derive(Debug, Default)]
pub struct NoResurrection {
    dead: BTreeSet<AnyPid>,
    /// Who has seen which dead pid leave which group or lose which name.
    gone: BTreeSet<(NodeInstance, Key, AnyPid)>,
}

impl NoResurrection {
    fn seen(&self, node: &Node, step: &Step<Node>, key: &Key, pid: &AnyPid) -> Result<(), String> {
        let up = node.groups.facts().peers().any(|peer| peer == pid.instance());
        if !up && *pid.instance() != step.instance {
            return Err(format!("{pid:?} is seen, and its node is not up"));
        }
        if self.gone.contains(&(step.instance.clone(), key.clone(), pid.clone())) {
            return Err(format!("{pid:?} is dead, had gone from {key}, and is back"));
        }
        Ok(())
    }

    fn unseen(&mut self, world: &World<Node>, step: &Step<Node>, key: &Key, pid: &AnyPid) {
        let lives = world.alive().iter().any(|n| world.instance(*n) == Some(pid.instance()));
        if !lives || self.dead.contains(pid) {
            self.gone.insert((step.instance.clone(), key.clone(), pid.clone()));
        }
    }
}

/// Whether the node knows of a claim of `pid`, beaten or not.
fn claims(node: &Node, name: &Key, pid: &AnyPid) -> bool {
    let copy = node.names.facts().copy_of(pid.instance());
    copy.and_then(|copy| copy.get(name)).is_some_and(|claim| claim.serial == pid.serial())
}

impl Invariant<Node> for NoResurrection {
    fn name(&self) -> &'static str {
        "no resurrection"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        let Some(node) = world.machine(step.node) else {
            return Ok(());
        };
        for event in &step.events {
            if let Event::Exited(pid) = event {
                self.dead.insert(pid.clone());
            }
        }
        for event in &step.events {
            match event {
                Event::Group(event) => match event.change {
                    Change::Joined => self.seen(node, step, &event.group, &event.pid)?,
                    Change::Left => self.unseen(world, step, &event.group, &event.pid),
                },
                Event::Name(names::Event::Changed { name, before, after }) => {
                    if let Some(owner) = before.as_ref().filter(|o| !claims(node, name, &o.pid)) {
                        self.unseen(world, step, name, &owner.pid);
                    }
                    if let Some(owner) = after {
                        self.seen(node, step, name, &owner.pid)?;
                    }
                }
                Event::Name(names::Event::Conflict { .. } | names::Event::Moved { .. })
                | Event::Spawned(_)
                | Event::Exited(_)
                | Event::Joined(..)
                | Event::LeftOnce(..)
                | Event::Registered(..)
                | Event::Refused(_)
                | Event::Unregistered(_)
                | Event::Monitored(..)
                | Event::Demonitored(_)
                | Event::RegistriesRestarted => {}
            }
        }
        if let Input::NodeDown(peer) = &step.input {
            let member = |pid: &&AnyPid| pid.instance() == peer;
            let mut members = node.groups.groups().flat_map(|group| node.groups.members(group));
            let mut owners = node.names.names().map(|(_, owner)| &owner.pid);
            if let Some(pid) = members.find(member).or_else(|| owners.find(member)) {
                return Err(format!("{pid:?} outlives the session with its node"));
            }
        }
        Ok(())
    }
}
