//! What two nodes say to each other: the messages of the handshake, and the kinds of frames.
//!
//! Everything here is a promise: what a version has keeps its bytes for as long as that version is
//! spoken, and what is new comes with a new version and is said only where that one is agreed on.
//! `wire/tests.rs` pins the bytes, those of earlier versions in files of their own.

use serde::{Deserialize, Serialize};
use starlings_runtime::{DownReason, NodeId, NodeInstance};

mod idle;

pub use idle::Idle;

/// The lowest version of the protocol that this code speaks.
pub const VERSION_MIN: u16 = 3;

/// The highest version of the protocol that this code speaks. New in 4: sessions that nobody needs are
/// closed by agreement. New in 5: proofs hold for one encrypted channel.
pub const VERSION_MAX: u16 = 5;

/// The version since which proofs are over the [`ChannelBinding`] of their connection too, if it has one.
pub const CHANNEL_SINCE: u16 = 5;

/// The first bytes on every connection. What does not begin so is not a Starlings node.
pub const MAGIC: [u8; 4] = *b"STRL";

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

/// Bytes of a proof: those of HMAC-SHA256.
pub const PROOF_BYTES: usize = 32;

/// What the two ends of one encrypted channel know of it, and nobody else can have a channel with the same:
/// of TLS its `tls-exporter`. Never sent.
///
/// Source: RFC 9266.
pub type ChannelBinding = [u8; 32];

/// The lane of what sessions say to each other, heartbeats first of all. The user lanes and, last, the
/// bulk lane carry envelopes.
pub const CONTROL_LANE: u8 = 0;

/// Fewest lanes of a session: control, one user lane, bulk. A hello with fewer is refused.
pub const LANES_MIN: u8 = 3;

/// Most lanes a session may have. A hello with more is refused; every lane costs a socket, two tasks
/// and a read buffer.
pub const LANES_MAX: u8 = 16;

/// What every version says first: enough to find a common one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preamble {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// The lowest version that the dialler speaks.
    pub version_min: u16,
    /// The highest.
    pub version_max: u16,
}

impl Preamble {
    /// What a node that speaks these versions says first.
    #[must_use]
    pub const fn new(versions: Versions) -> Self {
        Self { magic: MAGIC, version_min: versions.min, version_max: versions.max }
    }

    /// The versions that it tells of.
    #[must_use]
    pub const fn versions(&self) -> Versions {
        Versions { min: self.version_min, max: self.version_max }
    }
}

/// Versions of the protocol that a node speaks: all from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: u16,
    /// The highest. Not below the lowest.
    pub max: u16,
}

impl Versions {
    /// Those that this code speaks.
    pub const ALL: Self = Self { min: VERSION_MIN, max: VERSION_MAX };

    /// Those that this code speaks, up to `max`; `None` if there are none.
    #[must_use]
    pub fn up_to(max: u16) -> Option<Self> {
        (VERSION_MIN..=VERSION_MAX).contains(&max).then_some(Self { min: VERSION_MIN, max })
    }

    /// The highest version that both speak.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u16> {
        let version = self.max.min(other.max);
        (version >= self.min.max(other.min)).then_some(version)
    }

    /// Whether this version is one of them.
    #[must_use]
    pub fn contains(self, version: u16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

/// The dialler opens one lane of a session. It is laid out as in the lowest version that the dialler
/// speaks; 3 to 5 have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which versions it speaks.
    pub preamble: Preamble,
    /// Who it is.
    pub dialler: NodeInstance,
    /// Whom it wants to talk to.
    pub wanted: NodeId,
    /// Whether it is a hidden node.
    pub hidden: bool,
    /// Its random name for the session that the lane joins.
    pub session: u64,
    /// The name of its last session with this life of the listener, if that has ended: the listener
    /// may not know yet.
    pub lost: Option<u64>,
    /// Which lane this is.
    pub lane: u8,
    /// How many lanes the session is to have at most; once that is agreed on, how many it has.
    pub lanes: u8,
    /// What it asks of the session.
    pub pulse: Pulse,
    /// Whether it can read packed frames.
    pub unpacks: bool,
    /// Random, new for each connection.
    pub nonce: [u8; NONCE_BYTES],
}

