//! Who is connected, and who wants to know.
//!
//! One lock covers both, so that a subscriber's snapshot and its later events have no gap and no
//! duplicate, and events come in the order in which nodes came and went.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::actor::info::{Info, NodeEvent};
use crate::identity::{NodeId, NodeInstance};
use crate::node::Node;
use crate::reason::DownReason;
use crate::remote::peer::{Peer, Session};

/// Node events kept for a [`Node::node_events`] receiver that lags. Count. Above it the receiver is
/// told how many it missed.
const NODE_EVENTS_KEPT: usize = 1024;

#[derive(Debug)]
pub(crate) struct Membership {
    up: BTreeMap<NodeId, Connected>,
    /// Serials of the actors that monitor nodes, and how many nodes had gone when they began to: who
    /// began after a node had gone did not see its `Up`, and is spared its `Down`.
    subscribers: BTreeMap<u64, u64>,
    gone: u64,
    events: broadcast::Sender<NodeEvent>,
}

#[derive(Debug)]
struct Connected {
    peer: Arc<Peer>,
    hidden: bool,
}

impl Default for Membership {
    fn default() -> Self {
        let (events, _) = broadcast::channel(NODE_EVENTS_KEPT);
        Self { up: BTreeMap::new(), subscribers: BTreeMap::new(), gone: 0, events }
    }
}

impl Membership {
    /// Tells those who began to monitor nodes before `moment`.
    fn publish(&mut self, node: &Node, event: &NodeEvent, moment: u64) {
        tracing::info!(node = %node.name(), peer = %event.node(), ?event, "node event");
        let _ = self.events.send(event.clone());
        for (serial, _) in self.subscribers.iter().filter(|(_, since)| **since < moment) {
            if let Some(cell) = node.cell(*serial) {
                cell.push_info(Info::new(event.clone()));
            }
        }
    }
}

impl Node {
    /// The names of the connected visible nodes, in order.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.connected(|hidden| !hidden)
    }

    /// The names of the connected hidden nodes, in order.
    #[must_use]
    pub fn hidden_nodes(&self) -> Vec<NodeId> {
        self.connected(|hidden| hidden)
    }

    fn connected(&self, wanted: impl Fn(bool) -> bool) -> Vec<NodeId> {
        let membership = self.membership().lock();
        let wanted = membership.up.iter().filter(|(_, connected)| wanted(connected.hidden));
        wanted.map(|(node, _)| node.clone()).collect()
    }

    /// Which life of `node` there is a session with.
    #[must_use]
    pub fn connected_instance(&self, node: &NodeId) -> Option<NodeInstance> {
        self.connected_peer(node).map(|peer| peer.instance().clone())
    }

    /// Node events for code outside of actors. Actors use `Cx::monitor_nodes`, which cannot lag.
    #[must_use]
    pub fn node_events(&self) -> broadcast::Receiver<NodeEvent> {
        self.membership().lock().events.subscribe()
    }

    /// The types that a connected node said it can spawn; `None` if it is not connected.
    #[must_use]
    pub fn types_of(&self, node: &NodeId) -> Option<Vec<String>> {
        if node == self.name() {
            return Some(self.spawnable_names());
        }
        let session = self.connected_peer(node)?.session()?;
        Some(session.schemas.types.iter().cloned().collect())
    }

    pub(crate) fn connected_peer(&self, node: &NodeId) -> Option<Arc<Peer>> {
        self.membership().lock().up.get(node).map(|connected| Arc::clone(&connected.peer))
    }

    /// Whether pids of this life can no longer lead anywhere: another life of the node is up.
    pub(crate) fn is_superseded(&self, instance: &NodeInstance) -> bool {
        instance.node == *self.name()
            || self.connected_peer(&instance.node).is_some_and(|peer| peer.instance() != instance)
    }

    pub(crate) fn subscribe_nodes(&self, serial: u64, tell: impl Fn(NodeEvent)) {
        let mut membership = self.membership().lock();
        let now = membership.gone;
        if membership.subscribers.insert(serial, now).is_none() {
            for connected in membership.up.values() {
                let peer = connected.peer.instance().clone();
                tell(NodeEvent::Up { peer, hidden: connected.hidden });
            }
        }
    }

    pub(crate) fn unsubscribe_nodes(&self, serial: u64) {
        self.membership().lock().subscribers.remove(&serial);
    }

    pub(crate) fn session_up(&self, peer: &Arc<Peer>, hidden: bool, session: Session) {
        // First, so that who hears of the node can send to it.
        peer.set_up(session);
        let mut membership = self.membership().lock();
        let node = peer.instance().node.clone();
        membership.up.insert(node, Connected { peer: Arc::clone(peer), hidden });
        let event = NodeEvent::Up { peer: peer.instance().clone(), hidden };
        membership.publish(self, &event, u64::MAX);
    }

    pub(crate) fn session_down(&self, peer: &Arc<Peer>, hidden: bool, reason: DownReason) {
        let moment = {
            let mut membership = self.membership().lock();
            let node = &peer.instance().node;
            if membership.up.get(node).is_some_and(|up| Arc::ptr_eq(&up.peer, peer)) {
                membership.up.remove(node);
            }
            membership.gone += 1;
            membership.gone
        };
        peer.lost(self, &reason);
        let event = NodeEvent::Down { peer: peer.instance().clone(), hidden, reason };
        self.membership().lock().publish(self, &event, moment);
        self.prune_peers();
    }
}
