//! One life of one node, as another node sees it: how to send to it, and what waits for it.
//!
//! Every bound pid of that life shares one `Peer`. A `Peer` stays the same over several sessions
//! with that life; what hangs on a session (calls, links, monitors) fails when the session does.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::error::CastError;
use crate::identity::NodeInstance;
use crate::life::cell::AnyCell;
use crate::message::trace;
use crate::node::timers::Timers;
use crate::node::{Node, NodeInner};
use crate::reason::{DownReason, ExitReason};
use crate::remote::carrier::{LaneKey, OutletError, Urgency};
use crate::remote::pause::{Pauses, ReceiverKey};
pub(crate) use crate::remote::route::Session;
use crate::remote::route::{CurrentRoute, Kept, Route, copied};
use crate::remote::slots::Slots;
use crate::remote::wire::{self, Header, MethodKey, MethodRef};

/// Writes the payload of an envelope.
pub(crate) type PutPayload<'a> = &'a mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>;

/// Writes a whole envelope: its header, then its payload.
fn enveloped(
    header: &Header,
    payload: PutPayload<'_>,
) -> impl FnMut(&mut Vec<u8>) -> Result<(), postcard::Error> {
    move |out| {
        wire::put(header, out)?;
        payload(out)
    }
}

pub(crate) struct Peer {
    instance: NodeInstance,
    own: bool,
    node: Weak<NodeInner>,
    /// Those of the node that is reached from here.
    timers: Option<Arc<Timers>>,
    route: CurrentRoute,
    /// What waits for an answer from there.
    pub(super) slots: Slots,
    /// Serials of local actors that have links or monitors there.
    bonded: Mutex<BTreeSet<u64>>,
    /// The receivers there that can take no more now.
    pub(crate) pauses: Pauses,
    /// How many sessions there have been.
    sessions: AtomicU64,
    /// Whether something was sent there since it was looked at.
    pub(super) used: AtomicBool,
}

impl Peer {
    pub(crate) fn new(
        instance: NodeInstance,
        own: bool,
        node: Weak<NodeInner>,
        timers: Option<Arc<Timers>>,
    ) -> Self {
        Self {
            instance,
            own,
            node,
            timers,
            route: CurrentRoute::default(),
            slots: Slots::default(),
            bonded: Mutex::default(),
            pauses: Pauses::default(),
            sessions: AtomicU64::new(0),
            used: AtomicBool::new(false),
        }
    }

    pub(crate) fn unbound(instance: NodeInstance) -> Self {
        Self::new(instance, false, Weak::new(), None)
    }

    pub(crate) fn instance(&self) -> &NodeInstance {
        &self.instance
    }

    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The timers of the node that it is reached from; none if it is unbound.
    pub(crate) fn timers(&self) -> Option<&Arc<Timers>> {
        self.timers.as_ref()
    }

    pub(crate) fn owner(&self) -> Option<Node> {
        self.node.upgrade().map(Node)
    }

    /// The actor with this serial, if this is the own node and it lives.
    pub(crate) fn local_cell(&self, serial: u64) -> Option<Arc<dyn AnyCell>> {
        if !self.own {
            return None;
        }
        self.owner()?.cell(serial)
    }

    /// Sends a cast or call of a method, refused before anything is sent if the receiver can take no
    /// more now, or if the other side, as far as its schema is known, does not have that method.
    pub(crate) fn send_method(
        self: &Arc<Self>,
        to: ReceiverKey,
        method: (&str, MethodKey),
        header: impl FnOnce(MethodRef) -> Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        self.note_used();
        self.send_method_by(LaneKey::of_sender(), to, method, header, payload)
    }

    /// The same for a service with this name on both nodes, whichever task sends for it; it does not
    /// count as use of the session.
    pub(crate) fn send_upkeep(
        self: &Arc<Self>,
        name: &str,
        method: (&str, MethodKey),
        header: impl FnOnce(MethodRef) -> Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        let (lane, to) = (LaneKey::of_service(name), ReceiverKey::of_name(name));
        self.send_method_by(lane, to, method, header, payload)
    }

