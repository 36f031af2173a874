//! What groups and names are called, and the bytes that a name may carry.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest key. Bytes; longer ones are refused when made and when decoded. 512: twice a node name,
/// and a sync of [`FACTS_PER_SYNC_MAX`](crate::proto::replication::FACTS_PER_SYNC_MAX) of them stays
/// far below a frame.
pub const KEY_BYTES_MAX: usize = 512;

/// Most metadata of a name. Bytes; more is refused when made and when decoded. 4 KiB: state belongs
/// into an actor or a cache, metadata is for choosing among names.
pub const METADATA_BYTES_MAX: usize = 4096;

/// The key of a group, or a name: a text of 1 to [`KEY_BYTES_MAX`] bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// Bytes that a name carries for its readers, at most [`METADATA_BYTES_MAX`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(Option<Arc<[u8]>>);

/// A key or metadata out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key has at least one byte.
    #[error("the key is empty")]
    Empty,
    /// More than the limit.
    #[error("{bytes} bytes are more than {bytes_max}")]
    TooLong {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

fn check(bytes: usize, bytes_max: usize) -> Result<(), KeyError> {
    if bytes > bytes_max { Err(KeyError::TooLong { bytes, bytes_max }) } else { Ok(()) }
}

impl Key {
    /// Checks `text` and makes a key of it.
    ///
    /// # Errors
    /// `Empty` and `TooLong`.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        check(text.len(), KEY_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Metadata {
    /// No bytes at all.
    pub const EMPTY: Self = Self(None);

    /// Checks `bytes` and makes metadata of them.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        check(bytes.len(), METADATA_BYTES_MAX)?;
        Ok(Self((!bytes.is_empty()).then(|| bytes.into())))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&[u8]>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
