//! Which dial or session of each peer counts. One value per node.
//!
//! ```text
//!              Connect / claim of the control lane
//!     (none) ──────────────────────────────────────▶ attempt ──▶ all lanes joined ─┐
//!        ▲                                              │ failed, expired,         │
//!        │◀─────────────────────────────────────────────┘ abandoned for another   │
//!        │   Ended                                                                 ▼
//!        └──────────────────────────────────────────────────────────────────── live: Up
//! ```
//!
//! A peer has at most one live session and one attempt. An attempt becomes live only once there is
//! no live session, and a live session goes only with [`Input::Ended`], which the driver says after
//! it has reported the down.
//! Invariant: of each peer, ups and downs alternate, and the down of a session comes before the up
//! of the next, whatever the incarnations.
//!
//! Arbitration of dials that cross. A dial is in the race once the other end has challenged it. Of
//! two in the race, the dial of the greater name counts: the greater node refuses the other dial,
//! the lesser one abandons its own. A dial not yet challenged gives way to one that has proved
//! itself, so a node that cannot reach the other does not keep it from dialling.
//! Source: the Erlang distribution handshake (`ok_simultaneous`, `nok`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use starlings_runtime::{DownReason, Incarnation, NodeId, NodeInstance};

use super::handshake::Claim;
use crate::wire::{CONTROL_LANE, Refusal};

mod attempt;
mod events;
#[cfg(test)]
mod tests;

use attempt::{Attempt, Stage};
pub use events::{Input, Output, SessionKey, Side};

/// The sessions of one node.
#[derive(Debug)]
pub struct State {
    me: NodeId,
    /// How long an accepted dial may take to join all lanes.
    join_timeout: Duration,
    /// No entry is empty. Bounded by the peers that know the cookie.
    peers: BTreeMap<NodeId, Peer>,
    /// The names of the last sessions with nodes that there is none with.
    ended: BTreeMap<NodeId, u64>,
    is_stopping: bool,
}

/// Nodes whose last session is remembered. Count. One that is forgotten may have to wait for the other
/// end's silent period before it lets this one in again.
pub const ENDED_MAX: usize = 4096;

#[derive(Debug, Default)]
struct Peer {
    live: Option<Live>,
    attempt: Option<Attempt>,
}

#[derive(Debug)]
struct Live {
    key: SessionKey,
    incarnation: Incarnation,
    is_closing: bool,
}

impl State {
    /// A node without sessions. An accepted dial that has not joined all lanes after
    /// `join_timeout` is abandoned.
    #[must_use]
    pub fn new(me: NodeId, join_timeout: Duration) -> Self {
        let (peers, ended) = (BTreeMap::new(), BTreeMap::new());
        Self { me, join_timeout, peers, ended, is_stopping: false }
    }