    fn send_method_by(
        self: &Arc<Self>,
        lane: LaneKey,
        to: ReceiverKey,
        (type_name, key): (&str, MethodKey),
        header: impl FnOnce(MethodRef) -> Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        if self.pauses.is_paused(to) {
            return Err(CastError::Overloaded);
        }
        let open = self.route.open();
        let found = match &*open {
            Some(session) => session.schemas.find(type_name, key),
            // By a session that takes nothing now it would be refused all the same.
            None => match self.session() {
                Some(session) => session.schemas.find(type_name, key),
                None => Some(MethodRef::Keyed(key)),
            },
        };
        let method = found.ok_or_else(|| {
            let node = &self.instance.node;
            CastError::BadMessage(format!("{type_name} has another schema on {node}"))
        })?;
        let header = header(method);
        let traced = trace::is_wanted().then(|| self.owner()).flatten();
        let Some(node) = traced else {
            let mut envelope = enveloped(&header, payload);
            return self.send_by(open.as_deref(), lane, Urgency::Refusable, &mut envelope);
        };
        let traced = Header::Traced(trace::outgoing(&node));
        let mut inner = enveloped(&header, payload);
        let mut envelope = enveloped(&traced, &mut inner);
        self.send_by(open.as_deref(), lane, Urgency::Refusable, &mut envelope)
    }

    /// Sends one envelope, connecting first where that is possible.
    pub(crate) fn send(
        self: &Arc<Self>,
        lane: LaneKey,
        urgency: Urgency,
        header: &Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        self.note_used();
        let open = self.route.open();
        self.send_by(open.as_deref(), lane, urgency, &mut enveloped(header, payload))
    }

    /// Sends by this session, if there is one and it takes the envelope.
    fn send_by(
        self: &Arc<Self>,
        open: Option<&Session>,
        lane: LaneKey,
        urgency: Urgency,
        encode: PutPayload<'_>,
    ) -> Result<(), CastError> {
        if let Some(session) = open {
            match session.outlet.send(lane, urgency, encode) {
                Ok(()) => return Ok(()),
                Err(OutletError::Idle) => {}
                Err(error) => return Err(CastError::from_outlet(error, &self.instance.node)),
            }
        }
        let mut envelope = Vec::new();
        encode(&mut envelope).map_err(|error| CastError::BadMessage(error.to_string()))?;
        self.send_later(lane, urgency, envelope)
    }

    /// Keeps an envelope until there is a session that takes it, and sees to it that there will be.
    fn send_later(
        self: &Arc<Self>,
        lane: LaneKey,
        urgency: Urgency,
        envelope: Vec<u8>,
    ) -> Result<(), CastError> {
        let no_connection = || CastError::NoConnection(self.instance.node.clone());
        let node = self.owner().ok_or_else(no_connection)?;
        if node.is_superseded(&self.instance) {
            return Err(CastError::NoProc);
        }
        self.route.change(|route| {
            match &*route {
                Route::Up(session) => {
                    let session = Arc::clone(session);
                    // Under the lock: if it is refused, what resumes the session waits for this.
                    match session.outlet.send(lane, urgency, &mut copied(&envelope)) {
                        Ok(()) => return Ok(()),
                        Err(OutletError::Idle) => {}
                        Err(error) => {
                            return Err(CastError::from_outlet(error, &self.instance.node));
                        }
                    }
                    *route = Route::Holding(session, Kept::default());
                }
                Route::Down => {
                    let dial = node.dial(self).ok_or_else(no_connection)?;
                    *route = Route::Connecting(dial, Kept::default());
                }
                Route::Connecting(..) | Route::Holding(..) => {}
            }
            match route {
                Route::Connecting(_, kept) | Route::Holding(_, kept) => {
                    kept.keep(lane, urgency, envelope)
                }
                Route::Up(_) | Route::Down => Err(no_connection()),
            }
        })
    }

