//! What comes in from other nodes: sessions, and their envelopes.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bond::signal::Signal;
use crate::error::{CallError, SpawnError};
use crate::function::error::RunError;
use crate::function::registered;
use crate::identity::NodeInstance;
use crate::life::arrival::Cast;
use crate::life::birth::{Answer, Birth};
use crate::life::cell::AnyCell;
use crate::life::spawn::Options;
use crate::message::mailbox::Verdict;
use crate::message::reply::CallBack;
use crate::node::Node;
use crate::node::types::Schemas;
use crate::pid::AnyPid;
use crate::reason::DownReason;
use crate::remote::carrier::{LaneKey, Outlet, SessionInfo, Urgency};
use crate::remote::decoding::Source;
use crate::remote::pause::ReceiverKey;
use crate::remote::peer::{Peer, Session};
use crate::remote::wire::{self, CallRef, Header, MethodKey, MethodRef, SpawnRequest};

/// The runtime's side of the port to other nodes: what a transport hands sessions and envelopes to.
#[derive(Debug, Clone)]
pub struct Ingress {
    node: Node,
}

/// An envelope or a greeting that does not decode. The session it came by must be closed with
/// [`DownReason::ProtocolError`]; nothing else is touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProtocolViolation(pub String);

impl Ingress {
    pub(crate) fn new(node: Node) -> Self {
        Self { node }
    }

    /// Who this node is.
    #[must_use]
    pub fn local(&self) -> &NodeInstance {
        self.node.instance()
    }

    /// What the other side must be given when a session opens: opaque bytes.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Err(error) = wire::append(&self.node.schemas(), &mut bytes) {
            tracing::error!(node = %self.node.name(), %error, "the greeting does not encode");
        }
        bytes
    }

    /// A session is made. Subscribers have seen `NodeUp` when this returns; only then may envelopes
    /// be delivered. The session before it with the same node must have been taken down.
    ///
    /// # Errors
    /// The greeting does not decode: there is no session, and nobody saw an `Up`.
    pub fn session_up(
        &self,
        info: SessionInfo,
        outlet: Arc<dyn Outlet>,
    ) -> Result<SessionIngress, ProtocolViolation> {
        let schemas: Schemas = wire::decode(&info.greeting)
            .map_err(|error| ProtocolViolation(format!("bad greeting: {error}")))?;
        let peer = self.node.peer(&info.peer);
        let session = Session { outlet, schemas: schemas.into() };
        self.node.session_up(&peer, info.hidden, session);
        let open = Mutex::new(true);
        Ok(SessionIngress { node: self.node.clone(), peer, hidden: info.hidden, open })
    }
}

/// The receiving side of one session.
#[derive(Debug)]
pub struct SessionIngress {
    node: Node,
    peer: Arc<Peer>,
    hidden: bool,
    open: Mutex<bool>,
}

