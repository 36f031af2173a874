//! What must hold of sessions, as their users see them.
//!
//! | property | source |
//! |---|---|
//! | ups and downs of a peer alternate | semantics.md, Nodes; OTP `net_kernel:monitor_nodes` |
//! | nothing is delivered before the up or after the down | the same |
//! | at most once, in order, without gap from each sender to each receiver, whatever size and address | semantics.md, Delivery |
//! | nothing from or to another incarnation | semantics.md, Identity |
//! | a peer's incarnations never fall | docs/protocol/session.md |
//! | at an end for want of use, all that either end took is delivered or goes by the next session | semantics.md, Nodes |
//! | no two ends take different sessions for the same one | docs/protocol/session.md |

use std::collections::{BTreeMap, BTreeSet};

use starlings_runtime::{DownReason, NodeId, NodeInstance};
use starlings_transport::proto::peers::{SessionKey, Side};

use super::node::Envelope;

type Who = (NodeInstance, NodeId);

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    live: BTreeMap<Who, (NodeInstance, SessionKey)>,
    last_up: BTreeMap<Who, NodeInstance>,
    /// The number of the last envelope from one life to another, by sender and receiver.
    numbers: BTreeMap<(NodeInstance, NodeInstance, [u64; 2]), u64>,
    /// The next one of a sender to a receiver in a session.
    places: BTreeMap<(NodeInstance, SessionKey, [u64; 2]), u64>,
    /// Who was at the ends of each session, the dialler first.
    ends: BTreeMap<u64, [Option<NodeInstance>; 2]>,
    /// What one life took for another and is not delivered, by receiver and number.
    pending: BTreeMap<(NodeInstance, NodeInstance), BTreeSet<(u64, u64)>>,
    pub(crate) delivered: u64,
    pub(crate) ups: u64,
    /// Ends for want of use; and how many envelopes went by the next session.
    pub(crate) idle_ends: u64,
    pub(crate) carried: u64,
}

impl Oracle {
    pub(crate) fn up(
        &mut self,
        me: &NodeInstance,
        peer: &NodeInstance,
        key: SessionKey,
    ) -> Result<(), String> {
        let who = (me.clone(), peer.node.clone());
        if let Some(before) = self.live.insert(who.clone(), (peer.clone(), key)) {
            return Err(format!("{me:?}: up of {peer:?} before the down of {before:?}"));
        }
        if let Some(before) = self.last_up.insert(who, peer.clone())
            && before.incarnation > peer.incarnation
        {
            return Err(format!("{me:?}: up of {peer:?} after that of {before:?}"));
        }
        let (dialler, listener) = match key.side {
            Side::Dialled => (me, peer),
            Side::Accepted => (peer, me),
        };
        let ends = [Some(dialler.clone()), Some(listener.clone())];
        let known = self.ends.entry(key.id).or_insert_with(|| ends.clone());
        if *known != ends {
            return Err(format!("session {} is between {known:?} and {ends:?}", key.id));
        }
        self.ups += 1;
        Ok(())
    }

    pub(crate) fn down(
        &mut self,
        me: &NodeInstance,
        peer: &NodeInstance,
        key: SessionKey,
        reason: &DownReason,
        carried: &BTreeSet<(u64, u64)>,
    ) -> Result<(), String> {
        let who = (me.clone(), peer.node.clone());
        let live = self.live.remove(&who);
        if live != Some((peer.clone(), key)) {
            return Err(format!("{me:?}: down of {peer:?} {key:?}, but {live:?} was up"));
        }
        let ends = (me.clone(), peer.clone());
        let pending = self.pending.remove(&ends).unwrap_or_default();
        if *reason != DownReason::Idle {
            return Ok(());
        }
        if pending != *carried {
            let why = "closed for want of use, and not delivered is";
            return Err(format!("{me:?}: {peer:?} {why} {pending:?}, of which go on {carried:?}"));
        }
        self.idle_ends += 1;
        self.carried += carried.len() as u64;
        self.pending.insert(ends, pending);
        Ok(())
    }

    pub(crate) fn accepted(&mut self, envelope: &Envelope) {
        let Envelope { from, to, receiver, number, .. } = envelope;
        let pending = self.pending.entry((from.clone(), to.clone())).or_default();
        pending.insert((*receiver, *number));
    }

    /// What was taken for a life that is over is told to have failed.
    pub(crate) fn dropped(&mut self, me: &NodeInstance, peer: &NodeInstance) {
        self.pending.remove(&(me.clone(), peer.clone()));
    }

    pub(crate) fn delivered(
        &mut self,
        me: &NodeInstance,
        key: SessionKey,
        envelope: &Envelope,
    ) -> Result<(), String> {
        let Envelope { from, to, sender, receiver, number, place, .. } = envelope;
        let pair = [*sender, *receiver];
        let who = (me.clone(), from.node.clone());
        if self.live.get(&who) != Some(&(from.clone(), key)) {
            return Err(format!("{me:?}: {envelope:?} without a session"));
        }
        if to != me {
            return Err(format!("{me:?}: {envelope:?} is for another life"));
        }
        let next = self.places.entry((me.clone(), key, pair)).or_default();
        if *next != *place {
            return Err(format!("{me:?}: {envelope:?} where {next} was due"));
        }
        *next += 1;
        let last = self.numbers.entry((from.clone(), to.clone(), pair)).or_default();
        if *last >= *number {
            return Err(format!("{me:?}: {envelope:?} after number {last}"));
        }
        *last = *number;
        if let Some(pending) = self.pending.get_mut(&(from.clone(), to.clone())) {
            pending.remove(&(*receiver, *number));
        }
        self.delivered += 1;
        Ok(())
    }

    /// A life is over; it sees nothing more.
    pub(crate) fn crashed(&mut self, me: &NodeInstance) {
        self.live.retain(|(of, _), _| of != me);
        self.pending.retain(|(from, _), _| from != me);
    }
}