/// How often a lane says something, and how long it may be silent. The longer of both ends counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// After this long without a frame, a heartbeat is sent.
    pub heartbeat_ms: u32,
    /// After this long without a byte, the peer is taken for dead.
    pub silent_ms: u32,
}

impl Pulse {
    /// Whether a session can live by it: neither is zero, and the silent period is not the shorter.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.heartbeat_ms > 0 && self.silent_ms >= self.heartbeat_ms
    }
}

/// What a node asks of a session that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPulse {
    /// What it asks.
    pub pulse: Pulse,
    /// Whether it says so because the other end did; then nothing is answered.
    pub is_answer: bool,
}

/// The listener asks the dialler to prove itself. It proves nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The version that both are going to speak.
    pub version: u16,
    /// Who the listener is.
    pub listener: NodeInstance,
    /// Whether it is a hidden node.
    pub hidden: bool,
    /// How many lanes the session has: no more than the dialler asked for.
    pub lanes: u8,
    /// What it asks of the session.
    pub pulse: Pulse,
    /// Whether it can read packed frames.
    pub unpacks: bool,
    /// Random, new for each connection.
    pub nonce: [u8; NONCE_BYTES],
}

/// One message of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handshake {
    /// Listener, first.
    Challenge(Challenge),
    /// Dialler: it knows the cookie.
    Proof([u8; PROOF_BYTES]),
    /// Listener: it knows the cookie too, and the lane has joined its session.
    Welcome {
        /// That it knows the cookie.
        proof: [u8; PROOF_BYTES],
        /// What its runtime says of itself. Empty on all lanes but the control lane.
        #[serde(with = "serde_bytes")]
        greeting: Vec<u8>,
    },
    /// Dialler, last: frames follow.
    Ready {
        /// What its runtime says of itself. Empty on all lanes but the control lane.
        #[serde(with = "serde_bytes")]
        greeting: Vec<u8>,
    },
    /// Listener, in place of a challenge or a welcome. The connection is closed after it.
    Refuse(Refusal),
}

/// Why a listener does not let a lane in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// It speaks other versions.
    #[error("it speaks versions {version_min} to {version_max} of the protocol only")]
    Version {
        /// The lowest that it speaks.
        version_min: u16,
        /// The highest.
        version_max: u16,
    },
    /// The node that was wanted is not the one that listens there.
    #[error("the node there is {0}")]
    NotThisNode(NodeId),
    /// The proof does not hold.
    #[error("the cookies differ")]
    WrongCookie,
    /// A message that this protocol does not have, or not there.
    #[error("it did not understand the handshake")]
    Malformed,
    /// It has a session with this very incarnation. Worth another try: it may be about to end.
    #[error("there is a session already")]
    AlreadyConnected,
    /// It dials us at the same moment, and its dial is the one that counts.
    #[error("both dialled at the same moment, and its dial counts")]
    SimultaneousDial,
    /// It knows a later incarnation of the dialler.
    #[error("it knows a later incarnation of this node")]
    OlderIncarnation,
    /// The lane belongs to no session that is being made.
    #[error("it is not making the session that the lane belongs to")]
    UnknownSession,
    /// It is on its way out.
    #[error("it is shutting down")]
    ShuttingDown,
    /// It does not talk to the dialler: see its list of peers.
    #[error("this node is not allowed there")]
    NotAllowed,
}

impl Refusal {
    /// Whether the same dial may be let in a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::AlreadyConnected | Self::SimultaneousDial | Self::UnknownSession => true,
            Self::Version { .. }
            | Self::NotThisNode(_)
            | Self::WrongCookie
            | Self::Malformed
            | Self::OlderIncarnation
            | Self::ShuttingDown
            | Self::NotAllowed => false,
        }
    }
}

/// The first message on a connection, as far as it can be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// A hello of a version that we speak.
    Hello(Box<Hello>),
    /// A Starlings node, but of other versions.
    Foreign,
    /// Anything else.
    Garbage,
}

