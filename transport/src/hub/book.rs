//! Where other nodes are, and which of them are talked to, unasked or at all.

use starlings_runtime::NodeId;

use super::Hub;
use crate::receiver::Receiver;
use crate::transport::AutoConnect;
use crate::until::until;

/// Addresses that a node remembers. Beyond that, those learnt of new nodes are not remembered, and
/// connecting to them takes an address. 16 times the largest cluster we mean to run.
pub const ADDRESSES_MAX: usize = 16 << 10;

impl<R: Receiver> Hub<R> {
    /// Remembers where a node is.
    pub(crate) fn learn(&self, node: NodeId, address: String) {
        let addresses = &mut self.board.lock().addresses;
        if addresses.len() < ADDRESSES_MAX || addresses.contains_key(&node) {
            addresses.insert(node, address);
        } else {
            tracing::warn!(peer = %node, "address book full");
        }
    }

    /// Where a node was does not count any more.
    pub(crate) fn forget(&self, node: &NodeId) {
        self.board.lock().addresses.remove(node);
    }

    pub(crate) fn address(&self, node: &NodeId) -> Option<String> {
        self.board.lock().addresses.get(node).cloned()
    }

    /// Whether what is sent to the node may have it dialled.
    pub(crate) fn may_connect(&self, node: &NodeId) -> bool {
        let board = self.board.lock();
        board.addresses.contains_key(node)
            && match self.settings.auto_connect {
                AutoConnect::Never => false,
                AutoConnect::Once => !board.lost.contains(node),
                AutoConnect::Always => true,
            }
    }

    pub(crate) fn allows(&self, node: &NodeId) -> bool {
        self.settings.allow_peers.as_ref().is_none_or(|allows| allows.allow(node))
    }

    /// Notes that the node is to be kept connected, or no longer; whether that is new.
    pub(crate) fn set_kept(&self, node: &NodeId, is_kept: bool) -> bool {
        let kept = &mut self.board.lock().kept;
        if is_kept { kept.insert(node.clone()) } else { kept.remove(node) }
    }

    pub(crate) fn is_kept(&self, node: &NodeId) -> bool {
        self.board.lock().kept.contains(node)
    }

    /// Waits until there is no session with the node.
    pub(crate) async fn lost(&self, node: &NodeId) {
        until(&self.ended, || !self.is_connected(node)).await;
    }
}
