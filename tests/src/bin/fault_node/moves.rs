//! Whether anything moves, and what is waited for: so that a test can tell that all is quiet and something
//! is open all the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use starlings::Node;

/// Of open things, so many are named. Count.
const NAMED_MAX: usize = 20;

/// What has moved on a node, and what is open there.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    count: AtomicU64,
    open: Mutex<BTreeMap<u64, String>>,
    opened: AtomicU64,
}

/// Something that is waited for, until it is dropped.
#[must_use]
pub(crate) struct Open {
    moves: Arc<Moves>,
    number: u64,
}

impl Moves {
    /// Those of this node.
    pub(crate) fn of(node: &Node) -> Arc<Self> {
        node.extension(Self::default)
    }

    /// Something has come or has been sent. Who gives up waiting moves nothing.
    pub(crate) fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// This is waited for from now on.
    pub(crate) fn open(self: &Arc<Self>, what: String) -> Open {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.open.lock().unwrap().insert(number, what);
        Open { moves: Arc::clone(self), number }
    }

    /// How much has moved, and what is open.
    pub(crate) fn look(&self) -> (u64, Vec<String>) {
        let open = self.open.lock().unwrap();
        let open = open.values().take(NAMED_MAX).cloned().collect();
        (self.count.load(Ordering::Relaxed), open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.moves.open.lock().unwrap().remove(&self.number);
    }
}
