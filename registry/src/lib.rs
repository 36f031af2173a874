//! Process groups and cluster names.
//!
//! [`proto`] decides: pure state machines for groups and for names, both on one engine that
//! replicates the facts of each node to all others. [`wire`] is what they say to each other.

mod driver;
mod groups;
mod key;
mod names;
pub mod proto;
pub mod wire;

pub use groups::{GroupEvent, Groups, GroupsError, GroupsServer};
pub use key::{KEY_BYTES_MAX, Key, KeyError, METADATA_BYTES_MAX, Metadata};
pub use names::{NameConflict, Names, NamesError, NamesServer, OnConflict};
pub use proto::groups::{Change, GroupError, MonitorId, TooManyMonitors};
pub use proto::names::NameError;

use starlings_runtime::Node;

/// The scope that every node runs.
pub const DEFAULT_SCOPE: &str = "default";

/// The groups and names of a node.
pub trait Registry {
    /// The process groups of the default scope.
    fn groups(&self) -> Groups;

    /// The cluster's names of the default scope.
    fn names(&self) -> Names;
}

impl Registry for Node {
    fn groups(&self) -> Groups {
        Groups::of(self, DEFAULT_SCOPE)
    }

    fn names(&self) -> Names {
        Names::of(self, DEFAULT_SCOPE)
    }
}
