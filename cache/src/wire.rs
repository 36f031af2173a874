//! What two replicas say to each other. Append-only: new variants and new fields go last, and golden
//! bytes are pinned in the tests.
//!
//! Every message is a fact about its sender at the moment it was sent, and stays true: it may come
//! late, twice, or not at all. Dots travel as an index into the table of replicas of their message.
//! The buckets of keys and the hashes of dots (xxh3, seed 0) are part of this contract.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use starlings_runtime::NodeInstance;

/// Who writes: one start of one cache on one life of a node. A restart is another replica.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId {
    /// The life of the node.
    pub instance: NodeInstance,
    /// Which start of the cache in that life.
    pub start: u64,
}

/// A dot: index into the replicas of the message, and counter.
pub type DotRef = (u16, u64);

/// Bytes of a key or of a value.
pub type Bytes = Arc<[u8]>;

/// Dots with the table that they need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dots {
    /// The table.
    pub replicas: Vec<ReplicaId>,
    /// The dots.
    pub dots: Vec<DotRef>,
}

/// Changes of keys with the table that their dots need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The table.
    pub replicas: Vec<ReplicaId>,
    /// One entry a key.
    pub keys: Vec<KeyChange>,
}

/// What has happened to one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The key.
    #[serde(with = "bytes")]
    pub key: Bytes,
    /// Writes that were made.
    pub writes: Vec<Written>,
    /// Writes that are no more.
    pub gone: Vec<DotRef>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its name.
    pub dot: DotRef,
    /// See [`Stamp`](crate::proto::clock::Stamp).
    pub stamp: u64,
    /// Milliseconds since 1970; 0 for never.
    pub expires_ms: u64,
    /// What.
    #[serde(with = "bytes")]
    pub value: Bytes,
}

/// A part of the keys of a bucket: all those after `after` and up to `upto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which bucket.
    pub bucket: u16,
    /// From the start, if `None`.
    pub after: Option<Vec<u8>>,
    /// To the end, if `None`.
    pub upto: Option<Vec<u8>>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// This has happened: pushed with each write, and sent to repair (`repair`).
    Delta {
        /// What.
        changes: Changes,
        /// The receiver says which of these writes it has seen replaced.
        repair: bool,
    },
    /// What the sender's map and context amount to. Opens anti-entropy.
    Digest {
        /// Sum over the dots of the map.
        root: u64,
        /// Hash of the context.
        context: u64,
    },
    /// Answers a digest with the same root and another context: what the sender has seen. Counts
    /// only while the receiver's map has that root.
    Context {
        /// Of the sender's map.
        root: u64,
        /// Ranges of counters; not all replicas need be there.
        seen: Vec<(ReplicaId, Vec<(u64, u64)>)>,
        /// Whether the receiver is to send its own.
        asks: bool,
    },
    /// Answers a digest with another root: the sums of the sender's groups.
    Groups {
        /// All of them.
        sums: Vec<u64>,
    },
    /// Answers groups: the sums of the sender's buckets in groups that differ.
    Buckets {
        /// Each group's number and the sums of its buckets.
        groups: Vec<(u8, Vec<u64>)>,
    },
    /// Answers buckets: all dots that the sender has in a part of a bucket that differs.
    Inventory {
        /// Which part.
        part: Part,
        /// Of each of these replicas the sender has seen all writes up to this one.
        seen: Vec<(ReplicaId, u64)>,
        /// The dots.
        dots: Dots,
        /// Whether no other inventory follows.
        last: bool,
    },
    /// Answers an inventory, after the deltas that do.
    Verdict {
        /// Of the inventory.
        part: Part,
        /// The sender has seen these replaced.
        gone: Dots,
        /// The sender has not seen these.
        wanted: Dots,
        /// Whether the inventory has made the sender drop writes.
        dropped: bool,
        /// Of the inventory.
        last: bool,
    },
}

/// Byte strings as serde's bytes, not as sequences.
mod bytes {
    use serde::{Deserializer, Serializer};

    use super::Bytes;

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let bytes: &serde_bytes::Bytes = serde::Deserialize::deserialize(from)?;
        Ok((**bytes).into())
    }
}

#[cfg(test)]
mod tests;
