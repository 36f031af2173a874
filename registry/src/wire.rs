//! What the registries of two nodes say to each other. Append-only: new variants and new fields go
//! last, and golden bytes are pinned in the tests.
//!
//! A message is about the facts of one node: of the sender in all of them except [`Message::Discover`],
//! which asks for those of the receiver. The pid of a fact is always of the node that owns the fact,
//! so only its serial travels.

use serde::{Deserialize, Serialize};
use starlings_runtime::AnyPid;

use crate::key::{Key, Metadata};

/// The key of a group's fact: the group, and the serial of its member.
pub type Membership = (Key, u64);

/// What two nodes say about groups; the value is how many times the member has joined.
pub type GroupsMessage = Message<Membership, u32>;

/// What two nodes say about names.
pub type NamesMessage = Message<Key, Claim>;

/// One message of the replication of facts.
///
/// `stream` names one start of the sender's registry: numbers of different streams do not compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<K, V> {
    /// Asks for the receiver's facts whose keys are greater than `after`.
    Discover {
        /// The stream of the sender.
        stream: u64,
        /// Comes back in each answer.
        request: u64,
        /// Where to go on.
        after: Option<K>,
    },
    /// Answers: all of the sender's facts from `after` to the last of `facts`, in order.
    Sync {
        /// The stream of the sender.
        stream: u64,
        /// Of the question.
        request: u64,
        /// The last delta that these facts reflect.
        number: u64,
        /// All facts up to this key were in earlier answers.
        after: Option<K>,
        /// The facts.
        facts: Vec<(K, V)>,
        /// What comes after them.
        rest: Rest,
    },
    /// The sender's facts have changed; `number` is one more than that of the delta before.
    Delta {
        /// The stream of the sender.
        stream: u64,
        /// Which delta of the stream.
        number: u64,
        /// The new value of each key, or nothing.
        changes: Vec<(K, Option<V>)>,
    },
    /// What the sender's facts amount to, so that the loss of a last delta shows.
    Digest {
        /// The stream of the sender.
        stream: u64,
        /// The last delta.
        number: u64,
        /// How many facts there are.
        len: u64,
    },
}

/// What follows a [`Message::Sync`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// Another one, without being asked.
    Follows,
    /// More facts, to be asked for.
    OnRequest,
    /// Nothing: these were the last facts.
    Nothing,
}

/// The value of a name's fact: who claims it, and how it compares with other claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Greater than that of every claim which its node had seen when it was made.
    pub order: u64,
    /// Serial of the owner's pid.
    pub serial: u64,
    /// Whom the name was taken from on purpose, by `re_register`.
    pub replaces: Option<AnyPid>,
    /// The owner's bytes.
    pub metadata: Metadata,
}

#[cfg(test)]
mod tests;
