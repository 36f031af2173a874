//! What all sessions, dials and handshakes of a node share.
//!
//! The pure [`peers::State`] decides; the board beside it, under one lock, holds what the decisions
//! are about: connections that wait for their session to be complete, live sessions, running
//! dials, and who waits for them. Nothing of the runtime is called under that lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{BoxFuture, ConnectError, DownReason, NodeId, NodeInstance};
use tokio::sync::{Notify, oneshot, watch};

mod board;
mod book;
mod settings;

use board::{Board, Effects, Live, Parked};
pub use book::ADDRESSES_MAX;
pub(crate) use settings::Settings;

use crate::clock::Clock;
use crate::pipe::{Connection, PipeListener};
use crate::proto::handshake::{Agreement, Claim};
use crate::proto::peers::{self, Input, Output, SessionKey};
use crate::proto::session;
use crate::receiver::Receiver;
use crate::session::{Delivery, Session, drive_session};
use crate::wire::{CONTROL_LANE, LANES_MAX, Refusal};

/// The shared part of a transport.
pub(crate) struct Hub<R: Receiver> {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    receiver: R,
    board: Mutex<Board>,
    stopping: watch::Sender<bool>,
    /// A session has ended.
    pub(crate) ended: Notify,
}

/// What a dial loop is to do next.
pub(crate) enum Step {
    /// Dial, unless the receiver says that it is abandoned.
    Try(SessionKey, oneshot::Receiver<()>),
    /// Something else is under way.
    Wait,
    /// There is nothing left to do.
    Done,
}

impl<R: Receiver> Hub<R> {
    pub(crate) fn new(
        settings: Settings,
        receiver: R,
        listener: Option<Arc<dyn PipeListener>>,
    ) -> Arc<Self> {
        let me = settings.party.me.node.clone();
        let join_timeout = settings.connect_timeout;
        Arc::new(Self {
            clock: Clock::start(),
            receiver,
            board: Mutex::new(Board {
                peers: peers::State::new(me, join_timeout),
                parked: BTreeMap::new(),
                live: BTreeMap::new(),
                tries: BTreeMap::new(),
                dials: BTreeSet::new(),
                waiters: BTreeMap::new(),
                addresses: BTreeMap::new(),
                kept: BTreeSet::new(),
                lost: BTreeSet::new(),
                listener,
            }),
            stopping: watch::Sender::new(false),
            ended: Notify::new(),
            settings,
        })
    }

    pub(crate) fn receiver(&self) -> &R {
        &self.receiver
    }

    pub(crate) fn listener(&self) -> Option<Arc<dyn PipeListener>> {
        self.board.lock().listener.clone()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.board.lock().peers.is_idle()
    }

    /// Whether it holds no session, no dial, and nobody who waits for one.
    #[cfg(test)]
    pub(crate) fn holds_nothing(&self) -> bool {
        let board = self.board.lock();
        board.peers.is_idle()
            && board.parked.is_empty()
            && board.live.is_empty()
            && board.tries.is_empty()
            && board.dials.is_empty()
            && board.waiters.is_empty()
    }

