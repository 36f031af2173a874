//! The handshake of one connection: who is there, and does it know the cookie.
//!
//! ```text
//!   dialler                                       listener
//!   Hello(versions, me, you, session, lane) ───▶
//!                       ◀─── Challenge(version, me)            or Refuse
//!   Proof("dial", both of the above)        ───▶  verifies, asks `peers`
//!                       ◀─── Welcome("listen", both, greeting) or Refuse
//!   verifies, Ready(greeting)               ───▶
//!   frames                                  ◀──▶  frames
//! ```
//!
//! Invariant: the listener says nothing that depends on the cookie before the dialler's proof
//! holds, and either end takes the other for a node of the cluster only after its proof held over
//! nonces of both.
//! What this does not do: hide or seal what is said. Whoever sits in between can relay a handshake
//! and read or change what follows; that takes an encrypted pipe. The proofs are over its channel too:
//! one that ends in between has another at each end, and the proof of the one does not hold at the other.

use starlings_runtime::{NodeId, NodeInstance};

use crate::wire::{Handshake, Pulse, Refusal, Versions};

mod dialler;
mod listener;
#[cfg(test)]
mod tests;

pub use dialler::Dialler;
pub use listener::{Listener, ListenerInput};

/// What one end brings to every handshake.
#[derive(Debug, Clone)]
pub struct Party {
    /// Who it is.
    pub me: NodeInstance,
    /// Which versions it speaks.
    pub versions: Versions,
    /// Whether it is hidden.
    pub hidden: bool,
    /// What it asks of sessions.
    pub pulse: Pulse,
    /// How many lanes its sessions may have.
    pub lanes: u8,
    /// Whether it can read packed frames.
    pub unpacks: bool,
}

/// What a handshake wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To the other end. After a [`Handshake::Refuse`] the connection is to be closed.
    Send(Handshake),
    /// Of a dialler: the listener answered, and the dial is now a rival of the listener's own.
    Challenged,
    /// Of a listener: the dialler has proved itself. Ask `peers`, answer with
    /// [`ListenerInput::Admitted`] or [`ListenerInput::Refused`].
    Proven(Claim),
    /// The lane may carry frames once everything before this is sent.
    Done(Agreement),
    /// It is over. The connection is to be closed once everything before this is sent.
    Failed(Failure),
}

/// A lane that a proven dialler wants to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who dials.
    pub peer: NodeInstance,
    /// Its name for the session.
    pub session: u64,
    /// The name of its last session with this life of ours, if that has ended.
    pub lost: Option<u64>,
    /// Which lane of it this is.
    pub lane: u8,
    /// How many there are going to be.
    pub lanes: u8,
}

/// What both ends know when a handshake is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which version both are going to speak.
    pub version: u16,
    /// Who is at the other end.
    pub peer: NodeInstance,
    /// Whether it or this end is hidden.
    pub hidden: bool,
    /// What this end asks of the session, and what the other one does.
    pub pulses: [Pulse; 2],
    /// How many lanes the session has.
    pub lanes: u8,
    /// Whether both ends can read packed frames.
    pub unpacks: bool,
    /// What the other runtime says of itself.
    pub greeting: Vec<u8>,
}

/// Why a handshake failed. Neither end has a lane then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The listener refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// This end refused the dialler, and said so.
    #[error("refused it: {0}")]
    Refusing(Refusal),
    /// Another node than the one wanted answered.
    #[error("the node there is {0}")]
    OtherNode(NodeId),
    /// It answered with a version that was not offered.
    #[error("it answers in version {0} of the protocol, which was not offered")]
    OtherVersion(u16),
    /// The listener does not know the cookie.
    #[error("the cookies differ")]
    WrongCookie,
    /// The other end said what the protocol does not have, or not there.
    #[error("the other end does not follow the protocol")]
    Malformed,
}

/// What both ends say of themselves comes to, for the version that was chosen.
fn agreement(version: u16, [me, peer]: [&Party; 2], greeting: Vec<u8>) -> Agreement {
    Agreement {
        version,
        peer: peer.me.clone(),
        hidden: peer.hidden || me.hidden,
        pulses: [me.pulse, peer.pulse],
        lanes: peer.lanes.min(me.lanes),
        unpacks: peer.unpacks && me.unpacks,
        greeting,
    }
}
