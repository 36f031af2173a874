//! One live session: its lanes, and the future that drives it from up to down.
//!
//! ```text
//!   runtime ─▶ Outlet::send ─▶ Lane, Bulk ─▶ writer task ─▶ socket
//!   runtime ◀─ deliver ◀──────────── reader task ◀── socket
//!                    heard, sent, ended ─▶ proto::session ─▶ heartbeat, goodbye, closed
//! ```
//!
//! Invariant: down is reported once, after the last `deliver` has returned, however the session
//! ends; even when the future that drives it is dropped. It is reported by the drop of the
//! [`Delivery`] that the driver shares with the readers.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{DownReason, NodeInstance, SessionInfo};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::hub::Hub;
use crate::lane::{AppendError, Lane};
use crate::pack::{Compress, UnpackError, unpack};
use crate::pipe::Connection;
use crate::proto::handshake::Agreement;
use crate::proto::peers::{self, SessionKey, Side};
use crate::proto::session::{IdleRules, Input, Output, State};
use crate::receiver::{Receiver, SessionReceiver};
use crate::wire::{CONTROL_LANE, FrameKind};

mod bulk;
mod idle;
mod outlet;
mod reader;
mod writer;

pub use bulk::{BULK_BYTES_HARD, BULK_BYTES_SOFT};
use bulk::{Bulk, Progress};
use idle::User;

/// What senders, readers, writers and the driver of a session share.
pub(crate) struct Session {
    clock: Clock,
    /// Of the protocol, as both ends agreed on it.
    version: u16,
    state: Mutex<State>,
    /// The control lane first, the bulk lane last.
    lanes: Vec<Lane>,
    bulk: Bulk,
    /// What is delivered of each lane.
    progress: Vec<Progress>,
    /// The last frame of the bulk lane, while other frames are still to be written.
    goodbye: Mutex<Option<Vec<u8>>>,
    user: OnceLock<Weak<dyn User>>,
    /// Whether the peer may send packed frames.
    unpacks: bool,
    compress: Compress,
    closed: OnceLock<DownReason>,
    /// The session is closed, or its deadline has come nearer.
    changed: Notify,
}

/// What the node's settings make of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) compress: Compress,
    /// After how long without need it is closed.
    pub(crate) close_idle: Option<Duration>,
}

/// What a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Control,
    User,
    Bulk,
}

impl Session {
    pub(crate) fn new(
        clock: Clock,
        (side, lanes): (Side, u8),
        agreement: &Agreement,
        Terms { compress, close_idle }: Terms,
    ) -> Arc<Self> {
        let Agreement { version, pulses, unpacks, .. } = *agreement;
        let mut state = State::new(clock.now(), lanes, pulses);
        if version >= FrameKind::Idle.since() {
            let is_dialler = side == Side::Dialled;
            state = state.with_idle(IdleRules { after: close_idle, is_dialler });
        }
        Arc::new(Self {
            clock,
            version,
            state: Mutex::new(state),
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            bulk: Bulk::default(),
            progress: (0..lanes).map(|_| Progress::default()).collect(),
            goodbye: Mutex::default(),
            user: OnceLock::new(),
            unpacks,
            compress: if unpacks { compress } else { Compress::default() },
            closed: OnceLock::new(),
            changed: Notify::new(),
        })
    }

    /// Tells the state what happened, and does what it wants.
    pub(crate) fn handle(&self, input: Input) {
        let mut outbox = Vec::new();
        let nears = match &input {
            Input::GoodbyeHeard { .. }
            | Input::PulseHeard(_)
            | Input::Looked(_)
            | Input::IdleHeard(..) => true,
            Input::Heard
            | Input::Sent
            | Input::NewPulse(_)
            | Input::Flushed { .. }
            | Input::LaneEnded { .. }
            | Input::Violated(_)
            | Input::Overflowed
            | Input::Close(_)
            | Input::Elapsed => false,
        };
        self.state.lock().handle(self.clock.now(), input, &mut outbox);
        for output in &outbox {
            self.perform(output);
        }
        if nears || !outbox.is_empty() {
            self.changed.notify_one();
        }
    }

    fn perform(&self, output: &Output) {
        match output {
            // Refused only if the lane is at its end, or so full that it speaks anyway.
            Output::Heartbeat => drop(self.say(FrameKind::Heartbeat, &[])),
            Output::Pulse(new) => {
                let body = postcard::to_allocvec(new).unwrap_or_default();
                drop(self.say(FrameKind::Pulse, &body));
            }
            Output::Look => self.look(),
            Output::Idle(said) => {
                let body = postcard::to_allocvec(said).unwrap_or_default();
                drop(self.say(FrameKind::Idle, &body));
            }
            Output::Thaw => self.thaw(),
            Output::Goodbye(goodbye) => {
                let body = postcard::to_allocvec(goodbye).unwrap_or_default();
                if let Some((bulk, others)) = self.lanes.split_last() {
                    others.iter().for_each(|lane| lane.finish(&body));
                    self.bulk.close();
                    *self.goodbye.lock() = Some(body);
                    bulk.nudge();
                }
            }
            Output::Closed(reason) => {
                let _ = self.closed.set(reason.clone());
                self.close_lanes();
            }
        }
    }

    /// Says goodbye on the bulk lane, if it is time and all is written.
    fn finish_bulk(&self, lane: &Lane) {
        let mut goodbye = self.goodbye.lock();
        if goodbye.is_some() && self.bulk.is_written() {
            lane.finish(&goodbye.take().unwrap_or_default());
        }
    }

