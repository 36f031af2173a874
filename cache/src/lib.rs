//! A cache that each node holds a replica of: local reads, local writes pushed at once, and repair.
//!
//! [`proto`] decides: a map of last-write-wins registers that converges whatever is lost, doubled or
//! late. [`wire`] is what two replicas say to each other.

mod cache;
pub mod proto;
pub mod wire;

pub use cache::{
    CACHE_NAME_BYTES_MAX, Cache, CacheChanged, CacheError, CacheServer, OpenCaches, SCOPE,
    Snapshot, WATCHES_MAX, WatchId, children,
};
pub use proto::sync::PutError;
