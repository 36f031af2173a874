//! What two ends say to each other about a session that neither needs. New in version 4.

use serde::{Deserialize, Serialize};

/// The body of a frame of [`FrameKind::Idle`](super::FrameKind::Idle). Where it lists numbers, they are
/// how many frames this end has sent on each lane but the control lane, in the order of the lanes; modulo
/// 2^32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Idle {
    /// This end does not need the session. It goes on sending until the other end has agreed.
    Ask(Vec<u32>),
    /// Nor does this one, and it has all that was sent to it. It sends no envelope until it hears a
    /// withdrawal, or the goodbye.
    Agree(Vec<u32>),
    /// This one does.
    Decline,
    /// The end that asked does meanwhile: both go on.
    Withdraw,
}