    /// When [`Input::Elapsed`] is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.board.lock().peers.deadline()
    }

    /// Resolves once the node shuts down.
    pub(crate) async fn stopped(&self) {
        // The sender is ours, so this does not fail.
        let _ = self.stopping.subscribe().wait_for(|is_stopping| *is_stopping).await;
    }

    /// Ends everything, in order.
    pub(crate) fn stop(self: &Arc<Self>) {
        self.stopping.send_replace(true);
        let (listener, waiters) = {
            let mut board = self.board.lock();
            (board.listener.take(), std::mem::take(&mut board.waiters))
        };
        drop(listener);
        for waiter in waiters.into_values().flatten() {
            let _ = waiter.send(Err(ConnectError::NoTransport));
        }
        self.handle(Input::Stop);
    }

    /// Whether a session with the node is live and not on its way out.
    pub(crate) fn is_connected(&self, node: &NodeId) -> bool {
        self.board.lock().peers.is_connected(node)
    }

    /// Waits for a session with `node`; `None` if there is one. The second part tells whether a
    /// dial loop is to be started.
    pub(crate) fn wait(
        &self,
        node: &NodeId,
    ) -> Option<(oneshot::Receiver<Result<(), ConnectError>>, bool)> {
        let board = &mut *self.board.lock();
        let is_announced = board.live.get(node).is_some_and(|live| live.is_announced);
        if is_announced && board.peers.is_connected(node) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        if *self.stopping.borrow() {
            let _ = sender.send(Err(ConnectError::NoTransport));
            return Some((receiver, false));
        }
        let waiters = board.waiters.entry(node.clone()).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(sender);
        Some((receiver, board.dials.insert(node.clone())))
    }

    /// A dial loop found a session and wants to end. `false`: that session has ended meanwhile, and
    /// somebody waits for the next one, who counts on this loop.
    pub(crate) fn dial_done(&self, node: &NodeId) -> bool {
        let mut board = self.board.lock();
        let is_wanted = board.waiters.contains_key(node) && !board.peers.is_connected(node);
        if !is_wanted {
            board.dials.remove(node);
        }
        !is_wanted
    }

    /// A dial loop has failed. Everybody who waits gets this outcome.
    pub(crate) fn dial_failed(&self, node: &NodeId, error: ConnectError) {
        let mut board = self.board.lock();
        board.dials.remove(node);
        board.resolve(node, &Err(error));
    }

    /// Asks what a dial loop is to do. `id` names the session if it is to dial.
    pub(crate) fn next_step(self: &Arc<Self>, node: &NodeId, id: u64) -> Step {
        let lanes = self.settings.party.lanes;
        let connect = Input::Connect { node: node.clone(), id, lanes };
        match self.change(|_| connect) {
            (Some(Output::Dial { key, .. }), Some(abandoned)) => Step::Try(key, abandoned),
            (Some(Output::Busy), _) => Step::Wait,
            _ => Step::Done,
        }
    }

    /// The name of the last session with the node, if that has ended.
    pub(crate) fn last_ended(&self, node: &NodeId) -> Option<u64> {
        self.board.lock().peers.last_ended(node)
    }

    /// Whether a proven dialler gets its lane.
    pub(crate) fn admit(self: &Arc<Self>, claim: Claim) -> Result<(), Refusal> {
        if !self.allows(&claim.peer.node) {
            return Err(Refusal::NotAllowed);
        }
        match self.handle(Input::Claimed(claim)) {
            Some(Output::Admitted) => Ok(()),
            Some(Output::Refused(refusal)) => Err(refusal),
            _ => Err(Refusal::UnknownSession),
        }
    }

    /// The handshake of a lane is done.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: SessionKey,
        lane: u8,
        connection: Connection,
        agreement: Agreement,
    ) {
        let (peer, lanes) = (agreement.peer.clone(), agreement.lanes);
        self.change(|board| {
            let parked = board.parked.entry((peer.node.clone(), key)).or_default();
            parked.lanes.insert(lane, connection);
            if lane == CONTROL_LANE {
                parked.agreement = Some(agreement);
            }
            Input::Joined { peer, key, lane, lanes }
        });
    }

    /// An attempt is over without a session, or its success is known already.
    pub(crate) fn fail(self: &Arc<Self>, node: &NodeId, key: SessionKey) {
        self.change(|board| {
            board.tries.remove(&(node.clone(), key));
            let node = node.clone();
            Input::Failed { node, key }
        });
    }

    /// The runtime has been told of the session.
    pub(crate) fn announce(&self, node: &NodeId, key: SessionKey) {
        let mut board = self.board.lock();
        if let Some(live) = board.live.get_mut(node).filter(|live| live.key == key) {
            live.is_announced = true;
        }
        board.resolve(node, &Ok(()));
    }

    /// The runtime does not want the session.
    pub(crate) fn refuse(&self, node: &NodeId, why: &str) {
        let error = handshake_failed(node, why);
        self.board.lock().resolve(node, &Err(error));
    }

    /// A session is over, and its down is reported.
    pub(crate) fn end(self: &Arc<Self>, node: &NodeId, key: SessionKey, reason: &DownReason) {
        self.change(|board| {
            if let Some(live) = board.live.remove(node)
                && !live.is_announced
            {
                let why = "the session ended before it was up";
                board.resolve(node, &Err(handshake_failed(node, why)));
            }
            if *reason != DownReason::Idle && board.addresses.contains_key(node) {
                board.lost.insert(node.clone());
            }
            let node = node.clone();
            Input::Ended { node, key }
        });
        self.ended.notify_waiters();
    }

    /// Tells the state what happened, and does what it wants. The answer, to those that have one.
    pub(crate) fn handle(self: &Arc<Self>, input: Input) -> Option<Output> {
        self.change(|_| input).0
    }

    fn change(
        self: &Arc<Self>,
        prepare: impl FnOnce(&mut Board) -> Input,
    ) -> (Option<Output>, Option<oneshot::Receiver<()>>) {
        let mut effects = Effects::default();
        {
            let mut board = self.board.lock();
            let input = prepare(&mut board);
            let mut outbox = Vec::new();
            board.peers.handle(self.clock.now(), input, &mut outbox);
            for output in outbox {
                self.perform(&mut board, output, &mut effects);
            }
        }
        for (session, reason) in effects.closes {
            session.handle(session::Input::Close(reason));
        }
        for (delivery, lanes, agreement) in effects.starts {
            let session = drive_session(delivery, lanes, agreement);
            self.spawn("session", Box::pin(session));
        }
        (effects.verdict, effects.abandoned)
    }

    fn perform(self: &Arc<Self>, board: &mut Board, output: Output, effects: &mut Effects<R>) {
        match output {
            Output::Abandon { node, key } => {
                board.tries.remove(&(node.clone(), key));
                effects.dropped.extend(board.parked.remove(&(node, key)));
            }
            Output::Close { node, key, reason } => {
                if let Some(live) = board.live.get(&node).filter(|live| live.key == key) {
                    effects.closes.push((live.session.clone(), reason));
                }
            }
            Output::Up { peer, key } => self.start(board, peer, key, effects),
            Output::Dial { ref node, key } => {
                let (sender, abandoned) = oneshot::channel();
                board.tries.insert((node.clone(), key), sender);
                effects.abandoned = Some(abandoned);
                effects.verdict = Some(output);
            }
            Output::Busy | Output::Connected | Output::Admitted | Output::Refused(_) => {
                effects.verdict = Some(output);
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        board: &mut Board,
        peer: NodeInstance,
        key: SessionKey,
        effects: &mut Effects<R>,
    ) {
        let at = (peer.node.clone(), key);
        board.tries.remove(&at);
        let parked = board.parked.remove(&at);
        let Some((agreement, lanes)) = parked.and_then(Parked::complete) else {
            debug_assert!(false, "a session is up without its lanes");
            return;
        };
        let lane_count = u8::try_from(lanes.len()).unwrap_or(LANES_MAX);
        let terms = self.settings.terms();
        let session = Session::new(self.clock, (key.side, lane_count), &agreement, terms);
        let live = Live { key, session: session.clone(), is_announced: false };
        board.live.insert(peer.node.clone(), live);
        let delivery =
            Arc::new(Delivery { hub: self.clone(), peer, key, session, receiver: OnceLock::new() });
        effects.starts.push((delivery, lanes, agreement));
    }

    /// Runs a future on the transport's threads, for as long as the spawner lets it.
    pub(crate) fn spawn(&self, what: &'static str, future: BoxFuture<'static, ()>) {
        (self.settings.spawner)(what, self.on_threads(future));
    }

    pub(crate) fn on_threads(&self, future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let running = self.settings.threads.run(future);
        Box::pin(async move {
            // A task that panicked has told of it.
            let _ = running.await;
        })
    }
}

fn handshake_failed(node: &NodeId, why: &str) -> ConnectError {
    ConnectError::HandshakeFailed { node: node.clone(), why: why.to_owned() }
}
