//! What is known of an actor, for people who look.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::pid::AnyPid;

/// A local actor at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorInfo {
    /// Who.
    pub pid: AnyPid,
    /// The wire name of its type, or its Rust name.
    pub type_name: String,
    /// Messages accepted and not yet taken in hand, of `mailbox_capacity` at most.
    pub mailbox_len: u64,
    /// Messages its mailbox holds.
    pub mailbox_capacity: u64,
    /// For how long the oldest of them has waited at least; `None` if none waits. Counted from the first
    /// look at it by this function, or from when 64 waited, since a clock for each would cost too much.
    pub oldest: Option<Duration>,
    /// Messages taken out of the mailbox since it began, with those that were put off.
    pub handled: u64,
    /// Messages that wait for their guard: as many as the mailbox holds at most.
    pub postponed: u64,
    /// Messages that its overflow policy dropped.
    pub dropped: u64,
    /// Who spawned it linked to itself.
    pub parent: Option<AnyPid>,
    /// Whether exits come to it as events.
    pub traps_exits: bool,
    /// Whom it is linked with.
    pub links: Vec<AnyPid>,
    /// How many actors it monitors.
    pub monitors: u64,
    /// How often it is monitored.
    pub watchers: u64,
    /// Its local names.
    pub names: Vec<String>,
}

impl Node {
    /// What is known of a local actor; `None` if there is none.
    #[must_use]
    pub fn actor_info(&self, pid: &AnyPid) -> Option<ActorInfo> {
        let pid = self.bind(pid);
        let cell = self.cell(pid.serial()).filter(|_| pid.is_local())?;
        let fill = cell.fill();
        let names = self.registered().into_iter().filter(|(_, owner)| *owner == pid);
        let info = cell.core().with_bonds(|bonds| ActorInfo {
            pid: pid.clone(),
            type_name: cell.core().type_name().to_owned(),
            mailbox_len: fill.len,
            mailbox_capacity: fill.capacity,
            oldest: fill.oldest,
            handled: fill.handled,
            postponed: fill.postponed,
            dropped: fill.dropped,
            parent: cell.core().parent().cloned(),
            traps_exits: bonds.traps_exits(),
            links: bonds.links().cloned().collect(),
            monitors: bonds.monitors_count() as u64,
            watchers: bonds.watchers_count() as u64,
            names: names.map(|(name, _)| name).collect(),
        });
        info.ok()
    }

    /// How many timers are set here: by actors, by delayed casts, and by calls that wait.
    #[must_use]
    pub fn timers_count(&self) -> usize {
        self.timers().len()
    }

    /// How many answers of other nodes are waited for here: to calls, spawns and runs.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a view of all peers; their order is no matter")]
    pub fn answers_awaited(&self) -> usize {
        self.0.peers.iter().map(|peer| peer.awaited()).sum()
    }

    /// How many actors live here.
    #[must_use]
    pub fn actors_count(&self) -> usize {
        self.cells().iter().filter(|cell| cell.is_actor()).count()
    }

    /// The supervisors that no supervisor sees to: the roots of this node's supervision trees.
    #[must_use]
    pub fn supervision_roots(&self) -> Vec<AnyPid> {
        let supervisor = crate::life::cell::type_name::<crate::supervisor::Supervisor>();
        let mut roots = self.cells();
        roots.retain(|cell| !cell.core().is_supervised() && cell.core().type_name() == supervisor);
        roots.into_iter().map(|cell| cell.core().pid().clone()).collect()
    }
}
