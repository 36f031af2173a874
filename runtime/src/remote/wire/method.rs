//! How a method is named on the wire.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Identifies a method of an actor type with its whole schema: see `fingerprint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MethodKey(pub [u8; 8]);

impl Hash for MethodKey {
    /// As one number: an array is hashed as a slice, with its length, and each send looks a key up.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_le_bytes(self.0));
    }
}

/// A method as an envelope names it.
///
/// The greeting of a node lists the methods of its types in the order of their keys; within that
/// session, a method of the list is named by its place, in one to three bytes. Types that cannot be
/// spawned are not in the list; their methods are named by their keys.
///
/// Bytes: a varint, the place plus one; or 0, and then the eight bytes of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodRef {
    Listed(u32),
    Keyed(MethodKey),
}

impl Serialize for MethodRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_tuple(2)?;
        match self {
            Self::Listed(place) => parts.serialize_element(&place.saturating_add(1))?,
            Self::Keyed(key) => {
                parts.serialize_element(&0_u32)?;
                parts.serialize_element(key)?;
            }
        }
        parts.end()
    }
}

impl<'de> Deserialize<'de> for MethodRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = MethodRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place in the list of methods, or 0 and a key")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<MethodRef, A::Error> {
                let missing = |len| de::Error::invalid_length(len, &self);
                let place: u32 = parts.next_element()?.ok_or_else(|| missing(0))?;
                match place.checked_sub(1) {
                    Some(place) => Ok(MethodRef::Listed(place)),
                    None => parts.next_element()?.map(MethodRef::Keyed).ok_or_else(|| missing(1)),
                }
            }
        }

        deserializer.deserialize_tuple(2, Parts)
    }
}