impl SessionIngress {
    /// Whether this node needs the session, or has used it since this was asked the last time: see
    /// [`Node::hold`]. To be asked once the outlet takes no more envelopes, before an end for
    /// [`DownReason::Idle`] is agreed on.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.peer.is_needed(&self.node)
    }

    /// The outlet, which refused envelopes with [`OutletError::Idle`](crate::OutletError::Idle), takes them
    /// again: those that were kept are sent when this returns.
    pub fn resumed(&self) {
        self.peer.resumed();
    }

    /// The session has ended; call it after the last `deliver`. What hung on it fails, and
    /// subscribers see `NodeDown`. Only the first call counts.
    pub fn down(&self, reason: DownReason) {
        if std::mem::take(&mut *self.open.lock()) {
            self.node.session_down(&self.peer, self.hidden, reason);
        }
    }

    pub(super) fn on_casts(
        &self,
        to: ReceiverKey,
        cell: Option<&Arc<dyn AnyCell>>,
        casts: &[Cast<'_>],
    ) {
        match cell {
            Some(cell) => {
                let verdict = cell.deliver_casts(self.source(), to, casts);
                self.on_verdict(&**cell, to, verdict);
            }
            None => {
                casts.iter().for_each(|_| self.node.counters().note_undeliverable());
                let (node, to) = (self.node.name(), to.0);
                tracing::trace!(%node, to, "casts from another node: no such actor");
            }
        }
    }

    pub(super) fn on_header(&self, header: Header, tail: &[u8]) -> Result<(), ProtocolViolation> {
        match header {
            Header::Cast { to, method } => {
                let cast = [(self.method(method)?, tail)];
                let receiver = ReceiverKey::of_actor(to);
                self.on_casts(receiver, self.node.cell(to).as_ref(), &cast);
            }
            Header::CastNamed { to, method } => {
                let cast = [(self.method(method)?, tail)];
                let receiver = ReceiverKey::of_name(&to);
                self.on_casts(receiver, self.named(&to).as_ref(), &cast);
            }
            Header::Call { to, method, call, deadline_ms } => {
                let key = self.method(method)?;
                match self.node.cell(to) {
                    Some(cell) => {
                        let deadline = Instant::now() + Duration::from_millis(deadline_ms.into());
                        let peer = Arc::clone(&self.peer);
                        let back = CallBack::new(peer, call, Arc::clone(&cell), deadline);
                        let to = ReceiverKey::of_actor(to);
                        let verdict = cell.deliver_call(self.source(), to, (key, tail), back);
                        self.on_verdict(&*cell, to, verdict);
                    }
                    None => self.node.refuse_call(&self.peer, to, call),
                }
            }
            Header::Pause { key } => {
                if !self.peer.pauses.pause(ReceiverKey(key)) {
                    return Err(ProtocolViolation("too many receivers are full".to_owned()));
                }
            }
            Header::Resume { key } => self.peer.pauses.resume(ReceiverKey(key)),
            Header::Reply { call } => self.answer(call, Ok(tail)),
            Header::ReplyError { call, error } => self.answer(call, Err(error)),
            Header::Spawn(request) => self.on_spawn(request, tail),
            Header::Spawned { call, serial } => self.on_spawned(call, Ok(serial)),
            Header::SpawnFailed { call, error } => self.on_spawned(call, Err(error)),
            Header::WhereIs { call, name } => self.on_where_is(call, &name),
            Header::Run(request) => registered::on_run(self.source(), request, tail),
            Header::RunFailed { call, error } => self.on_run_failed(call, error),
            Header::Link { .. }
            | Header::Unlink { .. }
            | Header::UnlinkAck { .. }
            | Header::Exit { .. }
            | Header::Stop { .. }
            | Header::Drain { .. }
            | Header::Kill { .. }
            | Header::Monitor { .. }
            | Header::Demonitor { .. }
            | Header::Down { .. } => self.on_signal(header),
            // Unwrapped before it comes here.
            Header::Traced(_) => {}
        }
        Ok(())
    }

    pub(super) fn method(&self, method: MethodRef) -> Result<MethodKey, ProtocolViolation> {
        let key = self.node.types().method(method);
        key.ok_or_else(|| ProtocolViolation(format!("{method:?} is no method here")))
    }

    fn on_verdict(&self, cell: &dyn AnyCell, to: ReceiverKey, verdict: Verdict) {
        match verdict {
            Verdict::Go => {}
            Verdict::Pause => {
                self.peer.tell_pause(to, true);
                if cell.pause_sent(&self.peer, to) {
                    self.peer.tell_pause(to, false);
                }
            }
            Verdict::Flooding => {
                let (node, peer) = (self.node.name(), &self.peer.instance().node);
                tracing::warn!(%node, %peer, "it does not pause");
                if let Some(session) = self.peer.session() {
                    session.outlet.close(DownReason::Overflow);
                }
            }
        }
    }

    fn on_signal(&self, header: Header) {
        let remote = |serial| AnyPid::new(Arc::clone(&self.peer), serial);
        let (to, signal) = match header {
            Header::Link { from, to } => (to, Signal::Link { from: remote(from) }),
            Header::Unlink { from, to, unlink } => {
                (to, Signal::Unlink { from: remote(from), unlink })
            }
            Header::UnlinkAck { from, to, unlink } => {
                (to, Signal::UnlinkAck { from: remote(from), unlink })
            }
            Header::Exit { from, to, reason, linked } => {
                (to, Signal::Exit { from: remote(from), reason, linked })
            }
            Header::Stop { to, reason } => (to, Signal::Stop { reason }),
            Header::Drain { to, reason } => (to, Signal::Drain { reason }),
            Header::Kill { to } => (to, Signal::Kill),
            Header::Monitor { watcher, monitor, to } => {
                (to, Signal::Monitor { watcher: remote(watcher), monitor })
            }
            Header::Demonitor { watcher, monitor, to } => {
                (to, Signal::Demonitor { watcher: remote(watcher), monitor })
            }
            Header::Down { watcher, monitor, from, reason } => {
                (watcher, Signal::Down { monitor, target: remote(from), reason })
            }
            Header::Cast { .. }
            | Header::CastNamed { .. }
            | Header::Call { .. }
            | Header::Reply { .. }
            | Header::ReplyError { .. }
            | Header::Spawn(_)
            | Header::Spawned { .. }
            | Header::SpawnFailed { .. }
            | Header::WhereIs { .. }
            | Header::Run(_)
            | Header::RunFailed { .. }
            | Header::Pause { .. }
            | Header::Resume { .. }
            | Header::Traced(_) => return,
        };
        self.node.signal(&self.node.own_pid(to), signal);
    }

    fn answer(&self, call: CallRef, answer: Result<&[u8], CallError>) {
        // No slot: the caller has given up, and a late reply is never seen.
        if let Some(slot) = self.peer.take_slot(call) {
            slot.fill(self.source(), answer);
        }
    }

    fn on_run_failed(&self, call: CallRef, error: RunError) {
        if let Some(slot) = self.peer.take_slot(call) {
            slot.run_failed(self.source(), error);
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source { node: &self.node, from: &self.peer }
    }

    fn on_spawned(&self, call: CallRef, outcome: Result<u64, SpawnError>) {
        match (self.peer.take_slot(call), outcome) {
            (Some(slot), outcome) => slot.spawned(self.source(), outcome),
            // The asker gave up: a child that nobody knows of is not left behind.
            (None, Ok(serial)) => {
                self.node.signal(&AnyPid::new(Arc::clone(&self.peer), serial), Signal::Kill);
            }
            (None, Err(_)) => {}
        }
    }

    fn on_spawn(&self, request: SpawnRequest, args: &[u8]) {
        let parent = request.parent.map(|serial| AnyPid::new(Arc::clone(&self.peer), serial));
        let options = Options {
            parent,
            link: request.link,
            monitor: request.monitor,
            name: request.name,
            group: request.group,
            timeout: Duration::from_millis(request.timeout_ms.into()),
            ..Options::default()
        };
        let answer = Answer::There { peer: Arc::clone(&self.peer), call: request.call };
        let birth = Birth { options: Box::new(options), answer };
        let allowed = self.node.allows_spawn(&self.peer.instance().node, &request.type_name);
        match self.node.spawnable(&request.type_name) {
            Some(_) if !allowed => birth.fail(SpawnError::NotAllowed(self.node.name().clone())),
            Some(spawnable) if spawnable.args_key() == request.args => {
                spawnable.start(self.source(), args, birth);
            }
            Some(_) => birth.fail(SpawnError::BadArguments(
                "the arguments have another schema here".to_owned(),
            )),
            None => birth.fail(SpawnError::NotSpawnable {
                node: self.node.name().clone(),
                name: request.type_name,
                known: self.node.types().all_names(),
            }),
        }
    }

    fn on_where_is(&self, call: CallRef, name: &str) {
        let found = self.node.whereis(name).map(|pid| pid.serial());
        let mut payload = |out: &mut Vec<u8>| wire::append(&found, out);
        let header = Header::Reply { call };
        let _ = self.peer.send(LaneKey::of_sender(), Urgency::Forced, &header, &mut payload);
    }

    fn named(&self, name: &str) -> Option<Arc<dyn AnyCell>> {
        self.node.cell(self.node.whereis(name)?.serial())
    }
}
