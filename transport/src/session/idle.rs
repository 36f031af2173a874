//! What a session that may be closed for want of use asks of those who use it, and how envelopes are kept
//! out meanwhile. What is said is decided by `proto::session`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Delivery, Session};
use crate::proto::session::{Facts, Input};
use crate::receiver::{Receiver, SessionReceiver};
use crate::wire::{CONTROL_LANE, Idle};

/// Who uses a session. Asked without a lock of the session's.
pub(super) trait User: Send + Sync {
    /// Whether it needs the session, or has used it since it was asked the last time.
    fn needs(&self) -> bool;

    /// Envelopes are let in again.
    fn resumed(&self);
}

impl<R: Receiver> User for Delivery<R> {
    fn needs(&self) -> bool {
        // Always asked: it forgets that it was used.
        let receiver_needs = self.receiver.get().is_none_or(SessionReceiver::is_needed);
        let node = &self.peer.node;
        // An end that cannot open the session again keeps it.
        receiver_needs || self.hub.is_kept(node) || !self.hub.may_connect(node)
    }

    fn resumed(&self) {
        if let Some(receiver) = self.receiver.get() {
            receiver.resumed();
        }
    }
}

impl Session {
    /// Names who uses the session, once.
    pub(super) fn set_user<R: Receiver>(&self, delivery: &Arc<Delivery<R>>) {
        let user = Arc::downgrade(delivery);
        let _ = self.user.set(user);
    }

    /// The other end said something about a session that is not needed.
    pub(super) fn hear_idle(&self, said: Idle) {
        if matches!(said, Idle::Ask(_) | Idle::Agree(_)) {
            // Before the look: what is let in until now counts, and nothing after it.
            self.lanes
                .iter()
                .skip(1 + usize::from(CONTROL_LANE))
                .for_each(|lane| lane.freeze(true));
            self.bulk.freeze(true);
        }
        let facts = self.facts();
        self.handle(Input::IdleHeard(said, facts));
    }

    pub(super) fn look(&self) {
        let facts = self.facts();
        self.handle(Input::Looked(facts));
    }

    pub(super) fn thaw(&self) {
        self.bulk.freeze(false);
        self.lanes.iter().for_each(|lane| lane.freeze(false));
        if let Some(user) = self.user() {
            user.resumed();
        }
    }

    fn user(&self) -> Option<Arc<dyn User>> {
        self.user.get()?.upgrade()
    }

    fn facts(&self) -> Facts {
        let needs = self.user().is_none_or(|user| user.needs());
        let others = 1 + usize::from(CONTROL_LANE);
        Facts {
            needed: needs || !self.bulk.is_empty(),
            sent: self.lanes.iter().skip(others).map(|lane| lane.frames_so_far()).collect(),
            delivered: self.progress.iter().skip(others).map(|lane| lane.frames()).collect(),
        }
    }
}

impl super::Progress {
    fn frames(&self) -> u32 {
        self.frames.load(Ordering::Acquire)
    }
}
