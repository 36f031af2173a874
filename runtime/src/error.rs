//! The errors of sending, calling and spawning.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::identity::NodeId;
use crate::reason::ExitReason;
use crate::remote::carrier::OutletError;

/// Why a cast was not sent. The message was not enqueued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CastError {
    /// The local actor has ended, or never was.
    #[error("no such actor")]
    NoProc,
    /// Its mailbox, or the lane to its node, is full.
    #[error("overloaded")]
    Overloaded,
    /// There is no session with its node, and none can be made.
    #[error("no connection to {0}")]
    NoConnection(NodeId),
    /// The message cannot be encoded, or its schema is not that of the actor at the other end.
    #[error("bad message: {0}")]
    BadMessage(String),
    /// Encoded, the message is larger than what a node takes from another one.
    #[error("{bytes} bytes are more than the {bytes_max} of a message between nodes")]
    TooLarge {
        /// Its size. Bytes, with its header.
        bytes: usize,
        /// The limit. Lower while its node is being connected to, as it is kept until then.
        bytes_max: usize,
    },
}

impl CastError {
    pub(crate) fn from_outlet(error: OutletError, node: &NodeId) -> Self {
        match error {
            OutletError::Encode(why) => Self::BadMessage(why),
            OutletError::TooLarge { bytes, bytes_max } => Self::TooLarge { bytes, bytes_max },
            OutletError::Overloaded => Self::Overloaded,
            OutletError::Closed | OutletError::Idle => Self::NoConnection(node.clone()),
        }
    }

    /// What is wrong with the message itself, so that whoever waits for it has to be told: otherwise the
    /// session is gone, and they know.
    pub(crate) fn unsendable(self) -> Option<String> {
        match self {
            Self::BadMessage(why) => Some(why),
            Self::TooLarge { .. } => Some(self.to_string()),
            Self::NoProc | Self::Overloaded | Self::NoConnection(_) => None,
        }
    }

    /// The name of the variant.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoProc => "NoProc",
            Self::Overloaded => "Overloaded",
            Self::NoConnection(_) => "NoConnection",
            Self::BadMessage(_) => "BadMessage",
            Self::TooLarge { .. } => "TooLarge",
        }
    }
}

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer before the deadline. It may have been carried out, or may still be.
    #[error("no answer within the timeout")]
    Timeout,
    /// There is no such actor. The call was not carried out.
    #[error("no such actor")]
    NoProc,
    /// The actor ended before it answered. It may have been carried out.
    #[error("the actor went down: {0}")]
    Down(ExitReason),
    /// The session with its node was lost before the answer came, or could not be made. It may have
    /// been carried out.
    #[error("no connection to {0}")]
    NoConnection(NodeId),
    /// The actor's mailbox, or the lane to its node, is full. The call was not carried out.
    #[error("overloaded")]
    Overloaded,
    /// The call or the reply does not encode or decode, or the schemas differ. A call refused for
    /// this was not carried out.
    #[error("bad message: {0}")]
    BadMessage(String),
    /// Encoded, the call is larger than what a node takes from another one. It was not carried out.
    /// Known where it is sent, so that it is no answer of another node; a reply that is too large is a
    /// `BadMessage`.
    #[error("{bytes} bytes are more than the {bytes_max} of a message between nodes")]
    TooLarge {
        /// Its size. Bytes, with its header.
        bytes: usize,
        /// The limit. Lower while its node is being connected to, as it is kept until then.
        bytes_max: usize,
    },
}

impl CallError {
    /// Whether the call was surely not carried out, so that calling again cannot do it twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        matches!(self, Self::NoProc | Self::Overloaded)
    }

    /// The name of the variant.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout => "Timeout",
            Self::NoProc => "NoProc",
            Self::Down(_) => "Down",
            Self::NoConnection(_) => "NoConnection",
            Self::Overloaded => "Overloaded",
            Self::BadMessage(_) => "BadMessage",
            Self::TooLarge { .. } => "TooLarge",
        }
    }
}

impl From<CastError> for CallError {
    fn from(error: CastError) -> Self {
        match error {
            CastError::NoProc => Self::NoProc,
            CastError::Overloaded => Self::Overloaded,
            CastError::NoConnection(node) => Self::NoConnection(node),
            CastError::BadMessage(why) => Self::BadMessage(why),
            CastError::TooLarge { bytes, bytes_max } => Self::TooLarge { bytes, bytes_max },
        }
    }
}

/// Why a spawn failed. There is no child, no link, no monitor and no `Down`, but for `Timeout` and
/// `NoConnection`: there the child may exist, and dies if it was asked for with a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// That node does not know the type, or the function.
    #[error("{name:?} is not spawnable on {node}; it knows: {}", Listed(known))]
    NotSpawnable {
        /// Where it was asked for.
        node: NodeId,
        /// What was asked for.
        name: String,
        /// What can be had there, types and functions.
        known: Vec<String>,
    },
    /// That node does not spawn this type for us.
    #[error("{0} does not spawn this for us")]
    NotAllowed(NodeId),
    /// `init` failed, panicked or was killed.
    #[error("init failed: {0}")]
    InitFailed(ExitReason),
    /// The arguments do not decode as those of the type.
    #[error("bad arguments: {0}")]
    BadArguments(String),
    /// The name asked for is taken on that node.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// There is no session with that node, and none can be made; or it was lost.
    #[error("no connection to {0}")]
    NoConnection(NodeId),
    /// The lane to that node is full.
    #[error("overloaded")]
    Overloaded,
    /// `init` did not end in time. The child is killed if the timeout struck on its own node.
    #[error("init took too long")]
    Timeout,
    /// The node is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The placement of a child found no node for it.
    #[error("no node fits the placement of {name:?}")]
    NoPlace {
        /// The name of its type.
        name: String,
    },
}

impl SpawnError {
    /// The name of the variant.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotSpawnable { .. } => "NotSpawnable",
            Self::NotAllowed(_) => "NotAllowed",
            Self::InitFailed(_) => "InitFailed",
            Self::BadArguments(_) => "BadArguments",
            Self::NameTaken(_) => "NameTaken",
            Self::NoConnection(_) => "NoConnection",
            Self::Overloaded => "Overloaded",
            Self::Timeout => "Timeout",
            Self::ShuttingDown => "ShuttingDown",
            Self::NoPlace { .. } => "NoPlace",
        }
    }
}

impl From<CastError> for SpawnError {
    fn from(error: CastError) -> Self {
        match error {
            CastError::NoProc => Self::InitFailed(ExitReason::NoProc),
            CastError::Overloaded => Self::Overloaded,
            CastError::NoConnection(node) => Self::NoConnection(node),
            CastError::BadMessage(why) => Self::BadArguments(why),
            CastError::TooLarge { .. } => Self::BadArguments(error.to_string()),
        }
    }
}

/// Names as people read them.
pub(crate) struct Listed<'a>(pub(crate) &'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(", ")) }
    }
}
