//! Who is told of changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use starlings_runtime::{AnyPid, Node};

/// Watches of one cache on one node. Count; a further one is refused.
pub const WATCHES_MAX: usize = 1 << 16;

/// Names one watch of a cache on its node; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(u64);

/// Keys and values at one moment, in the order of keys.
pub type Snapshot = Vec<(Arc<[u8]>, Arc<[u8]>)>;

/// A key has another value, or none: what a watch gets as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheChanged {
    /// Which watch.
    pub watch: WatchId,
    /// The name of the cache.
    pub cache: String,
    /// The key.
    pub key: Arc<[u8]>,
    /// Its value, or none.
    pub value: Option<Arc<[u8]>>,
}

#[derive(Debug, Default)]
pub(super) struct Watches {
    made: u64,
    watches: BTreeMap<WatchId, Watch>,
}

#[derive(Debug)]
struct Watch {
    prefix: Box<[u8]>,
    subscriber: AnyPid,
}

impl Watches {
    /// Adds a watch; `None` if there are too many.
    pub(super) fn add(&mut self, prefix: &[u8], subscriber: AnyPid) -> Option<WatchId> {
        if self.watches.len() >= WATCHES_MAX {
            return None;
        }
        self.made += 1;
        let id = WatchId(self.made);
        self.watches.insert(id, Watch { prefix: prefix.into(), subscriber });
        Some(id)
    }

    pub(super) fn remove(&mut self, id: WatchId) -> bool {
        self.watches.remove(&id).is_some()
    }

    /// Ends the watches of an actor that has ended.
    pub(super) fn forget(&mut self, subscriber: &AnyPid) {
        self.watches.retain(|_, watch| watch.subscriber != *subscriber);
    }

    pub(super) fn subscribers(&self) -> impl Iterator<Item = &AnyPid> {
        self.watches.values().map(|watch| &watch.subscriber)
    }

    pub(super) fn tell(
        &self,
        node: &Node,
        cache: &str,
        key: &Arc<[u8]>,
        value: Option<&Arc<[u8]>>,
    ) {
        for (id, watch) in &self.watches {
            if key.starts_with(&watch.prefix) {
                let (key, value) = (Arc::clone(key), value.cloned());
                let event = CacheChanged { watch: *id, cache: cache.to_owned(), key, value };
                node.notify(&watch.subscriber, event);
            }
        }
    }
}
