//! Why a run has no output.

use serde::{Deserialize, Serialize};

use crate::error::{CallError, CastError, Listed, SpawnError};
use crate::identity::NodeId;
use crate::reason::ExitReason;

/// Why a run of a function has no output. [`RunError::is_retry_safe`] tells those that surely left
/// the function alone from those after which it may have run, or may still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// That node does not know the function. It did not run.
    #[error("{name:?} is not a function of {node}; it knows: {}", Listed(known))]
    NotRunnable {
        /// Where it was to run.
        node: NodeId,
        /// Which function.
        name: String,
        /// The functions that node knows.
        known: Vec<String>,
    },
    /// The arguments do not encode or decode, are too large for a frame, or the function has another
    /// schema there. It did not run.
    #[error("bad arguments: {0}")]
    BadArguments(String),
    /// The lane to that node is full. It did not run.
    #[error("overloaded")]
    Overloaded,
    /// That node is shutting down. It did not run.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The function panicked with this message.
    #[error("the function panicked: {0}")]
    Panicked(String),
    /// The run was killed or stopped for this reason. It may have run in part.
    #[error("the run went down: {0}")]
    Down(ExitReason),
    /// The function ran; its output does not encode or decode, or is too large for a frame.
    #[error("bad output: {0}")]
    BadOutput(String),
    /// The session with that node was lost before the answer came, or could not be made. It may have
    /// run, or may still.
    #[error("no connection to {0}")]
    NoConnection(NodeId),
    /// No answer before the deadline. It may have run, or may still.
    #[error("no answer within the timeout")]
    Timeout,
    /// That node does not run this function for us. It did not run.
    #[error("{0} does not run this for us")]
    NotAllowed(NodeId),
}

impl RunError {
    /// Whether the function surely did not run, so that running it again cannot do it twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        match self {
            Self::NotRunnable { .. }
            | Self::NotAllowed(_)
            | Self::BadArguments(_)
            | Self::Overloaded
            | Self::ShuttingDown => true,
            Self::Panicked(_)
            | Self::Down(_)
            | Self::BadOutput(_)
            | Self::NoConnection(_)
            | Self::Timeout => false,
        }
    }

    /// The name of the variant.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotRunnable { .. } => "NotRunnable",
            Self::NotAllowed(_) => "NotAllowed",
            Self::BadArguments(_) => "BadArguments",
            Self::Overloaded => "Overloaded",
            Self::ShuttingDown => "ShuttingDown",
            Self::Panicked(_) => "Panicked",
            Self::Down(_) => "Down",
            Self::BadOutput(_) => "BadOutput",
            Self::NoConnection(_) => "NoConnection",
            Self::Timeout => "Timeout",
        }
    }

    /// What the asker hears of a run that ended without an output.
    pub(crate) fn from_end(reason: &ExitReason) -> Self {
        if let ExitReason::Panic(message) = reason {
            return Self::Panicked(message.clone());
        }
        Self::Down(reason.clone())
    }

    /// What the asker hears of a run that did not start.
    pub(crate) fn from_start(error: SpawnError) -> Self {
        if let SpawnError::InitFailed(reason) = error {
            return Self::from_end(&reason);
        }
        if error == SpawnError::ShuttingDown {
            return Self::ShuttingDown;
        }
        Self::Down(ExitReason::error(error))
    }

    /// A request that was not sent to `place`.
    pub(crate) fn from_unsent(error: CastError, place: &NodeId) -> Self {
        match error {
            CastError::Overloaded => Self::Overloaded,
            CastError::BadMessage(why) => Self::BadArguments(why),
            CastError::TooLarge { .. } => Self::BadArguments(error.to_string()),
            // Another life of the node took the place of the one that was to run it.
            CastError::NoProc => Self::NoConnection(place.clone()),
            CastError::NoConnection(node) => Self::NoConnection(node),
        }
    }

    /// An answer that is none of a run: from the loss of the session, or from a peer that misbehaves.
    pub(crate) fn from_call(error: CallError, place: &NodeId) -> Self {
        match error {
            CallError::NoConnection(node) => Self::NoConnection(node),
            CallError::NoProc => Self::NoConnection(place.clone()),
            CallError::Down(reason) => Self::Down(reason),
            CallError::Overloaded => Self::Overloaded,
            CallError::Timeout => Self::Timeout,
            CallError::BadMessage(why) => Self::BadOutput(why),
            CallError::TooLarge { .. } => Self::BadOutput(error.to_string()),
        }
    }
}
