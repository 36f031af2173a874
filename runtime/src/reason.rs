//! Why an actor ended, and why a node went.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest message an exit reason keeps. Bytes. Longer ones are cut, so that a reason always fits in
/// a frame.
pub const REASON_BYTES_MAX: usize = 4096;

/// Why an actor ended.
///
/// Source: OTP exit reasons; see `docs/semantics.md`, "Exits, links, monitors".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitReason {
    /// It had done its work. Does not kill what is linked to it.
    Normal,
    /// It was asked to stop by its supervisor or by the node's shutdown.
    Shutdown,
    /// It was killed, at an await point, without a chance to clean up.
    Killed,
    /// There was no such actor (any more).
    NoProc,
    /// The session with its node was lost, or could not be made.
    NoConnection,
    /// A handler panicked with this message.
    Panic(String),
    /// A handler or `init` returned this error.
    Error(String),
    /// A reason of the program's own.
    Custom {
        /// Which one: a short word that programs match on.
        kind: String,
        /// What people read.
        message: String,
    },
}

impl ExitReason {
    /// An [`ExitReason::Error`] with this message, cut at [`REASON_BYTES_MAX`].
    pub fn error(message: impl fmt::Display) -> Self {
        Self::Error(bounded(message.to_string()))
    }

    /// An [`ExitReason::Custom`], both parts cut at [`REASON_BYTES_MAX`].
    pub fn custom(kind: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::Custom { kind: bounded(kind.into()), message: bounded(message.to_string()) }
    }

    /// The same with its messages cut at [`REASON_BYTES_MAX`]: it must always fit in a frame.
    #[must_use]
    pub(crate) fn bounded(self) -> Self {
        match self {
            Self::Panic(message) => Self::Panic(bounded(message)),
            Self::Error(message) => Self::Error(bounded(message)),
            Self::Custom { kind, message } => {
                Self::Custom { kind: bounded(kind), message: bounded(message) }
            }
            Self::Normal | Self::Shutdown | Self::Killed | Self::NoProc | Self::NoConnection => {
                self
            }
        }
    }

    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(bounded(text.unwrap_or_else(|| "a panic without a message".to_owned())))
    }

    /// Whether an exit for this reason spares linked actors and transient children.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// The name of the variant; of [`ExitReason::Custom`] its own kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Normal => "Normal",
            Self::Shutdown => "Shutdown",
            Self::Killed => "Killed",
            Self::NoProc => "NoProc",
            Self::NoConnection => "NoConnection",
            Self::Panic(_) => "Panic",
            Self::Error(_) => "Error",
            Self::Custom { kind, .. } => kind,
        }
    }

    /// What it says beyond its kind, if anything.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Panic(message) | Self::Error(message) | Self::Custom { message, .. } => {
                Some(message)
            }
            Self::Normal | Self::Shutdown | Self::Killed | Self::NoProc | Self::NoConnection => {
                None
            }
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "{}: {message}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

impl<E: std::error::Error> From<E> for ExitReason {
    fn from(error: E) -> Self {
        Self::error(error)
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > REASON_BYTES_MAX {
        let cut = (0..=REASON_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(cut);
    }
    text
}

/// Why a session with another node ended, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DownReason {
    /// The connection was closed by the other side or by the network.
    Closed,
    /// This side was asked to disconnect.
    Disconnected,
    /// Nothing was heard for longer than the negotiated silent period.
    HeartbeatTimeout,
    /// The two sides did not agree to talk.
    HandshakeFailed(String),
    /// The other side sent what the protocol does not allow.
    ProtocolError(String),
    /// The outgoing queue passed its hard limit.
    Overflow,
    /// The other node, or this one, shut down in order.
    Shutdown,
    /// Neither node had needed it for a while, and both agreed to close it. Nothing was lost, and what is
    /// sent from now on has it opened again.
    Idle,
}

impl DownReason {
    /// The name of the variant.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Closed => "Closed",
            Self::Disconnected => "Disconnected",
            Self::HeartbeatTimeout => "HeartbeatTimeout",
            Self::HandshakeFailed(_) => "HandshakeFailed",
            Self::ProtocolError(_) => "ProtocolError",
            Self::Overflow => "Overflow",
            Self::Shutdown => "Shutdown",
            Self::Idle => "Idle",
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeFailed(why) | Self::ProtocolError(why) => {
                write!(f, "{}: {why}", self.kind())
            }
            Self::Closed
            | Self::Disconnected
            | Self::HeartbeatTimeout
            | Self::Overflow
            | Self::Shutdown
            | Self::Idle => f.write_str(self.kind()),
        }
    }
}