    fn close_lanes(&self) {
        self.bulk.close();
        self.lanes.iter().for_each(Lane::close);
    }

    /// Tells the peer that a message of the bulk lane is delivered.
    fn confirm(&self, message: u32) {
        let body = postcard::to_allocvec(&message).unwrap_or_default();
        if self.say(FrameKind::Delivered, &body) == Err(AppendError::Overflowed) {
            self.handle(Input::Overflowed);
        }
    }

    /// Appends a frame to the control lane.
    fn say(&self, kind: FrameKind, body: &[u8]) -> Result<(), AppendError> {
        debug_assert!(kind.since() <= self.version, "{kind:?} in version {}", self.version);
        let control = self.lanes.get(usize::from(CONTROL_LANE));
        control.map_or(Ok(()), |control| control.say(kind, body))
    }

    /// Waits until the session is closed.
    async fn drive(&self, tasks: &mut JoinSet<()>) {
        while self.closed.get().is_none() {
            let deadline = self.state.lock().deadline();
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(deadline) => self.handle(Input::Elapsed),
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a lane's task failed");
                        self.handle(Input::Close(DownReason::Closed));
                    }
                }
            }
        }
    }

    /// What a lane is for.
    fn way(&self, lane: u8) -> Way {
        match usize::from(lane) {
            0 => Way::Control,
            lane if lane + 1 == self.lanes.len() => Way::Bulk,
            _ => Way::User,
        }
    }

    /// From how many bytes on bodies are packed on such a lane.
    fn packs_above(&self, way: Way) -> Option<usize> {
        match way {
            Way::Control => None,
            Way::User => self.compress.messages,
            Way::Bulk => self.compress.bulk,
        }
    }

    fn unpack(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), UnpackError> {
        if self.unpacks { unpack(body, out) } else { Err(UnpackError::NotAgreed) }
    }

    /// One more frame of a lane is delivered.
    fn note_delivered(&self, lane: u8) {
        if let Some(progress) = self.progress.get(usize::from(lane)) {
            progress.step();
        }
    }

    /// Waits until so many frames of a lane are delivered.
    async fn delivered(&self, lane: u8, frames: u32) {
        if let Some(progress) = self.progress.get(usize::from(lane)) {
            progress.reaches(frames).await;
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version)
            .field("state", &self.state)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// The runtime's end of a session. Its drop is the session's end.
pub(crate) struct Delivery<R: Receiver> {
    pub(crate) hub: Arc<Hub<R>>,
    pub(crate) peer: NodeInstance,
    pub(crate) key: SessionKey,
    pub(crate) session: Arc<Session>,
    /// Set once the session has been reported up.
    pub(crate) receiver: OnceLock<R::Session>,
}

impl<R: Receiver> Drop for Delivery<R> {
    fn drop(&mut self) {
        // Without a reason, the future that drove the session was dropped.
        self.session.handle(Input::Close(DownReason::Closed));
        self.session.close_lanes();
        let reason = self.session.closed.get_or_init(|| DownReason::Closed).clone();
        // Before the down: who hears of it and connects gets another session.
        let (node, key) = (self.peer.node.clone(), self.key);
        self.hub.handle(peers::Input::Ending { node, key });
        if let Some(receiver) = self.receiver.get() {
            tracing::info!(peer = %self.peer.node, %reason, "session down");
            receiver.down(reason.clone());
        }
        self.hub.end(&self.peer.node, self.key, &reason);
    }
}

/// Drives one session from up to down.
///
/// # Cancel safety
/// Dropped at any point, also before it is polled, the session is closed and reported down.
pub(crate) async fn drive_session<R: Receiver>(
    delivery: Arc<Delivery<R>>,
    lanes: Vec<Connection>,
    agreement: Agreement,
) {
    let session = delivery.session.clone();
    let info = SessionInfo {
        peer: agreement.peer,
        hidden: agreement.hidden,
        greeting: agreement.greeting,
    };
    match delivery.hub.receiver().session_up(info, session.clone()) {
        Ok(receiver) => {
            let _ = delivery.receiver.set(receiver);
        }
        Err(violation) => {
            let peer = &delivery.peer.node;
            tracing::warn!(%peer, %violation, "greeting refused");
            return delivery.hub.refuse(peer, &violation.to_string());
        }
    }
    tracing::info!(peer = %delivery.peer.node, incarnation = %delivery.peer.incarnation, "session up");
    delivery.hub.announce(&delivery.peer.node, delivery.key);
    let (asked, wanted) = (agreement.pulses, *delivery.hub.settings.pulse.lock());
    if asked.first() != Some(&wanted) {
        // It was changed during the handshake.
        session.handle(Input::NewPulse(wanted));
    }
    session.set_user(&delivery);
    let (mut tasks, threads) = (JoinSet::new(), &delivery.hub.settings.threads);
    for (lane, connection) in (0..).zip(lanes) {
        let place = match session.way(lane) {
            Way::Control => threads.own(),
            Way::User | Way::Bulk => threads.program(),
        };
        let moved = {
            let _there = place.enter();
            connection.rehome()
        };
        match moved {
            Ok(Connection { read, write, .. }) => {
                tasks.spawn_on(reader::drive_reader(delivery.clone(), lane, read), place);
                tasks.spawn_on(writer::drive_writer(session.clone(), lane, write), place);
            }
            Err(error) => {
                tracing::warn!(lane, %error, "a connection could not be moved");
                session.handle(Input::LaneEnded { lane });
            }
        }
    }
    session.drive(&mut tasks).await;
    tasks.shutdown().await;
}
