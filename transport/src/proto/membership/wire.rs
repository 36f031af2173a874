//! What members say to each other.
//!
//! ```text
//! ┌─────────┬───────────────┬─────────┬──────────────────────┬────────┐
//! │ version │ sender's fact │ message │ updates, to the end  │  tag   │   at most 1400 bytes
//! └─────────┴───────────────┴─────────┴──────────────────────┴────────┘
//! ```
//!
//! All of it is postcard but the tag, which covers what stands before it. A datagram is taken whole or
//! not at all. `tests.rs` pins the bytes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use starlings_runtime::{NodeId, NodeInstance};

/// The version of these messages. A datagram of another one is ignored.
pub const MEMBERSHIP_VERSION: u8 = 1;

/// Largest datagram, tag included. Bytes: what passes every usual network in one piece. What does not
/// fit travels in the next one.
pub const DATAGRAM_BYTES_MAX: usize = 1400;

/// Longest address. Bytes. As long as a node name; a longer one is refused when it is made or read.
pub const ADDRESS_BYTES_MAX: usize = 255;

/// Accusers that travel with a verdict. Two are what it takes, and fit with the longest names but for
/// very long addresses.
pub(super) const ACCUSERS_TOLD: usize = 2;

/// Where a member gets its datagrams, and its sessions: `host:port`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(Arc<str>);

/// A text that is no address: empty, or longer than [`ADDRESS_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address has 1 to {ADDRESS_BYTES_MAX} bytes")]
pub struct BadAddress;

impl Address {
    /// An address as text. What it means is up to whoever sends.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn new(text: &str) -> Result<Self, BadAddress> {
        match text.len() {
            1..=ADDRESS_BYTES_MAX => Ok(Self(text.into())),
            _ => Err(BadAddress),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// What a member says of itself: which life of which node it is, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Which life of which node.
    pub member: NodeInstance,
    /// How often this life has refuted that it is down. Only the member itself raises it. A statement
    /// with a higher number beats one with a lower; of two with the same, the worse beats the better.
    pub refutation: u32,
    /// Where.
    pub address: Address,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// The member says that it is up.
    Up(Fact),
    /// The accuser could not reach the member.
    Suspect {
        /// Whom.
        member: NodeInstance,
        /// The number that it is suspected under.
        refutation: u32,
        /// Who says so.
        accuser: NodeId,
    },
    /// Somebody's verdict. For others it is what the accusers say, not more.
    Down {
        /// Whose, and under which number.
        fact: Fact,
        /// Up to two of those who accused it.
        accusers: Vec<NodeId>,
    },
    /// The member has left. It stays away for this life.
    Left(Fact),
}

/// What a datagram asks or answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Answer with an `Ack`, if you are this node.
    Ping {
        /// Of the probe, random.
        number: u32,
        /// Whom it is for.
        to: NodeId,
    },
    /// The answer to a ping.
    Ack {
        /// Of the ping.
        number: u32,
    },
    /// Ping this node for me.
    PingRequest {
        /// Of the probe.
        number: u32,
        /// Whom.
        target: NodeId,
        /// Where it is.
        address: Address,
    },
    /// The node that you asked to have pinged has answered.
    Relayed {
        /// Of the request.
        number: u32,
    },
    /// It has not, so far. Shows that the request came through.
    Nack {
        /// Of the request.
        number: u32,
    },
    /// Nothing but the updates.
    Gossip,
    /// A part of a member's table, as updates.
    Transfer,
    /// Compare tables. Who has another digest sends its table.
    Sync {
        /// Over all that are up.
        digest: u64,
        /// Whether it answers a `Sync`.
        is_answer: bool,
    },
}

/// Starts a datagram.
pub(crate) fn begin(from: &Fact, message: &Message) -> Vec<u8> {
    let mut bytes = vec![MEMBERSHIP_VERSION];
    for part in [postcard::to_allocvec(from), postcard::to_allocvec(message)] {
        // Encoding these to memory does not fail; an empty part would only not be understood.
        bytes.extend(part.unwrap_or_default());
    }
    bytes
}

/// One update as it stands in a datagram.
pub(crate) fn encode(update: &Update) -> Vec<u8> {
    postcard::to_allocvec(update).unwrap_or_default()
}

/// Reads a datagram without its tag, every byte of it; `None` if it is not one.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Fact, Message, Vec<Update>)> {
    let (version, rest) = bytes.split_first()?;
    if *version != MEMBERSHIP_VERSION {
        return None;
    }
    let (from, rest) = postcard::take_from_bytes(rest).ok()?;
    let (message, mut rest) = postcard::take_from_bytes(rest).ok()?;
    let mut updates = Vec::new();
    while !rest.is_empty() {
        let (update, after) = postcard::take_from_bytes(rest).ok()?;
        updates.push(update);
        rest = after;
    }
    Some((from, message, updates))
}
