//! Whether a session with another node is needed, or could be closed for want of use.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::identity::{NodeId, NodeInstance};
use crate::node::Node;
use crate::remote::peer::Peer;

/// Who needs sessions beside actors.
#[derive(Default)]
pub(crate) struct Needs {
    /// How many [`Hold`]s there are of each node.
    holds: Mutex<BTreeMap<NodeId, usize>>,
    services: Mutex<Vec<Arc<Service>>>,
}

type Service = dyn Fn(&NodeInstance) -> bool + Send + Sync;

/// Keeps the session with a node from being closed for want of use, while it is there: see [`Node::hold`].
#[must_use = "it holds while it is there"]
pub struct Hold {
    node: Node,
    peer: NodeId,
}

/// What keeps sessions.
impl Node {
    /// Keeps the session with `peer`, and any later one, from being closed for want of use, until what
    /// this returns is dropped. It makes no session, and a session may end for any other reason.
    pub fn hold(&self, peer: &NodeId) -> Hold {
        *self.needs().holds.lock().entry(peer.clone()).or_default() += 1;
        Hold { node: self.clone(), peer: peer.clone() }
    }

    /// For services that share state with other nodes: a session is not closed for want of use while
    /// `needs` holds of its peer. It is asked every now and then, on a thread that must not be blocked, and
    /// may send itself. It stays for as long as the node does.
    pub fn hold_while(&self, needs: impl Fn(&NodeInstance) -> bool + Send + Sync + 'static) {
        self.needs().services.lock().push(Arc::new(needs));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.node.needs().holds.lock();
        if let Some(count) = holds.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.peer);
            }
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.peer).finish()
    }
}

impl Needs {
    fn need(&self, peer: &NodeInstance) -> bool {
        if self.holds.lock().contains_key(&peer.node) {
            return true;
        }
        // Not under the lock: they look into what they share.
        let services = self.services.lock().clone();
        services.iter().any(|needs| needs(peer))
    }
}

impl Peer {
    /// Notes that something other than the upkeep of shared state was sent.
    pub(super) fn note_used(&self) {
        // Most of the time it is known: a store each time would be felt by all that send there.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the session is needed here, or was used since this was asked the last time.
    ///
    /// What is sent leaves its trace here before it is sent: who keeps new envelopes out and asks then
    /// misses none.
    pub(crate) fn is_needed(&self, node: &Node) -> bool {
        self.used.swap(false, Ordering::Relaxed)
            || self.awaited() > 0
            || self.pauses.has_any()
            || self.has_bonds(node)
            || node.needs().need(self.instance())
    }

    /// Whether there are links or monitors between actors here and there.
    fn has_bonds(&self, node: &Node) -> bool {
        let bonded = self.bonded_serials();
        let mut cells = bonded.into_iter().filter_map(|serial| node.cell(serial));
        cells.any(|cell| {
            let reaches = cell.core().with_bonds(|bonds| bonds.reach(self.instance()));
            reaches == Ok(true)
        })
    }
}
