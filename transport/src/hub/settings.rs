//! What a transport was started with, and the times that can be changed while it runs.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Hub;
use crate::cookie::Cookie;
use crate::pack::Compress;
use crate::pipe::Pipe;
use crate::proto::handshake::Party;
use crate::proto::session;
use crate::receiver::Receiver;
use crate::session::Terms;
use crate::threads::Threads;
use crate::transport::{AllowPeers, AutoConnect, Spawner};
use crate::wire::Pulse;

/// What does not change while a node runs, but for its times.
pub(crate) struct Settings {
    pub(crate) pulse: Mutex<Pulse>,
    pub(crate) party: Party,
    pub(crate) cookie: Cookie,
    pub(crate) connect_timeout: Duration,
    pub(crate) pipe: Arc<dyn Pipe>,
    pub(crate) spawner: Spawner,
    pub(crate) threads: Threads,
    pub(crate) auto_connect: AutoConnect,
    pub(crate) allow_peers: Option<AllowPeers>,
    pub(crate) compress: Compress,
    pub(crate) close_idle: Option<Duration>,
}

impl Settings {
    /// What this node brings to a handshake now.
    pub(crate) fn party(&self) -> Party {
        Party { pulse: *self.pulse.lock(), ..self.party.clone() }
    }

    /// What its sessions come with.
    pub(crate) fn terms(&self) -> Terms {
        Terms { compress: self.compress, close_idle: self.close_idle }
    }
}

impl<R: Receiver> Hub<R> {
    /// Asks for other times, of the sessions there are and of those to come.
    pub(crate) fn set_pulse(&self, pulse: Pulse) {
        *self.settings.pulse.lock() = pulse;
        let sessions: Vec<_> =
            self.board.lock().live.values().map(|live| live.session.clone()).collect();
        for session in sessions {
            session.handle(session::Input::NewPulse(pulse));
        }
    }
}
