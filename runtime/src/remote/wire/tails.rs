//! Arguments that not every version of a method has: `#[evolve]`.
//!
//! Behind the arguments that all versions have, each further one stands with a key of its schema and its
//! size. So an older receiver skips what it does not know, a newer one makes up what is missing, and
//! neither misreads one whose type was changed.

use postcard::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{append, decode};
use crate::remote::fingerprint::shape;

/// One argument more.
#[derive(Serialize, Deserialize)]
struct Tail<'a> {
    key: u32,
    #[serde(with = "serde_bytes")]
    value: &'a [u8],
}

/// The key of the schema of such an argument.
#[must_use]
pub fn tail_key<T: DeserializeOwned>() -> u32 {
    let hash = xxhash_rust::xxh3::xxh3_64(shape::<T>().as_bytes());
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Appends such an argument.
///
/// # Errors
/// It does not serialize; `out` may then hold a part of it.
pub fn append_tail<T: Serialize>(key: u32, value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    append(value, &mut bytes)?;
    append(&Tail { key, value: &bytes }, out)
}

/// Takes the arguments that every version has, and leaves what follows them.
///
/// # Errors
/// The bytes do not begin with a `T`.
pub fn take_fixed<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, Error> {
    let (value, rest) = postcard::take_from_bytes(bytes)?;
    *bytes = rest;
    Ok(value)
}

/// Takes one further argument, or makes it up if the sender does not have it.
///
/// # Errors
/// It has another schema there.
pub fn take_tail<T: DeserializeOwned + Default>(key: u32, bytes: &mut &[u8]) -> Result<T, Error> {
    if bytes.is_empty() {
        return Ok(T::default());
    }
    let tail: Tail<'_> = take_fixed(bytes)?;
    if tail.key == key { decode(tail.value) } else { Err(Error::DeserializeBadEncoding) }
}

/// Skips further arguments, which the sender has and the receiver does not.
///
/// # Errors
/// What follows is something else.
pub fn skip_tails(mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        take_fixed::<Tail<'_>>(&mut bytes)?;
    }
    Ok(())
}
