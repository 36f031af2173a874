//! STUB of pids.
use crate::identity::{Incarnation, NodeId, NodeInstance};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
/// An untyped pid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyPid {
    home: Arc<NodeInstance>,
    serial: u64,
}
impl AnyPid {
    /// A pid that is not bound to a node value yet.
    #[must_use]
    pub fn unbound(instance: NodeInstance, serial: u64) -> Self {
        Self {
            home: Arc::new(instance),
            serial,
        }
    }
    /// node
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.home.node
    }
    /// incarnation
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.home.incarnation
    }
    /// instance
    #[must_use]
    pub fn instance(&self) -> &NodeInstance {
        &self.home
    }
    /// serial
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }
}
impl Serialize for AnyPid {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (&*self.home, self.serial).serialize(s)
    }
}
impl<'de> Deserialize<'de> for AnyPid {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (i, s) = <(NodeInstance, u64)>::deserialize(d)?;
        Ok(Self::unbound(i, s))
    }
}