    /// Waits until a refused envelope has a chance: the receiver and the lane have room, or there is no
    /// session.
    pub(crate) async fn ready(&self, to: ReceiverKey) {
        self.pauses.ready(to).await;
        let outlet = self.route.open().as_ref().map(|session| Arc::clone(&session.outlet));
        match outlet.map(|outlet| outlet.ready(LaneKey::of_sender())) {
            Some(ready) => ready.await,
            None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }

    /// Which of its sessions there is or was last.
    pub(crate) fn session_number(&self) -> u64 {
        self.sessions.load(Ordering::Acquire)
    }

    /// A session is made: what was kept goes first.
    pub(crate) fn set_up(&self, session: Session) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
        let session = Arc::new(session);
        self.route.change(|route| {
            *route = match route.take() {
                Route::Connecting(_, kept) => Self::flushed(session, kept),
                Route::Down | Route::Up(_) | Route::Holding(..) => Route::Up(session),
            };
        });
    }

    /// The session takes envelopes again: what was kept goes first.
    pub(crate) fn resumed(&self) {
        self.route.change(|route| {
            *route = match route.take() {
                Route::Holding(session, kept) => Self::flushed(session, kept),
                other @ (Route::Down | Route::Connecting(..) | Route::Up(_)) => other,
            };
        });
    }

    fn flushed(session: Arc<Session>, kept: Kept) -> Route {
        match kept.flush(&*session.outlet) {
            Some(left) => Route::Holding(session, left),
            None => Route::Up(session),
        }
    }

    /// The session has ended. If that was agreed on, nothing hung on it, and what was kept meanwhile goes
    /// by the next one; else everything that hung on it fails.
    pub(crate) fn lost(self: &Arc<Self>, node: &Node, reason: &DownReason) {
        self.pauses.clear();
        if *reason == DownReason::Idle && self.moves_on(node) {
            return;
        }
        self.route.change(|route| *route = Route::Down);
        self.fail(node, &ExitReason::NoConnection);
    }

    /// Has another session made for what was kept; `false` if that is hopeless.
    fn moves_on(self: &Arc<Self>, node: &Node) -> bool {
        self.route.change(|route| {
            let kept = match route.take() {
                Route::Holding(_, kept) if !kept.is_empty() => kept,
                Route::Holding(..) | Route::Up(_) | Route::Down => return true,
                connecting @ Route::Connecting(..) => {
                    *route = connecting;
                    return true;
                }
            };
            let Some(dial) = node.dial(self) else {
                return false;
            };
            *route = Route::Connecting(dial, kept);
            true
        })
    }

    /// A dial has ended. If what was kept still waits for this one, no session with this life of the
    /// node was made, and everything that hung on it fails. A session that came up otherwise, or a
    /// later dial, is left alone.
    pub(crate) fn dialled(self: &Arc<Self>, node: &Node, dial: u64, reason: &ExitReason) {
        let is_over = self.route.change(|route| {
            let waits = matches!(route, Route::Connecting(waiting, _) if *waiting == dial);
            if waits {
                *route = Route::Down;
            }
            waits
        });
        if is_over {
            self.fail(node, reason);
        }
    }

    fn fail(self: &Arc<Self>, node: &Node, reason: &ExitReason) {
        self.fail_slots(node, reason);
        let bonded = std::mem::take(&mut *self.bonded.lock());
        for cell in bonded.into_iter().filter_map(|serial| node.cell(serial)) {
            cell.on_node_down(node, &self.instance, reason);
        }
    }

    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        self.route.session()
    }

    /// Local actors that have or had a link or monitor there, by serial.
    pub(super) fn bonded_serials(&self) -> BTreeSet<u64> {
        self.bonded.lock().clone()
    }

    /// Notes that a local actor has a link or monitor there, to be told when the node goes.
    pub(crate) fn bond(&self, serial: u64) {
        self.bonded.lock().insert(serial);
    }

    pub(crate) fn unbond(&self, serial: u64) {
        self.bonded.lock().remove(&serial);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.instance.node, self.instance.incarnation)
    }
}
