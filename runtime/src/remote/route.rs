//! Which way envelopes for another node go now: by its session, or into what is kept for the next one.
//!
//! ```text
//!            something is sent                    session up: what is kept goes first
//!     down ───────────────────▶ connecting, keeps ──────────────────────────▶ up
//!      ▲                              ▲ ended by agreement: dials                │ ▲
//!      │                              │                     refused with `Idle`  ▼ │ resumed
//!      └──── lost, or nothing kept ───┴─────────────────────────────────── holding, keeps
//! ```
//!
//! A session that is being closed for want of use takes nothing (`OutletError::Idle`). What is sent
//! meanwhile is kept, and goes by the same session if it goes on after all, or by the next.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;

use crate::error::CastError;
use crate::node::types::PeerSchemas;
use crate::remote::carrier::{LaneKey, Outlet, OutletError, Urgency};
use crate::remote::wire::append_bytes;

/// Envelopes kept for a node while there is no session that takes them. Count. Further ones that may be
/// refused are, with `Overloaded`.
const KEPT_ENVELOPES_MAX: usize = 4096;

/// Bytes kept for a node, as above; a single envelope may be larger. 1 MiB.
const KEPT_BYTES_SOFT: usize = 1 << 20;

/// Bytes of signals and answers, which may not be refused, kept for a node. Half of the hard limit of a
/// lane, which has to take them all at once. Beyond it they are as if the session was lost.
const KEPT_BYTES_HARD: usize = 32 << 20;

/// Largest envelope that is kept. Bytes. A session takes as much, or more; a transport has to see to that.
pub const KEPT_ENVELOPE_BYTES_MAX: usize = 128 << 20;

/// A session that is up.
pub(crate) struct Session {
    pub(crate) outlet: Arc<dyn Outlet>,
    pub(crate) schemas: PeerSchemas,
}

/// The route of now, and what of it each sender asks for.
#[derive(Default)]
pub(super) struct CurrentRoute {
    route: Mutex<Route>,
    /// Its open session, for senders: a lock and a count of each session's users would be a tenth of what
    /// a small cast costs.
    open: ArcSwapOption<Session>,
}

impl CurrentRoute {
    /// The session that takes envelopes, as far as is known.
    #[inline]
    pub(super) fn open(&self) -> Guard<Option<Arc<Session>>> {
        self.open.load()
    }

    /// The session that there is.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.route.lock().session().cloned()
    }

    /// Changes the route. What a sender finds open may be so no more: then it is refused there.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Route) -> T) -> T {
        let mut route = self.route.lock();
        let outcome = change(&mut route);
        // Under the lock: what was kept went before anything that goes by what is opened now.
        self.open.store(route.open().cloned());
        outcome
    }
}

/// Where envelopes go.
#[derive(Default)]
pub(super) enum Route {
    #[default]
    Down,
    /// Kept for the session that this dial makes.
    Connecting(u64, Kept),
    Up(Arc<Session>),
    /// The session may be about to end for want of use.
    Holding(Arc<Session>, Kept),
}

/// What waits for a session, in order.
#[derive(Default)]
pub(super) struct Kept {
    envelopes: Vec<(LaneKey, Urgency, Vec<u8>)>,
    bytes: usize,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Keeps one more envelope.
    pub(super) fn keep(
        &mut self,
        lane: LaneKey,
        urgency: Urgency,
        envelope: Vec<u8>,
    ) -> Result<(), CastError> {
        let bytes = envelope.len();
        if bytes > KEPT_ENVELOPE_BYTES_MAX {
            let bytes_max = KEPT_ENVELOPE_BYTES_MAX;
            return Err(CastError::TooLarge { bytes, bytes_max });
        }
        let is_full = match urgency {
            Urgency::Refusable => {
                self.envelopes.len() >= KEPT_ENVELOPES_MAX || self.bytes + bytes > KEPT_BYTES_SOFT
            }
            Urgency::Forced => self.bytes + bytes > KEPT_BYTES_HARD,
        };
        if is_full && !self.envelopes.is_empty() {
            return Err(CastError::Overloaded);
        }
        self.bytes += bytes;
        self.envelopes.push((lane, urgency, envelope));
        Ok(())
    }

    /// Sends all, in order; what is left if the outlet takes no more.
    pub(super) fn flush(self, outlet: &dyn Outlet) -> Option<Self> {
        let mut left = Self::default();
        for (lane, urgency, envelope) in self.envelopes {
            let sent = match left.is_empty() {
                true => outlet.send(lane, Urgency::Forced, &mut copied(&envelope)),
                false => Err(OutletError::Idle),
            };
            match sent {
                Ok(()) => {}
                Err(OutletError::Idle) => {
                    left.bytes += envelope.len();
                    left.envelopes.push((lane, urgency, envelope));
                }
                Err(error) => tracing::warn!(%error, "kept envelope not sent"),
            }
        }
        (!left.is_empty()).then_some(left)
    }
}

/// Writes an envelope that is encoded already.
pub(super) fn copied(
    envelope: &[u8],
) -> impl FnMut(&mut Vec<u8>) -> Result<(), postcard::Error> + '_ {
    |out| {
        append_bytes(envelope, out);
        Ok(())
    }
}

impl Route {
    /// The session that there is.
    fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Up(session) | Self::Holding(session, _) => Some(session),
            Self::Down | Self::Connecting(..) => None,
        }
    }

    /// The session that takes envelopes, as far as is known.
    fn open(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Up(session) => Some(session),
            Self::Holding(..) | Self::Down | Self::Connecting(..) => None,
        }
    }

    /// Takes the way, leaving none.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Down)
    }
}
