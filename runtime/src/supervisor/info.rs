//! What a supervisor tells of its children.

use serde::{Deserialize, Serialize};

use super::Supervisor;
use super::adopted::Adopted;
use crate::pid::AnyPid;
use crate::proto::supervision::{Child, Life};

/// What is known of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildInfo {
    /// Its id; of a dynamic child its pid as text.
    pub id: String,
    /// Its pid, unless it is starting or stopped.
    pub pid: Option<AnyPid>,
    /// The name of its type.
    pub type_name: String,
    /// How often it was restarted.
    pub restarts: u64,
    /// Whether it is a supervisor itself.
    pub is_supervisor: bool,
    /// Where it is in its life.
    pub state: ChildState,
}

/// Where a child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChildState {
    /// Its `init` is under way.
    Starting,
    /// It runs.
    Running,
    /// Its stop is under way.
    Stopping,
    /// It has ended, or did not start, and will be started again.
    Restarting,
    /// It is started again only if somebody asks, or with its group.
    Stopped,
}

/// How many children a supervisor has. Source: `supervisor:count_children/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildCounts {
    /// Children, running or not.
    pub specs: u64,
    /// Children that run.
    pub active: u64,
    /// Children that are supervisors, running or not.
    pub supervisors: u64,
    /// Children that are not, running or not.
    pub workers: u64,
}

impl Supervisor {
    pub(super) fn infos(&self) -> Vec<ChildInfo> {
        let children = self.state.children().iter();
        let infos = children.filter_map(|(key, child)| Some(info(child, self.specs.get(&key)?)));
        infos.collect()
    }

    pub(super) fn counts(&self) -> ChildCounts {
        let (specs, tally) = (self.state.children().len(), self.state.children().tally());
        ChildCounts {
            specs: specs as u64,
            active: tally.running as u64,
            supervisors: tally.supervisors as u64,
            workers: (specs - tally.supervisors) as u64,
        }
    }
}

fn info(child: &Child, adopted: &Adopted) -> ChildInfo {
    let pid = child.life.pid().cloned();
    let text = || pid.as_ref().map_or_else(|| "restarting".to_owned(), ToString::to_string);
    ChildInfo {
        id: child.rules.id.as_deref().map_or_else(text, ToOwned::to_owned),
        type_name: adopted.spec.type_name.to_owned(),
        restarts: child.restarts,
        is_supervisor: child.rules.is_supervisor,
        state: match child.life {
            Life::Starting => ChildState::Starting,
            Life::Running { .. } => ChildState::Running,
            Life::Stopping { .. } => ChildState::Stopping,
            Life::Ended { .. } | Life::Retrying | Life::Waiting { .. } => ChildState::Restarting,
            Life::Stopped => ChildState::Stopped,
        },
        pid,
    }
}
