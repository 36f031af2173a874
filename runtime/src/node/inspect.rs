//! What is known of an actor, for people who look.

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
    /// Messages accepted and not yet taken in hand.
    pub mailbox_len: u64,
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
        let names = self.registered().into_iter().filter(|(_, owner)| *owner == pid);
        let info = cell.core().with_bonds(|bonds| ActorInfo {
            pid: pid.clone(),
            type_name: cell.core().type_name().to_owned(),
            mailbox_len: cell.mailbox_len(),
            links: bonds.links().cloned().collect(),
            monitors: bonds.monitors_count() as u64,
            watchers: bonds.watchers_count() as u64,
            names: names.map(|(name, _)| name).collect(),
        });
        info.ok()
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
