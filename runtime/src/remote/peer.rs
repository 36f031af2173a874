//! One life of one node, as another node sees it: how to send to it, and what waits for it.
//!
//! Every bound pid of that life shares one `Peer`. A `Peer` stays the same over several sessions
//! with that life; what hangs on a session (calls, links, monitors) fails when the session does.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::error::CastError;
use crate::identity::NodeInstance;
use crate::life::cell::AnyCell;
use crate::message::trace;
use crate::node::timers::Timers;
use crate::node::types::PeerSchemas;
use crate::node::{Node, NodeInner};
use crate::reason::ExitReason;
use crate::remote::carrier::{LaneKey, Outlet, Urgency};
use crate::remote::pause::Pauses;
use crate::remote::slots::Slots;
use crate::remote::wire::{self, Header, MethodKey, MethodRef};

/// Envelopes kept for a node while a session with it is being made. Count. Further ones are refused
/// with `Overloaded`.
const CONNECTING_ENVELOPES_MAX: usize = 4096;

/// Bytes kept for a node while a session with it is being made. As above. 1 MiB, the soft limit of
/// a lane.
const CONNECTING_BYTES_MAX: usize = 1 << 20;

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
    route: RwLock<Route>,
    /// What waits for an answer from there.
    pub(super) slots: Slots,
    /// Serials of local actors that have links or monitors there.
    bonded: Mutex<BTreeSet<u64>>,
    /// The receivers there that can take no more now.
    pub(crate) pauses: Pauses,
    /// How many sessions there have been.
    sessions: AtomicU64,
}

enum Route {
    Down,
    Connecting(Kept),
    Up(Arc<Session>),
}

/// A session that is up.
pub(crate) struct Session {
    pub(crate) outlet: Arc<dyn Outlet>,
    pub(crate) schemas: PeerSchemas,
}

