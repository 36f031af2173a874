//! A cache: one replica of a map on each node that opens it.
//!
//! ```text
//!   Cache (handle) ──▶ replica ──▶ proto::sync
//!        │ reads          ▲  │ changes
//!        ▼                │  ▼
//!      view          server (actor) ◀──▶ the servers of other nodes
//! ```
//!
//! The replica stands beside the server actor, not in it: it outlives a crash of the server, and
//! writes need no message. Replicas find each other through a process group.

mod replica;
mod server;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use starlings_registry::{Groups, KeyError};
use starlings_runtime::{
    AnyPid, ChildError, ChildSpec, ExitReason, Node, Pid, StartChildError, Supervisor,
    SupervisorSpec, append, decode, spec,
};

use crate::proto::sync::PutError;
use replica::Replica;
pub use server::CacheServer;
pub use watch::{CacheChanged, Snapshot, WATCHES_MAX, WatchId};

/// The registry scope in which replicas find each other.
pub const SCOPE: &str = "starlings";

/// Longest name of a cache. Bytes.
pub const CACHE_NAME_BYTES_MAX: usize = 200;

/// A cache, as seen from one node. Cheap to clone.
#[derive(Clone)]
pub struct Cache(Arc<Replica>);

/// Why a cache did nothing. It is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The name of the cache has no bytes, or more than [`CACHE_NAME_BYTES_MAX`].
    #[error("the name of a cache has 1 to {CACHE_NAME_BYTES_MAX} bytes")]
    BadName,
    /// The cache is not open on this node.
    #[error("the cache {0:?} is not open here")]
    NotOpen(String),
    /// The server of the cache did not start.
    #[error("the cache did not start: {0}")]
    NotStarted(ExitReason),
    /// The key or value is too long, or there are too many keys.
    #[error(transparent)]
    Refused(#[from] PutError),
    /// The value does not encode, or what is stored is not of the type asked for.
    #[error("bad value: {0}")]
    BadValue(String),
    /// The key of the group of its replicas is refused.
    #[error(transparent)]
    Group(#[from] KeyError),
    /// The subscriber does not live on this node, or has ended.
    #[error("no such actor")]
    NoProc,
    /// There are too many watches.
    #[error("there are {WATCHES_MAX} watches already")]
    TooManyWatches,
}

/// The caches of one node, kept with it.
#[derive(Debug, Default)]
struct Caches {
    open: Mutex<BTreeMap<String, Cache>>,
}

/// The caches of a node.
pub trait OpenCaches {
    /// Opens a cache: this node gets a replica, which fills from those there are.
    ///
    /// Opening it again gives the same one. Returns when local reads and writes work; entries of
    /// other replicas come in the background.
    ///
    /// # Errors
    /// `BadName` and `NotStarted`.
    fn open_cache(&self, name: &str) -> impl Future<Output = Result<Cache, CacheError>> + Send;

    /// A cache that is open here.
    ///
    /// # Errors
    /// `NotOpen`.
    fn cache(&self, name: &str) -> Result<Cache, CacheError>;
}

impl OpenCaches for Node {
    async fn open_cache(&self, name: &str) -> Result<Cache, CacheError> {
        if name.is_empty() || name.len() > CACHE_NAME_BYTES_MAX {
            return Err(CacheError::BadName);
        }
        let caches = self.extension(Caches::default);
        let cache = {
            let mut open = caches.open.lock();
            let make = || Cache(Arc::new(Replica::new(self, name)));
            open.entry(name.to_owned()).or_insert_with(make).clone()
        };
        serve(self, name).await?;
        Ok(cache)
    }

    fn cache(&self, name: &str) -> Result<Cache, CacheError> {
        let caches = self.extension(Caches::default);
        let open = caches.open.lock().get(name).cloned();
        open.ok_or_else(|| CacheError::NotOpen(name.to_owned()))
    }
}

/// The children that a node's system supervisor needs for caches: the scope in which replicas meet,
/// and the supervisor under which opened caches stand.
#[must_use]
pub fn children() -> [ChildSpec; 2] {
    let keeper = spec::<server::Reopener>(()).id("reopener").transient();
    let caches = SupervisorSpec::one_for_one().name(SUPERVISOR).child(keeper);
    [Groups::child(SCOPE), caches.into_child("caches")]
}

/// The caches that are open on a node.
fn open_caches(node: &Node) -> Vec<Cache> {
    node.extension(Caches::default).open.lock().values().cloned().collect()
}

/// The local name of the supervisor of the open caches.
const SUPERVISOR: &str = "starlings.caches";

/// Starts the server of an open cache; does nothing if it runs.
async fn serve(node: &Node, name: &str) -> Result<(), CacheError> {
    let gone = || CacheError::NotStarted(ExitReason::NoProc);
    let supervisor: Pid<Supervisor> = node.pid(&node.whereis(SUPERVISOR).ok_or_else(gone)?);
    let child = spec::<CacheServer>(name.to_owned()).id(name);
    match supervisor.start_child(child).await {
        Ok(_) | Err(StartChildError::Refused(ChildError::AlreadyPresent(_))) => Ok(()),
        Err(error) => Err(CacheError::NotStarted(ExitReason::error(error))),
    }
}

impl Cache {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value of a key, read from a local table without a message.
    ///
    /// # Errors
    /// `BadValue`: what is stored is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CacheError> {
        let value = self.get_bytes(key.as_bytes());
        let decoded = value.map(|value| decode(&value)).transpose();
        decoded.map_err(|error| CacheError::BadValue(error.to_string()))
    }

    /// The bytes of a key, read from a local table without a message.
    #[must_use]
    pub fn get_bytes(&self, key: &[u8]) -> Option<Arc<[u8]>> {
        self.0.view.get(key).map(|value| Arc::clone(&value))
    }

    /// Sets a key, here at once, and pushes it to all replicas.
    ///
    /// Of two writes that did not know of each other the later one by hybrid clock is read, the same
    /// on all replicas; a write that was made after another one was seen always wins over it.
    ///
    /// # Errors
    /// `BadValue` and `Refused`; nothing is changed.
    pub fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), CacheError> {
        self.put_for(key, value, None)
    }

    /// As [`Cache::put`]; every replica drops the entry after `ttl` by its own wall clock.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn put_for<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        ttl: Option<Duration>,
    ) -> Result<(), CacheError> {
        let mut bytes = Vec::new();
        append(value, &mut bytes).map_err(|error| CacheError::BadValue(error.to_string()))?;
        self.put_bytes(key.as_bytes(), &bytes, ttl)
    }

    /// Sets a key to bytes, here at once, and pushes it to all replicas.
    ///
    /// # Errors
    /// `Refused`; nothing is changed.
    pub fn put_bytes(
        &self,
        key: &[u8],
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<(), CacheError> {
        Ok(self.0.put(key.into(), value.into(), ttl)?)
    }

    /// Removes what is seen of a key, here at once, and tells all replicas; `false` if there is
    /// nothing. A put that did not know of the removal wins over it.
    pub fn remove(&self, key: &str) -> bool {
        self.0.remove(key.as_bytes())
    }

    /// The keys at this moment, in order. Keys that are not text are left out.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.keys()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.view.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.view.is_empty()
    }

    /// Has a local actor get a [`CacheChanged`] for every change of a key that starts with `prefix`
    /// from now on, and gives those keys and their values at this moment: no gap, no duplicate. Ends
    /// when the actor does.
    ///
    /// # Errors
    /// `NoProc` and `TooManyWatches`; nothing is watched.
    pub fn watch(
        &self,
        prefix: &str,
        subscriber: &impl AsRef<AnyPid>,
    ) -> Result<(WatchId, Snapshot), CacheError> {
        self.0.watch(prefix.as_bytes(), subscriber.as_ref())
    }

    /// Ends a watch; `false` if there is none.
    pub fn unwatch(&self, watch: WatchId) -> bool {
        self.0.unwatch(watch)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.0.name).finish()
    }
}
