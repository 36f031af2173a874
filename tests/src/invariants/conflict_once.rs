//! Whoever loses a name without giving it up hears of it, once; nobody else does.
//!
//! □ (conflict(name, loser) → loser held name until then ∧ the winner is of another node)
//! □ ¬(registration x lost to y ∧ y lost to x)
//! at rest: (p has registered name, and was told nothing since → whereis(name) = p)

use std::collections::{BTreeMap, BTreeSet};

use starlings_registry::Key;
use starlings_registry::proto::names;
use starlings_runtime::{AnyPid, NodeInstance};

use crate::invariant::Invariant;
use crate::machines::registry::{Event, Node};
use crate::world::{Step, World};

/// The check.
#[derive(Debug, Default)]
pub struct ConflictOnce {
    /// Who believes to have which name.
    held: BTreeMap<(NodeInstance, Key), AnyPid>,
    registrations: u64,
    /// The last registration of a name by a pid.
    last: BTreeMap<(Key, AnyPid), u64>,
    /// Which registration lost to which.
    lost: BTreeSet<(Option<u64>, Option<u64>)>,
}

impl ConflictOnce {
    fn on_event(&mut self, me: &NodeInstance, event: &Event) -> Result<(), String> {
        match event {
            Event::Registered(name, pid) => {
                self.held.insert((me.clone(), name.clone()), pid.clone());
                self.registrations += 1;
                self.last.insert((name.clone(), pid.clone()), self.registrations);
            }
            Event::Unregistered(name) => {
                self.held.remove(&(me.clone(), name.clone()));
            }
            Event::RegistriesRestarted => self.held.retain(|(node, _), _| node != me),
            Event::Exited(dead) => self.held.retain(|_, pid| pid != dead),
            Event::Name(
                names::Event::Conflict { name, loser, winner }
                | names::Event::Moved { name, from: loser, to: winner },
            ) => return self.on_loss(me, name, loser, winner),
            Event::Name(names::Event::Changed { .. })
            | Event::Group(_)
            | Event::Spawned(_)
            | Event::Joined(..)
            | Event::LeftOnce(..)
            | Event::Refused(_)
            | Event::Monitored(..)
            | Event::Demonitored(_) => {}
        }
        Ok(())
    }

    fn on_loss(
        &mut self,
        me: &NodeInstance,
        name: &Key,
        loser: &AnyPid,
        winner: &AnyPid,
    ) -> Result<(), String> {
        let held = self.held.remove(&(me.clone(), name.clone()));
        if held.as_ref() != Some(loser) {
            return Err(format!("{loser:?} lost {name}, which {held:?} had"));
        }
        if winner.instance() == me {
            return Err(format!("{winner:?} of the same node won {name}"));
        }
        let last = |pid: &AnyPid| self.last.get(&(name.clone(), pid.clone())).copied();
        let (loser_at, winner_at) = (last(loser), last(winner));
        if self.lost.contains(&(winner_at, loser_at)) {
            return Err(format!("{loser:?} and {winner:?} lost {name} to each other"));
        }
        self.lost.insert((loser_at, winner_at));
        Ok(())
    }
}

impl Invariant<Node> for ConflictOnce {
    fn name(&self) -> &'static str {
        "conflict once"
    }

    fn after_step(&mut self, _: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        step.events.iter().try_for_each(|event| self.on_event(&step.instance, event))
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        for index in world.alive() {
            let (Some(node), Some(me)) = (world.machine(index), world.instance(index)) else {
                continue;
            };
            for ((_, name), pid) in self.held.iter().filter(|((node, _), _)| node == me) {
                let owner = node.names.whereis(name).map(|owner| &owner.pid);
                if owner != Some(pid) {
                    return Err(format!("{pid:?} lost {name} to {owner:?} and was not told"));
                }
            }
        }
        Ok(())
    }
}
