//! The names of one node: `register`, `whereis`, `unregister`. Names of the cluster are the
//! registry's.

use std::collections::{BTreeMap, BTreeSet};

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::pid::AnyPid;

/// Longest local name. Bytes. Longer ones are refused.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a name was not registered. The names are unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another actor holds it.
    #[error("the name is taken by {0}")]
    Taken(AnyPid),
    /// The actor has ended.
    #[error("no such actor")]
    NoProc,
    /// The pid is of another node.
    #[error("{0} does not live on this node")]
    NotLocal(AnyPid),
    /// The name is empty or longer than 255 bytes.
    #[error("a name has 1 to 255 bytes")]
    BadName,
}

/// Names to pids, readable without a lock of the whole.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    pids: DashMap<String, AnyPid, foldhash::fast::RandomState>,
    held: Mutex<BTreeMap<u64, BTreeSet<String>>>,
}

impl NameTable {
    pub(crate) fn register(&self, name: &str, pid: &AnyPid) -> Result<(), RegisterError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(RegisterError::BadName);
        }
        let mut held = self.held.lock();
        if let Some(owner) = self.find(name) {
            return if owner == *pid { Ok(()) } else { Err(RegisterError::Taken(owner)) };
        }
        self.pids.insert(name.to_owned(), pid.clone());
        held.entry(pid.serial()).or_default().insert(name.to_owned());
        Ok(())
    }

    pub(crate) fn unregister(&self, name: &str) -> bool {
        let mut held = self.held.lock();
        let Some((_, pid)) = self.pids.remove(name) else {
            return false;
        };
        if let Some(names) = held.get_mut(&pid.serial()) {
            names.remove(name);
            if names.is_empty() {
                held.remove(&pid.serial());
            }
        }
        true
    }

    pub(crate) fn find(&self, name: &str) -> Option<AnyPid> {
        self.pids.get(name).map(|pid| pid.clone())
    }

    /// Gives up all names of an actor that has ended.
    pub(crate) fn forget(&self, serial: u64) {
        let mut held = self.held.lock();
        for name in held.remove(&serial).into_iter().flatten() {
            self.pids.remove(&name);
        }
    }

    /// All names and who holds them, by name.
    pub(crate) fn list(&self) -> Vec<(String, AnyPid)> {
        let held = self.held.lock();
        let names: BTreeSet<&String> = held.values().flatten().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.find(name)?))).collect()
    }
}
