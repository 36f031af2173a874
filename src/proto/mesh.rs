//! How the peers of one node come to know each other, so that nodes which are connected at all are
//! connected each with each.
//!
//! ```text
//!   a, met by p and q             x, new
//!        ◀──────── session ────────▶
//!        ◀───── Meet(where x is) ───          each says where it can be dialled, if anywhere
//!        ────── Know(p, q) ────────▶  dials p and q
//! ```
//!
//! Of two that a node has met, it tells the one that it met later of the other; and if only that one can
//! be dialled, it tells the earlier one. So each pair has one dial, whoever connects to whom in whatever
//! order, and a node that joins is told of all in one message, and nobody else is.
//! Invariant: once all that is said has arrived and all dials are done, two nodes that a third has met are
//! connected, unless neither can be dialled, or their session was lost since.
//! A session that is lost is not made again by this; but who joins, or comes back, is told of both ends,
//! and they of each other through it. So one join makes whole what losses have left of a mesh.
//! What this does not do: tell nodes apart that want to be alone. Hidden nodes are not let in here.
//! Source: the meshing of visible nodes by Erlang's `global`, which has every node tell every other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use starlings_runtime::{NodeId, NodeInstance};

#[cfg(test)]
mod tests;

/// Nodes in one [`Output::Know`]. Count. Others follow in further ones. With the longest names and
/// addresses it makes 130 KB.
pub(crate) const KNOWN_MAX: usize = 256;

/// Longest address that is taken from another node. Bytes. As with gossip.
pub(crate) const ADDRESS_BYTES_MAX: usize = 255;

/// Another node, and where it can be dialled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// A session with a visible node is up; or was up when this was asked for the first time.
    Up(NodeInstance),
    /// It is down.
    Down(NodeInstance),
    /// A node says where it can be dialled.
    Met { from: NodeInstance, address: Option<String>, is_again: bool },
    /// A node tells of others.
    Heard { from: NodeInstance, known: Vec<Known> },
    /// A dial is over, well or not.
    Dialled(NodeId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Say where this node can be dialled. Again: what the other one said may be lost.
    Meet { to: NodeInstance, is_again: bool },
    /// Tell of these.
    Know { to: NodeInstance, known: Vec<Known> },
    /// Connect to this one; [`Input::Dialled`] is to follow.
    Dial(Known),
}

/// The peers of one node, as they have said who they are.
#[derive(Debug)]
pub(crate) struct State {
    me: NodeId,
    /// Visible peers that a session is up with. Bounded by the nodes that know the cookie.
    peers: BTreeMap<NodeId, Peer>,
    /// Nodes that are being dialled.
    dials: BTreeSet<NodeId>,
    /// Dials at once. Beyond it what is heard is not followed: the next node that joins tells again.
    dials_max: usize,
}

#[derive(Debug)]
struct Peer {
    instance: NodeInstance,
    met: Met,
}

#[derive(Debug)]
enum Met {
    NotYet,
    At(Option<String>),
}

impl State {
    pub(crate) const fn new(me: NodeId, dials_max: usize) -> Self {
        Self { me, peers: BTreeMap::new(), dials: BTreeSet::new(), dials_max }
    }

    /// The peers that it takes for connected.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &NodeInstance> {
        self.peers.values().map(|peer| &peer.instance)
    }

    pub(crate) fn handle(&mut self, input: Input, outbox: &mut Vec<Output>) {
        match input {
            Input::Up(peer) => self.on_up(peer, outbox),
            Input::Down(peer) => {
                if self.is_connected(&peer) {
                    self.peers.remove(&peer.node);
                }
            }
            Input::Met { from, address, is_again } => {
                let address = address.filter(|address| address.len() <= ADDRESS_BYTES_MAX);
                self.on_met(from, address, is_again, outbox);
            }
            Input::Heard { from, known } => {
                if self.is_connected(&from) {
                    known.into_iter().for_each(|known| self.on_heard(known, outbox));
                }
            }
            Input::Dialled(node) => {
                self.dials.remove(&node);
            }
        }
    }

    fn is_connected(&self, peer: &NodeInstance) -> bool {
        self.peers.get(&peer.node).is_some_and(|known| known.instance == *peer)
    }

    fn on_up(&mut self, instance: NodeInstance, outbox: &mut Vec<Output>) {
        // Known already: this node does not know what it has missed.
        let is_again = self.is_connected(&instance);
        let peer = Peer { instance: instance.clone(), met: Met::NotYet };
        self.peers.insert(instance.node.clone(), peer);
        outbox.push(Output::Meet { to: instance, is_again });
    }

    fn on_met(
        &mut self,
        from: NodeInstance,
        address: Option<String>,
        is_again: bool,
        outbox: &mut Vec<Output>,
    ) {
        if !self.is_connected(&from) {
            return;
        }
        if is_again {
            outbox.push(Output::Meet { to: from.clone(), is_again: false });
        }
        let (mut earlier, mut not_dialled) = (Vec::new(), Vec::new());
        for peer in self.peers.values().filter(|peer| peer.instance != from) {
            match &peer.met {
                Met::At(Some(address)) => {
                    let node = peer.instance.node.clone();
                    earlier.push(Known { node, address: address.clone() });
                }
                Met::At(None) => not_dialled.push(peer.instance.clone()),
                Met::NotYet => {}
            }
        }
        for known in earlier.chunks(KNOWN_MAX) {
            outbox.push(Output::Know { to: from.clone(), known: known.to_vec() });
        }
        if let Some(address) = &address {
            let it = Known { node: from.node.clone(), address: address.clone() };
            let tell = |to| Output::Know { to, known: vec![it.clone()] };
            outbox.extend(not_dialled.into_iter().map(tell));
        }
        if let Some(peer) = self.peers.get_mut(&from.node) {
            peer.met = Met::At(address);
        }
    }

    fn on_heard(&mut self, known: Known, outbox: &mut Vec<Output>) {
        let is_new = known.node != self.me
            && known.address.len() <= ADDRESS_BYTES_MAX
            && !self.peers.contains_key(&known.node)
            && !self.dials.contains(&known.node)
            && self.dials.len() < self.dials_max;
        if is_new {
            self.dials.insert(known.node.clone());
            outbox.push(Output::Dial(known));
        }
    }
}
