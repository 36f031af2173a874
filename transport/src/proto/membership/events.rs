//! What a member is told, and what comes of it.

use starlings_runtime::{Incarnation, NodeId, NodeInstance};

use super::wire::Address;

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A datagram came in, from wherever. Any bytes: what is not understood is counted.
    Received(Vec<u8>),
    /// Find the cluster through these. They stay known, and are asked now and then while no member has
    /// such an address.
    Join(Vec<Address>),
    /// Tell the others that this node leaves.
    Leave,
    /// The driver finds that datagrams wait before they are handled: this node is slow.
    Behind,
    /// The deadline has come.
    Elapsed,
}

/// What is to be done, or is to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram. It may be lost.
    Send {
        /// Where to.
        to: Address,
        /// What.
        bytes: Vec<u8>,
    },
    /// A member is there.
    Up {
        /// Which life of which node.
        member: NodeInstance,
        /// Where it is.
        address: Address,
    },
    /// A member is accused by one more. For inspection only.
    Suspected {
        /// Which.
        member: NodeInstance,
        /// By whom.
        accuser: NodeId,
    },
    /// A member that was up is not any more.
    Down {
        /// Which.
        member: NodeInstance,
        /// Why.
        reason: Reason,
    },
    /// The leave is told. Nothing is sent or taken any more.
    Left,
    /// Another life of this node's name is known that is later: others listen to that one.
    Superseded {
        /// Which.
        by: Incarnation,
    },
}

/// Why a member is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// These could not reach it, and it has not refuted that in time.
    Verdict {
        /// At least two, in a cluster of three and more, unless this member hears nobody else any more.
        accusers: Vec<NodeId>,
    },
    /// It said so.
    Left,
    /// A later life of the node is there.
    Superseded {
        /// Which.
        by: Incarnation,
    },
}

/// What one member has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Datagrams sent.
    pub sent: u64,
    /// Their bytes, without the headers of UDP and IP.
    pub sent_bytes: u64,
    /// Datagrams taken.
    pub received: u64,
    /// Datagrams ignored: no valid tag, another version, or not understood.
    pub bad: u64,
    /// Probes made.
    pub probes: u64,
    /// Those without an answer, direct or through others.
    pub probes_failed: u64,
    /// Suspicions that this member has refuted of itself.
    pub refuted: u64,
    /// Verdicts that this member has come to.
    pub verdicts: u64,
    /// Suspicions that ended without a second accuser.
    pub lapsed: u64,
    /// What was not remembered, passed on or answered because a bound was reached.
    pub dropped: u64,
    /// Times that this member found itself late, and put off what was due.
    pub late: u64,
    /// How this member does: 0 is well, each more makes its probes longer by once their length.
    pub health: u32,
}
