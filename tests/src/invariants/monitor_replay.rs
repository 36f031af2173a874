//! Events play back to the view: from nothing for the node, from its snapshot for each monitor.
//!
//! □ snapshot ⊕ events = members, and no event says what is so already

use std::collections::{BTreeMap, BTreeSet};

use starlings_registry::Key;
use starlings_registry::proto::groups::{self, Change, MonitorId, Target};
use starlings_runtime::{AnyPid, NodeInstance};

use crate::invariant::Invariant;
use crate::machines::registry::{Event, Node};
use crate::world::{Step, World};

type Members = BTreeSet<(Key, AnyPid)>;

/// What one listener holds to be true.
#[derive(Debug)]
struct Replay {
    target: Target,
    members: Members,
}

/// The check.
#[derive(Debug, Default)]
pub struct MonitorReplay {
    /// `None` stands for the node's own view.
    replays: BTreeMap<(NodeInstance, Option<MonitorId>), Replay>,
}

impl Replay {
    fn play(&mut self, event: &groups::Event) -> Result<(), String> {
        let fact = (event.group.clone(), event.pid.clone());
        let news = match event.change {
            Change::Joined => self.members.insert(fact),
            Change::Left => self.members.remove(&fact),
        };
        if news { Ok(()) } else { Err(format!("{event:?} says what was so already")) }
    }

    fn compare(&self, node: &Node) -> Result<(), String> {
        let pids = |group: &Key| {
            let group = group.clone();
            node.groups.members(&group).map(|pid| (group.clone(), pid.clone())).collect::<Vec<_>>()
        };
        let seen: Members = match &self.target {
            Target::Group(group) => pids(group).into_iter().collect(),
            Target::Scope => node.groups.groups().flat_map(pids).collect(),
        };
        let wrong: Vec<_> = seen.symmetric_difference(&self.members).take(5).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("view and events differ in {wrong:?}")) }
    }
}

impl MonitorReplay {
    fn on_event(&mut self, me: &NodeInstance, event: &Event) -> Result<(), String> {
        match event {
            Event::RegistriesRestarted => self.replays.retain(|(node, _), _| node != me),
            Event::Monitored(id, target, snapshot) => {
                let members = snapshot.iter().cloned().collect();
                let replay = Replay { target: target.clone(), members };
                self.replays.insert((me.clone(), Some(*id)), replay);
            }
            Event::Demonitored(id) => {
                self.replays.remove(&(me.clone(), Some(*id)));
            }
            Event::Group(event) => {
                let view = || Replay { target: Target::Scope, members: Members::new() };
                self.replays.entry((me.clone(), None)).or_insert_with(view).play(event)?;
                for id in &event.monitors {
                    let replay = self.replays.get_mut(&(me.clone(), Some(*id)));
                    replay.ok_or("an event for a monitor that is gone")?.play(event)?;
                }
            }
            Event::Name(_)
            | Event::Spawned(_)
            | Event::Exited(_)
            | Event::Joined(..)
            | Event::LeftOnce(..)
            | Event::Registered(..)
            | Event::Refused(_)
            | Event::Unregistered(_) => {}
        }
        Ok(())
    }
}

impl Invariant<Node> for MonitorReplay {
    fn name(&self) -> &'static str {
        "monitor replay"
    }

    fn after_step(&mut self, world: &World<Node>, step: &Step<Node>) -> Result<(), String> {
        for event in &step.events {
            self.on_event(&step.instance, event)?;
        }
        let Some(node) = world.machine(step.node) else {
            return Ok(());
        };
        let mut last = BTreeMap::new();
        for event in &step.events {
            if let Event::Group(event) = event {
                last.insert((&event.group, &event.pid), event.change);
            }
        }
        for ((group, pid), change) in last {
            let is_member = node.groups.has_member(group, pid);
            if is_member != (change == Change::Joined) {
                return Err(format!("{pid:?} {change:?} {group}, and the view says otherwise"));
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, world: &World<Node>) -> Result<(), String> {
        for index in world.alive() {
            let (Some(node), Some(me)) = (world.machine(index), world.instance(index)) else {
                continue;
            };
            let mine = self.replays.iter().filter(|((life, _), _)| life == me);
            mine.map(|(_, replay)| replay).try_for_each(|replay| replay.compare(node))?;
        }
        Ok(())
    }
}
