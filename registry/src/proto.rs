//! The decisions of the registries: pure, so that the whole of them is simulated.
//!
//! Time is an argument: the time since any fixed moment of this node, never going back. A driver
//! hands in what happens, drains the outbox, and calls again at the deadline.

pub mod groups;
pub mod names;
pub mod replication;

use starlings_runtime::NodeInstance;

/// What a state machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<M, E> {
    /// Send a message to these nodes; to none if the session with one has ended.
    Send {
        /// To whom: at least one node.
        to: Vec<NodeInstance>,
        /// What.
        message: M,
    },
    /// Tell whoever keeps views or listens.
    Event(E),
}

/// What happens to a state machine from outside, its own user's commands apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<M> {
    /// A message came in.
    Received {
        /// From this life of a node.
        from: NodeInstance,
        /// What it says.
        message: M,
    },
    /// A session with this life of a node is made.
    NodeUp(NodeInstance),
    /// The session with it has ended.
    NodeDown(NodeInstance),
    /// The deadline has passed.
    Elapsed,
}
