//! Other nodes: connecting to them, and what is kept of each.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::Node;
use crate::identity::{NodeId, NodeInstance};
use crate::reason::ExitReason;
use crate::remote::carrier::{Carrier, ConnectError};
use crate::remote::ingress::Ingress;
use crate::remote::peer::Peer;

/// Lives of nodes remembered before those that no pid refers to are forgotten. Count.
const PEERS_PRUNE: usize = 1024;

/// Other nodes.
impl Node {
    /// What a transport hands its sessions to.
    #[must_use]
    pub fn ingress(&self) -> Ingress {
        Ingress::new(self.clone())
    }

    /// Gives the node its transport, once; `false` if it has one.
    pub fn set_carrier(&self, carrier: Arc<dyn Carrier>) -> bool {
        self.0.carrier.set(carrier).is_ok()
    }

    /// Connects to another node, or finds that it is connected.
    ///
    /// # Errors
    /// Any [`ConnectError`]; there is then no session.
    pub async fn connect(&self, node: &NodeId, address: Option<&str>) -> Result<(), ConnectError> {
        if node == self.name() {
            return Err(ConnectError::SelfConnect(node.clone()));
        }
        let carrier = self.0.carrier.get().filter(|_| !self.is_closing());
        let carrier = carrier.ok_or(ConnectError::NoTransport)?;
        carrier.connect(node.clone(), address.map(ToOwned::to_owned)).await
    }

    /// Ends the session with a node; `false` if there is none.
    #[must_use = "it says whether there was a session"]
    pub fn disconnect(&self, node: &NodeId) -> bool {
        self.0.carrier.get().is_some_and(|carrier| carrier.disconnect(node))
    }

    /// A value that a service keeps with the node, by its type; made by `make` if it is not there.
    pub fn extension<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let entry = self.0.extensions.entry(TypeId::of::<T>());
        let any = Arc::clone(&*entry.or_insert_with(|| Arc::new(make())));
        match any.downcast::<T>() {
            Ok(value) => value,
            Err(_) => unreachable!("the key is its type"),
        }
    }

    /// The session's peer, connecting first if need be.
    pub(crate) async fn reach(&self, node: &NodeId) -> Result<Arc<Peer>, ConnectError> {
        if let Some(peer) = self.connected_peer(node) {
            return Ok(peer);
        }
        match self.0.carrier.get() {
            Some(carrier) if !carrier.may_connect(node) && carrier.knows(node) => {
                return Err(ConnectError::NotAutomatic(node.clone()));
            }
            Some(_) | None => self.connect(node, None).await?,
        }
        self.connected_peer(node).ok_or_else(|| ConnectError::NoAddress(node.clone()))
    }

    /// The peer that this node is connected with, or the last life of it that it has been: what is sent
    /// to that opens a session, where it may.
    #[expect(clippy::disallowed_methods, reason = "a life that is added meanwhile may be missed")]
    pub(crate) fn last_peer(&self, node: &NodeId) -> Option<Arc<Peer>> {
        self.connected_peer(node).or_else(|| {
            let lives = self.0.peers.iter().filter(|peer| peer.key().node == *node);
            let last = lives.max_by_key(|peer| peer.key().incarnation);
            last.map(|peer| Arc::clone(peer.value()))
        })
    }

    /// Starts to connect on behalf of envelopes that `peer` keeps; which dial that is, or `None` if it
    /// is hopeless.
    pub(crate) fn dial(&self, peer: &Arc<Peer>) -> Option<u64> {
        let target = peer.instance().node.clone();
        let carrier = self.0.carrier.get().filter(|carrier| carrier.may_connect(&target))?;
        let (dialled, dial) = (carrier.connect(target, None), self.next_ref());
        let (node, peer) = (self.clone(), Arc::clone(peer));
        self.run(async move {
            let superseded = dialled.await.is_ok() && node.is_superseded(peer.instance());
            let reason = if superseded { ExitReason::NoProc } else { ExitReason::NoConnection };
            peer.dialled(&node, dial, &reason);
        });
        Some(dial)
    }

    pub(crate) fn peer(&self, instance: &NodeInstance) -> Arc<Peer> {
        if instance == self.instance() {
            return Arc::clone(&self.0.me);
        }
        if let Some(peer) = self.0.peers.get(instance) {
            return Arc::clone(&peer);
        }
        if self.0.peers.len() >= PEERS_PRUNE {
            self.prune_peers();
        }
        let make = || {
            let timers = Some(Arc::clone(self.timers()));
            Arc::new(Peer::new(instance.clone(), false, Arc::downgrade(&self.0), timers))
        };
        Arc::clone(&*self.0.peers.entry(instance.clone()).or_insert_with(make))
    }

    /// Forgets lives of nodes that nothing refers to.
    pub(crate) fn prune_peers(&self) {
        self.0.peers.retain(|_, peer| Arc::strong_count(peer) > 1);
    }
}
