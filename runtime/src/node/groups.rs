//! The port to process groups, so that a spawn can join one: groups themselves are the registry's.

use std::fmt;
use std::sync::Arc;

use super::Node;
use crate::error::SpawnError;
use crate::pid::AnyPid;

/// How an actor joins a group of its node as it is spawned.
pub trait JoinGroup: Send + Sync + fmt::Debug + 'static {
    /// Joins a local actor to a group of a scope; `None` is the default scope.
    ///
    /// # Errors
    /// What is wrong with the scope or the group. Nothing has changed.
    fn join(
        &self,
        node: &Node,
        scope: Option<&str>,
        group: &str,
        pid: &AnyPid,
    ) -> Result<(), String>;
}

/// A group that a spawn asks for: its scope, unless it is the default one, and its key.
pub(crate) type GroupName = (Option<String>, String);

impl Node {
    /// Gives the node its process groups, once; `false` if it has them.
    pub fn set_groups(&self, groups: Arc<dyn JoinGroup>) -> bool {
        self.0.groups.set(groups).is_ok()
    }

    pub(crate) fn join(&self, (scope, group): &GroupName, pid: &AnyPid) -> Result<(), SpawnError> {
        let refused = |why: &str| SpawnError::BadArguments(format!("group {group:?}: {why}"));
        let groups = self.0.groups.get().ok_or_else(|| refused("this node has no groups"))?;
        groups.join(self, scope.as_deref(), group, pid).map_err(|why| refused(&why))
    }
}
