//! Process groups and cluster names.
//!
//! [`proto`] decides: pure state machines for groups and for names, both on one engine that
//! replicates the facts of each node to all others. [`wire`] is what they say to each other.

mod key;
pub mod proto;
pub mod wire;

pub use key::{KEY_BYTES_MAX, Key, KeyError, METADATA_BYTES_MAX, Metadata};
