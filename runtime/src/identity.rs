//! Who a node is: its name, and which of its lives this one is.
//!
//! A [`NodeId`] is the name alone; a [`NodeInstance`] is the name with the incarnation, and is what a
//! pid carries. Both are checked when they are made, so every other module can rely on their form.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest node name. Bytes. Names travel in every handshake and every pid; 255 is the limit of a
/// DNS host name plus room for none: longer names are refused when parsed.
pub const NODE_NAME_BYTES_MAX: usize = 255;

/// The name of a node, `name@host`.
///
/// Cheap to clone. Ordered and compared by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// A text that is not a node name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a node name: {why}")]
pub struct NodeIdError {
    text: String,
    why: &'static str,
}

impl NodeId {
    /// The name as text, `name@host`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('@').map_or("", |(name, _)| name)
    }

    /// The part after the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, host)| host)
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let refuse = |why| Err(NodeIdError { text: text.chars().take(64).collect(), why });
        if text.len() > NODE_NAME_BYTES_MAX {
            return refuse("longer than 255 bytes");
        }
        let Some((name, host)) = text.split_once('@') else {
            return refuse("it has the form name@host");
        };
        let named =
            |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if name.is_empty() || !named(name) {
            return refuse("the part before @ is letters, digits, - and _");
        }
        let hosted =
            |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:[]".contains(c));
        if host.is_empty() || !hosted(host) {
            return refuse("the part after @ is a host name or an address");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Which life of a node this is: rises with each start of the name, never repeated for it.
///
/// Source: SWIM's incarnation, Erlang's creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeInstance {
    /// The node's name.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}
