//! What a pipe knows of who is at the other end of a connection.

use std::fmt;

use starlings_runtime::NodeId;

/// Which nodes the other end of a connection may be, by the names that it proved to have.
///
/// A session asks it once the other end has said which node it is, and refuses a node that is not
/// allowed.
pub struct PeerIdentity {
    names: Vec<String>,
    allows: Box<dyn Fn(&NodeId) -> bool + Send + Sync>,
}

impl PeerIdentity {
    /// An identity with these names, for logs, and the rule of which nodes they stand for. The rule
    /// must not block.
    #[must_use]
    pub fn new(
        names: Vec<String>,
        allows: impl Fn(&NodeId) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { names, allows: Box::new(allows) }
    }

    /// The names that the other end proved to have.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the other end may be this node.
    #[must_use]
    pub fn allows(&self, node: &NodeId) -> bool {
        (self.allows)(node)
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity").field("names", &self.names).finish_non_exhaustive()
    }
}