    /// When [`Input::Elapsed`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let attempts = self.peers.values().filter_map(|peer| peer.attempt.as_ref());
        attempts.filter_map(|attempt| attempt.expires).min()
    }

    /// Whether nothing is live and nothing under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether a session with the node is live and not on its way out.
    #[must_use]
    pub fn is_connected(&self, node: &NodeId) -> bool {
        let live = self.peers.get(node).and_then(|peer| peer.live.as_ref());
        live.is_some_and(|live| !live.is_closing)
    }

    /// The name of the last session with the node, if that has ended or is about to.
    #[must_use]
    pub fn last_ended(&self, node: &NodeId) -> Option<u64> {
        match self.peers.get(node).and_then(|peer| peer.live.as_ref()) {
            Some(live) => live.is_closing.then_some(live.key.id),
            None => self.ended.get(node).copied(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Duration, input: Input, outbox: &mut Vec<Output>) {
        match input {
            Input::Connect { node, id, lanes } => self.on_connect(node, id, lanes, outbox),
            Input::Disconnect(node) => self.close(&node, &DownReason::Disconnected, outbox),
            Input::Lost(peer) => {
                let live = self.peers.get(&peer.node).and_then(|peer| peer.live.as_ref());
                if live.is_some_and(|live| live.incarnation <= peer.incarnation) {
                    self.close(&peer.node, &DownReason::HeartbeatTimeout, outbox);
                }
            }
            Input::Claimed(claim) => match self.refusal(&claim) {
                Some(refusal) => outbox.push(Output::Refused(refusal)),
                None => self.admit(now, claim, outbox),
            },
            Input::Challenged { node, key } => {
                if let Some(attempt) = self.attempt(&node, key)
                    && attempt.stage == Stage::Calling
                {
                    attempt.stage = Stage::Challenged;
                }
            }
            Input::Joined { peer, key, lane, lanes } => {
                self.on_joined(peer, key, (lane, lanes), outbox);
            }
            Input::Failed { node, key } => {
                if self.attempt(&node, key).is_some() {
                    self.peer(&node).attempt = None;
                }
                self.forget_if_empty(&node);
            }
            Input::Ending { node, key } => {
                let live = self.peers.get_mut(&node).and_then(|peer| peer.live.as_mut());
                if let Some(live) = live.filter(|live| live.key == key) {
                    live.is_closing = true;
                }
            }
            Input::Ended { node, key } => self.on_ended(&node, key, outbox),
            Input::Stop => self.on_stop(outbox),
            Input::Elapsed => self.on_elapsed(now, outbox),
        }
    }

    fn on_connect(&mut self, node: NodeId, id: u64, lanes: u8, outbox: &mut Vec<Output>) {
        if self.is_stopping {
            return outbox.push(Output::Refused(Refusal::ShuttingDown));
        }
        if self.is_connected(&node) {
            return outbox.push(Output::Connected);
        }
        let peer = self.peer(&node);
        if peer.attempt.is_some() {
            return outbox.push(Output::Busy);
        }
        let key = SessionKey { side: Side::Dialled, id };
        peer.attempt = Some(Attempt::new(key, Stage::Calling, lanes, None));
        outbox.push(Output::Dial { node, key });
    }

    /// Why a lane may not join, if it may not.
    fn refusal(&self, claim: &Claim) -> Option<Refusal> {
        if self.is_stopping {
            return Some(Refusal::ShuttingDown);
        }
        let peer = self.peers.get(&claim.peer.node);
        let attempt = peer.and_then(|peer| peer.attempt.as_ref());
        if claim.lane != CONTROL_LANE {
            let key = key_of(claim);
            let stage = Stage::Agreed(claim.peer.incarnation);
            let joins = attempt.is_some_and(|attempt| {
                attempt.key == key
                    && attempt.stage == stage
                    && claim.lane < attempt.lanes
                    && !attempt.has(claim.lane)
            });
            return (!joins).then_some(Refusal::UnknownSession);
        }
        let live = peer.and_then(|peer| peer.live.as_ref());
        let known = |incarnation: Incarnation| match claim.peer.incarnation.cmp(&incarnation) {
            Ordering::Less => Some(Refusal::OlderIncarnation),
            Ordering::Equal => Some(Refusal::AlreadyConnected),
            Ordering::Greater => None,
        };
        // The peer knows of an end that this node does not know of yet.
        let has_lost = |live: &&Live| {
            live.incarnation == claim.peer.incarnation && claim.lost == Some(live.key.id)
        };
        let live = live.filter(|live| !has_lost(live));
        if let Some(refusal) = live.and_then(|live| known(live.incarnation)) {
            return Some(refusal);
        }
        match attempt.map(|attempt| (attempt.stage, attempt.key.side)) {
            None | Some((Stage::Calling, _)) => None,
            Some((Stage::Challenged, _)) => {
                (self.me > claim.peer.node).then_some(Refusal::SimultaneousDial)
            }
            Some((Stage::Agreed(incarnation), Side::Dialled)) => known(incarnation),
            // The peer dials again only when it has given up the dial before.
            Some((Stage::Agreed(incarnation), Side::Accepted)) => {
                known(incarnation).filter(|refusal| *refusal == Refusal::OlderIncarnation)
            }
        }
    }

    fn admit(&mut self, now: Duration, claim: Claim, outbox: &mut Vec<Output>) {
        outbox.push(Output::Admitted);
        if claim.lane != CONTROL_LANE {
            return;
        }
        let expires = now.checked_add(self.join_timeout);
        let key = key_of(&claim);
        let node = claim.peer.node;
        let stage = Stage::Agreed(claim.peer.incarnation);
        let attempt = Attempt::new(key, stage, claim.lanes, expires);
        if let Some(before) = self.peer(&node).attempt.replace(attempt) {
            outbox.push(Output::Abandon { node: node.clone(), key: before.key });
        }
        // A live session is of an earlier incarnation here, or over for the peer, or the claim would be
        // refused.
        self.close(&node, &DownReason::Closed, outbox);
    }

    fn on_joined(
        &mut self,
        peer: NodeInstance,
        key: SessionKey,
        (lane, lanes): (u8, u8),
        outbox: &mut Vec<Output>,
    ) {
        let entry = self.peer(&peer.node);
        let live = entry.live.as_ref().map(|live| live.incarnation);
        let Some(attempt) = entry.attempt.as_mut().filter(|attempt| attempt.key == key) else {
            let node = peer.node;
            self.forget_if_empty(&node);
            return outbox.push(Output::Abandon { node, key });
        };
        if key.side == Side::Dialled && lane == CONTROL_LANE {
            attempt.stage = Stage::Agreed(peer.incarnation);
            attempt.lanes = lanes;
        }
        let is_known = attempt.stage == Stage::Agreed(peer.incarnation) && lane < attempt.lanes;
        if !is_known || attempt.has(lane) || live.is_some_and(|live| live > peer.incarnation) {
            entry.attempt = None;
            let node = peer.node;
            self.forget_if_empty(&node);
            return outbox.push(Output::Abandon { node, key });
        }
        attempt.joined |= 1 << lane;
        if live.is_some_and(|live| live < peer.incarnation) {
            self.close(&peer.node, &DownReason::Closed, outbox);
        }
        self.promote(&peer.node, outbox);
    }

    fn on_ended(&mut self, node: &NodeId, key: SessionKey, outbox: &mut Vec<Output>) {
        let peer = self.peer(node);
        if peer.live.take_if(|live| live.key == key).is_some() {
            if self.ended.len() >= ENDED_MAX && !self.ended.contains_key(node) {
                self.ended.pop_first();
            }
            self.ended.insert(node.clone(), key.id);
        }
        self.promote(node, outbox);
        self.forget_if_empty(node);
    }

    fn on_stop(&mut self, outbox: &mut Vec<Output>) {
        self.is_stopping = true;
        let nodes: Vec<_> = self.peers.keys().cloned().collect();
        for node in nodes {
            self.abandon(&node, outbox);
            self.close(&node, &DownReason::Shutdown, outbox);
            self.forget_if_empty(&node);
        }
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        let is_due = |peer: &Peer| {
            let expires = peer.attempt.as_ref().and_then(|attempt| attempt.expires);
            expires.is_some_and(|expires| expires <= now)
        };
        let due = self.peers.iter().filter(|(_, peer)| is_due(peer));
        let due: Vec<_> = due.map(|(node, _)| node.clone()).collect();
        for node in due {
            self.abandon(&node, outbox);
            self.forget_if_empty(&node);
        }
    }

    /// Makes a complete attempt the live session, if there is none.
    fn promote(&mut self, node: &NodeId, outbox: &mut Vec<Output>) {
        let peer = self.peer(node);
        let Some(attempt) =
            peer.attempt.take_if(|attempt| peer.live.is_none() && attempt.is_complete())
        else {
            return;
        };
        let Stage::Agreed(incarnation) = attempt.stage else {
            debug_assert!(false, "lanes joined before the control lane");
            return;
        };
        let key = attempt.key;
        peer.live = Some(Live { key, incarnation, is_closing: false });
        let node = node.clone();
        let peer = NodeInstance { node, incarnation };
        outbox.push(Output::Up { peer, key });
    }

    fn close(&mut self, node: &NodeId, reason: &DownReason, outbox: &mut Vec<Output>) {
        let live = self.peers.get_mut(node).and_then(|peer| peer.live.as_mut());
        if let Some(live) = live.filter(|live| !live.is_closing) {
            live.is_closing = true;
            outbox.push(Output::Close {
                node: node.clone(),
                key: live.key,
                reason: reason.clone(),
            });
        }
    }

    fn abandon(&mut self, node: &NodeId, outbox: &mut Vec<Output>) {
        if let Some(attempt) = self.peer(node).attempt.take() {
            outbox.push(Output::Abandon { node: node.clone(), key: attempt.key });
        }
    }

    fn attempt(&mut self, node: &NodeId, key: SessionKey) -> Option<&mut Attempt> {
        let attempt = self.peers.get_mut(node)?.attempt.as_mut();
        attempt.filter(|attempt| attempt.key == key)
    }

    fn peer(&mut self, node: &NodeId) -> &mut Peer {
        self.peers.entry(node.clone()).or_default()
    }

    fn forget_if_empty(&mut self, node: &NodeId) {
        let peer = self.peers.get(node);
        if peer.is_some_and(|peer| peer.live.is_none() && peer.attempt.is_none()) {
            self.peers.remove(node);
        }
    }
}

fn key_of(claim: &Claim) -> SessionKey {
    SessionKey { side: Side::Accepted, id: claim.session }
}
