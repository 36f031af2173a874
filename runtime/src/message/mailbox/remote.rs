//! What comes from other nodes: it is taken also when the mailbox is full, and its sender is told to
//! pause. See `remote::pause`.

use std::sync::Arc;

use super::state::{State, wake};
use super::{Item, Mailbox};
use crate::remote::pause::ReceiverKey;
use crate::remote::peer::Peer;

/// What a mailbox takes from one session after it said pause. Bytes of encoded messages. What can be on
/// its way is far less: the lanes' buffers, the sockets', and one message of the largest size.
pub(crate) const AFTER_PAUSE_BYTES_MAX: usize = 256 << 20;

/// Messages from one session to one receiver, which were so many bytes on the way.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) peer: &'a Arc<Peer>,
    pub(crate) key: ReceiverKey,
    pub(crate) bytes: usize,
}

/// What is to be done about a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Go,
    /// It is to be told to pause.
    Pause,
    /// It was told long ago: its session is to end.
    Flooding,
}

/// A session that was told to pause.
#[derive(Debug)]
pub(super) struct Paused {
    peer: Arc<Peer>,
    session: u64,
    key: ReceiverKey,
    /// What it has sent since.
    bytes: usize,
    /// The pause is sent. Until then it is not resumed here, as a resume must not come first: who sends
    /// the pause does so.
    is_told: bool,
}

impl Paused {
    fn is(&self, peer: &Arc<Peer>, key: ReceiverKey) -> bool {
        self.key == key && Arc::ptr_eq(&self.peer, peer)
    }

    fn resume(self) {
        if self.is_told {
            self.peer.tell_pause(self.key, false);
        }
    }
}

/// Tells those that were told to pause that they can go on. Not under the mailbox's lock.
pub(super) fn resume_all(paused: Vec<Paused>) {
    paused.into_iter().for_each(Paused::resume);
}

impl<M> Mailbox<M> {
    /// Appends messages from another node, whether or not there is room; or gives them back, if the
    /// mailbox is closed.
    pub(crate) fn push_arrived<I: ExactSizeIterator<Item = Item<M>>>(
        &self,
        messages: I,
        arrival: &Arrival<'_>,
    ) -> Result<Verdict, I> {
        let mut state = self.state.lock();
        if state.is_shut {
            return Err(messages);
        }
        let has_room = state.has_bytes(arrival.bytes) && self.has_room(&mut state);
        state.pushed += messages.len() as u64;
        state.queue_bytes += arrival.bytes;
        state.queue.extend(messages);
        let verdict = if has_room { Verdict::Go } else { state.note_full(arrival) };
        wake(state);
        Ok(verdict)
    }

    /// Notes that the pause of a verdict is sent. Whether a resume is to follow at once: the actor has
    /// made room meanwhile.
    #[must_use]
    pub(crate) fn pause_sent(&self, peer: &Arc<Peer>, key: ReceiverKey) -> bool {
        let mut state = self.state.lock();
        let paused = state.paused.iter_mut().find(|paused| paused.is(peer, key));
        paused.map(|paused| paused.is_told = true).is_none()
    }
}

impl<M> State<M> {
    fn note_full(&mut self, arrival: &Arrival<'_>) -> Verdict {
        let session = arrival.peer.session_number();
        let sender = self.paused.iter_mut().find(|paused| paused.is(arrival.peer, arrival.key));
        match sender {
            Some(paused) if paused.session == session => {
                paused.bytes = paused.bytes.saturating_add(arrival.bytes);
                if paused.bytes > AFTER_PAUSE_BYTES_MAX { Verdict::Flooding } else { Verdict::Go }
            }
            Some(earlier) => {
                (earlier.session, earlier.bytes, earlier.is_told) = (session, 0, false);
                Verdict::Pause
            }
            None => {
                let (peer, key) = (Arc::clone(arrival.peer), arrival.key);
                self.paused.push(Paused { peer, session, key, bytes: 0, is_told: false });
                Verdict::Pause
            }
        }
    }
}