struct Kept {
    /// Which dial it waits for.
    dial: u64,
    envelopes: Vec<(LaneKey, Vec<u8>)>,
    bytes: usize,
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
            route: RwLock::new(Route::Down),
            slots: Slots::default(),
            bonded: Mutex::default(),
            pauses: Pauses::default(),
            sessions: AtomicU64::new(0),
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
        lane: LaneKey,
        (type_name, key): (&str, MethodKey),
        header: impl FnOnce(MethodRef) -> Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        if self.pauses.is_paused(lane) {
            return Err(CastError::Overloaded);
        }
        let session = self.session();
        let method = match &session {
            Some(session) => session.schemas.find(type_name, key).ok_or_else(|| {
                let node = &self.instance.node;
                CastError::BadMessage(format!("{type_name} has another schema on {node}"))
            })?,
            None => MethodRef::Keyed(key),
        };
        let header = header(method);
        let traced = trace::is_wanted().then(|| self.owner()).flatten();
        let Some(node) = traced else {
            return self.send_over(session, lane, Urgency::Refusable, &header, payload);
        };
        let traced = Header::Traced(trace::outgoing(&node));
        let mut inner = enveloped(&header, payload);
        self.send_over(session, lane, Urgency::Refusable, &traced, &mut inner)
    }

    /// Sends one envelope, connecting first where that is possible.
    pub(crate) fn send(
        self: &Arc<Self>,
        lane: LaneKey,
        urgency: Urgency,
        header: &Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        self.send_over(self.session(), lane, urgency, header, payload)
    }

    fn send_over(
        self: &Arc<Self>,
        session: Option<Arc<Session>>,
        lane: LaneKey,
        urgency: Urgency,
        header: &Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        match session {
            Some(session) => self.send_to(&*session.outlet, lane, urgency, header, payload),
            None => self.send_connecting(lane, urgency, header, payload),
        }
    }

    fn send_to(
        &self,
        outlet: &dyn Outlet,
        lane: LaneKey,
        urgency: Urgency,
        header: &Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        outlet
            .send(lane, urgency, &mut enveloped(header, payload))
            .map_err(|error| CastError::from_outlet(error, &self.instance.node))
    }

    fn send_connecting(
        self: &Arc<Self>,
        lane: LaneKey,
        urgency: Urgency,
        header: &Header,
        payload: PutPayload<'_>,
    ) -> Result<(), CastError> {
        let no_connection = || CastError::NoConnection(self.instance.node.clone());
        let node = self.owner().ok_or_else(no_connection)?;
        if node.is_superseded(&self.instance) {
            return Err(CastError::NoProc);
        }
        let mut route = self.route.write();
        if let Route::Up(session) = &*route {
            return self.send_to(&*session.outlet, lane, urgency, header, payload);
        }
        if matches!(*route, Route::Down) {
            let Some(dial) = node.dial(self) else {
                return Err(no_connection());
            };
            *route = Route::Connecting(Kept { dial, envelopes: Vec::new(), bytes: 0 });
        }
        let Route::Connecting(kept) = &mut *route else {
            return Err(no_connection());
        };
        let mut envelope = Vec::new();
        enveloped(header, payload)(&mut envelope)
            .map_err(|error| CastError::BadMessage(error.to_string()))?;
        let full = kept.envelopes.len() >= CONNECTING_ENVELOPES_MAX
            || kept.bytes + envelope.len() > CONNECTING_BYTES_MAX;
        if full {
            return Err(CastError::Overloaded);
        }
        kept.bytes += envelope.len();
        kept.envelopes.push((lane, envelope));
        Ok(())
    }

    /// Waits until a refused envelope has a chance: the receiver and the lane have room, or there is no
    /// session.
    pub(crate) async fn ready(&self, lane: LaneKey) {
        self.pauses.ready(lane).await;
        let ready = match &*self.route.read() {
            Route::Up(session) => Some(Arc::clone(&session.outlet).ready(lane)),
            Route::Down | Route::Connecting(_) => None,
        };
        match ready {
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
        let mut route = self.route.write();
        if let Route::Connecting(kept) = &mut *route {
            for (lane, envelope) in std::mem::take(&mut kept.envelopes) {
                let mut copy = |out: &mut Vec<u8>| {
                    wire::append_bytes(&envelope, out);
                    Ok(())
                };
                if let Err(error) = session.outlet.send(lane, Urgency::Forced, &mut copy) {
                    tracing::warn!(node = %self.instance.node, %error, "kept envelope not sent");
                }
            }
        }
        *route = Route::Up(Arc::new(session));
    }

    /// The session was lost: everything that hung on it fails.
    pub(crate) fn lost(self: &Arc<Self>, node: &Node, reason: &ExitReason) {
        *self.route.write() = Route::Down;
        self.pauses.clear();
        self.fail(node, reason);
    }

    /// A dial has ended. If what was kept still waits for this one, no session with this life of the
    /// node was made, and everything that hung on it fails. A session that came up otherwise, or a
    /// later dial, is left alone.
    pub(crate) fn dialled(self: &Arc<Self>, node: &Node, dial: u64, reason: &ExitReason) {
        {
            let mut route = self.route.write();
            match &*route {
                Route::Connecting(kept) if kept.dial == dial => *route = Route::Down,
                Route::Connecting(_) | Route::Down | Route::Up(_) => return,
            }
        }
        self.fail(node, reason);
    }

    fn fail(self: &Arc<Self>, node: &Node, reason: &ExitReason) {
        self.fail_slots(node, reason);
        let bonded = std::mem::take(&mut *self.bonded.lock());
        for cell in bonded.into_iter().filter_map(|serial| node.cell(serial)) {
            cell.on_node_down(node, &self.instance, reason);
        }
    }

    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        match &*self.route.read() {
            Route::Up(session) => Some(Arc::clone(session)),
            Route::Down | Route::Connecting(_) => None,
        }
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