impl Opening {
    /// Reads the first message. Never fails: what is not a hello is [`Opening::Garbage`].
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let Ok((preamble, _)) = postcard::take_from_bytes::<Preamble>(bytes) else {
            return Self::Garbage;
        };
        if preamble.magic != MAGIC || preamble.version_min > preamble.version_max {
            return Self::Garbage;
        }
        if Versions::ALL.common(preamble.versions()).is_none() {
            return Self::Foreign;
        }
        match decode(bytes) {
            Some(hello) => Self::Hello(Box::new(hello)),
            None => Self::Garbage,
        }
    }
}

/// Reads one message, every byte of it; `None` if it is not one.
#[must_use]
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Option<M> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        Ok(_) | Err(_) => None,
    }
}

/// What a frame is. The byte after its sequence number; bit 7 of it says that the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Envelopes of the runtime, each behind its length as a varint. User lanes.
    Envelopes,
    /// Nothing but a sign of life. The body is empty. Sent on the control lane, taken
    /// on every one.
    Heartbeat,
    /// The last frame of a lane. The body is a [`Goodbye`].
    Goodbye,
    /// A [`Fragment`], and behind it a part of an envelope. Bulk lane.
    Fragment,
    /// The message of this number, a varint, came by the bulk lane and is delivered. Control lane.
    Delivered,
    /// The sender asks for other times from now on. The body is a [`NewPulse`]. Control lane.
    Pulse,
    /// What comes of a session that is not needed. The body is an [`Idle`]. Control lane; from version 4
    /// on.
    Idle,
}

impl FrameKind {
    /// The byte that says so.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Envelopes => 1,
            Self::Heartbeat => 2,
            Self::Goodbye => 3,
            Self::Fragment => 4,
            Self::Delivered => 5,
            Self::Pulse => 6,
            Self::Idle => 7,
        }
    }

    /// The version that it is new in: it is neither sent nor taken in a session of an earlier one.
    #[must_use]
    pub const fn since(self) -> u16 {
        match self {
            Self::Envelopes
            | Self::Heartbeat
            | Self::Goodbye
            | Self::Fragment
            | Self::Delivered
            | Self::Pulse => 3,
            Self::Idle => 4,
        }
    }

    /// What this byte says, if anything.
    #[must_use]
    pub const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Envelopes),
            2 => Some(Self::Heartbeat),
            3 => Some(Self::Goodbye),
            4 => Some(Self::Fragment),
            5 => Some(Self::Delivered),
            6 => Some(Self::Pulse),
            7 => Some(Self::Idle),
            _ => None,
        }
    }
}

/// A part of a message that is too long to go with others, or goes behind such a one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// Which message: the next number for each, wrapping around.
    pub message: u32,
    /// With the first part of a message, what it is going to be.
    pub start: Option<FragmentStart>,
}

/// What the first part of a message says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentStart {
    /// Its size.
    pub bytes: u32,
    /// What is to be delivered before it.
    pub after: Option<After>,
}

/// The first so many frames of a user lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Which lane.
    pub lane: u8,
    /// How many, modulo 2^32.
    pub frames: u32,
}

/// Why a node ends a session in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goodbye {
    /// It was asked to disconnect.
    Disconnect,
    /// It shuts down.
    Shutdown,
    /// Neither node needs the session, as both have agreed. From version 4 on.
    Idle,
}

impl Goodbye {
    /// What the node that says it takes for the end of the session; `None` for an end without a
    /// goodbye.
    #[must_use]
    pub fn for_reason(reason: &DownReason) -> Option<Self> {
        if *reason == DownReason::Disconnected {
            return Some(Self::Disconnect);
        }
        (*reason == DownReason::Shutdown).then_some(Self::Shutdown)
    }

    /// What the node that hears it takes for the end of the session.
    #[must_use]
    pub const fn heard(self) -> DownReason {
        match self {
            Self::Disconnect => DownReason::Closed,
            Self::Shutdown => DownReason::Shutdown,
            Self::Idle => DownReason::Idle,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
