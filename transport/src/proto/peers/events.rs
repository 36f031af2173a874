//! What happens to [`State`](super::State), and what it wants done.

use starlings_runtime::{DownReason, NodeId, NodeInstance};

use crate::proto::handshake::Claim;
use crate::wire::Refusal;

/// A dial or session, among those with one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Which end we are.
    pub side: Side,
    /// The dialler's random name for it.
    pub id: u64,
}

/// Which end of a session this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// We dialled.
    Dialled,
    /// The peer did.
    Accepted,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// This node wants a session. `id` names it if a dial is needed. Answered with
    /// [`Output::Dial`], [`Output::Busy`] or [`Output::Connected`].
    Connect {
        /// With whom.
        node: NodeId,
        /// Random, and new.
        id: u64,
        /// How many lanes it is going to have at most.
        lanes: u8,
    },
    /// This node wants the session gone.
    Disconnect(NodeId),
    /// This life of a node is known to be over. Its session ends, if there is one; that of a later life
    /// does not.
    Lost(NodeInstance),
    /// A dialler has proved itself. Answered with [`Output::Admitted`] or [`Output::Refused`].
    Claimed(Claim),
    /// The peer has challenged our dial.
    Challenged {
        /// Whom we dial.
        node: NodeId,
        /// Which dial.
        key: SessionKey,
    },
    /// The handshake of one lane is done.
    Joined {
        /// Who is at the other end.
        peer: NodeInstance,
        /// Of which session.
        key: SessionKey,
        /// Which lane.
        lane: u8,
        /// How many lanes both ends agreed on.
        lanes: u8,
    },
    /// An attempt came to nothing. Late ones do no harm.
    Failed {
        /// With whom.
        node: NodeId,
        /// Which one.
        key: SessionKey,
    },
    /// A live session is over, and its down is about to be reported: who asks for one from now on gets
    /// another.
    Ending {
        /// With whom.
        node: NodeId,
        /// Which one.
        key: SessionKey,
    },
    /// A live session ended, and its down has been reported.
    Ended {
        /// With whom.
        node: NodeId,
        /// Which one.
        key: SessionKey,
    },
    /// The node shuts down.
    Stop,
    /// The deadline has come.
    Elapsed,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Dial all lanes, the control lane first.
    Dial {
        /// Whom.
        node: NodeId,
        /// As which session.
        key: SessionKey,
    },
    /// Something is under way; ask again.
    Busy,
    /// There is a session.
    Connected,
    /// The lane may be welcomed.
    Admitted,
    /// The lane may not.
    Refused(Refusal),
    /// Drop all sockets of an attempt. It is over; no word of it is needed.
    Abandon {
        /// With whom.
        node: NodeId,
        /// Which one.
        key: SessionKey,
    },
    /// End a live session. [`Input::Ended`] is to follow.
    Close {
        /// With whom.
        node: NodeId,
        /// Which one.
        key: SessionKey,
        /// Why.
        reason: DownReason,
    },
    /// An attempt has become the live session: report it up, then let its lanes carry frames.
    Up {
        /// With whom.
        peer: NodeInstance,
        /// Which one.
        key: SessionKey,
    },
}
