//! What the decisions about peers are about. Plain data, under the hub's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starlings_runtime::{ConnectError, DownReason, NodeId};
use tokio::sync::oneshot;

use crate::pipe::{Connection, PipeListener};
use crate::proto::handshake::Agreement;
use crate::proto::peers::{self, Output, SessionKey};
use crate::receiver::Receiver;
use crate::session::{Delivery, Session};

pub(super) type Waiter = oneshot::Sender<Result<(), ConnectError>>;

pub(super) struct Board {
    pub(super) peers: peers::State,
    /// Lanes of attempts that are not complete, or wait for an older session to end.
    pub(super) parked: BTreeMap<(NodeId, SessionKey), Parked>,
    pub(super) live: BTreeMap<NodeId, Live>,
    /// Dropped to tell a dial that it is abandoned.
    pub(super) tries: BTreeMap<(NodeId, SessionKey), oneshot::Sender<()>>,
    /// Nodes that a dial loop is running for.
    pub(super) dials: BTreeSet<NodeId>,
    /// Who waits for a session. Each waits for the connect timeout at most.
    pub(super) waiters: BTreeMap<NodeId, Vec<Waiter>>,
    pub(super) addresses: BTreeMap<NodeId, String>,
    /// Nodes to stay connected with.
    pub(super) kept: BTreeSet<NodeId>,
    /// Nodes of the address book that there was a session with.
    pub(super) lost: BTreeSet<NodeId>,
    pub(super) listener: Option<Arc<dyn PipeListener>>,
}

#[derive(Default)]
pub(super) struct Parked {
    pub(super) lanes: BTreeMap<u8, Connection>,
    pub(super) agreement: Option<Agreement>,
}

pub(super) struct Live {
    pub(super) key: SessionKey,
    pub(super) session: Arc<Session>,
    pub(super) is_announced: bool,
}

/// What a change of the board leads to, once it is unlocked.
pub(super) struct Effects<R: Receiver> {
    pub(super) closes: Vec<(Arc<Session>, DownReason)>,
    pub(super) starts: Vec<(Arc<Delivery<R>>, Vec<Connection>, Agreement)>,
    /// Only dropped: dropping a connection may call into its pipe.
    pub(super) dropped: Vec<Parked>,
    pub(super) verdict: Option<Output>,
    /// Of the dial that is the verdict.
    pub(super) abandoned: Option<oneshot::Receiver<()>>,
}

impl<R: Receiver> Default for Effects<R> {
    fn default() -> Self {
        Self {
            closes: Vec::new(),
            starts: Vec::new(),
            dropped: Vec::new(),
            verdict: None,
            abandoned: None,
        }
    }
}

impl Board {
    /// Gives everybody who waits for a session with the node what came of it.
    pub(super) fn resolve(&mut self, node: &NodeId, outcome: &Result<(), ConnectError>) {
        for waiter in self.waiters.remove(node).unwrap_or_default() {
            // Who does not wait any more does not mind.
            let _ = waiter.send(outcome.clone());
        }
    }
}

impl Parked {
    /// All lanes in order, with what was agreed on the control lane.
    pub(super) fn complete(self) -> Option<(Agreement, Vec<Connection>)> {
        Some((self.agreement?, self.lanes.into_values().collect()))
    }
}
