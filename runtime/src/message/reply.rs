//! The callee's side of calls: replies, to callers here and on other nodes.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{CallError, CastError};
use crate::life::cell::AnyCell;
use crate::message::call::Answer;
use crate::remote::carrier::{LaneKey, Urgency};
use crate::remote::peer::Peer;
use crate::remote::wire::{self, CallRef, Header};

/// The callee's side of a call: answers it, now or later.
///
/// A reply that is dropped unsent leaves the caller with `Down(reason)` if the actor ends, and with
/// `Timeout` if it lives on. Source: `gen_server:reply/2`.
#[must_use = "a caller waits for this reply"]
pub struct Reply<R> {
    to: Option<To<R>>,
}

enum To<R> {
    Here(oneshot::Sender<Answer<R>>),
    /// Boxed, for the sake of all messages that lie beside a call in a mailbox.
    There(Box<(RemoteReply, Encode<R>)>),
}

type Encode<R> = fn(&R, &mut Vec<u8>) -> Result<(), postcard::Error>;

impl<R> Reply<R> {
    /// Sends the answer. A caller that has given up does not see it.
    pub fn send(self, value: R) {
        self.answer(Ok(value));
    }

    /// Sends the answer, or that there will be none.
    pub(crate) fn answer(mut self, answer: Answer<R>) {
        match (self.to.take(), answer) {
            (Some(To::Here(sender)), answer) => drop(sender.send(answer)),
            (Some(To::There(there)), Ok(value)) => {
                let (remote, encode) = *there;
                remote.send(&mut |out| encode(&value, out));
            }
            (Some(To::There(there)), Err(error)) => there.0.fail(error),
            (None, _) => {}
        }
    }
}

impl<R> Reply<R> {
    /// Answers with an error in place of a value.
    pub fn fail(self, error: CallError) {
        self.answer(Err(error));
    }

    /// A reply for a message that is only encoded: its answer goes over the wire.
    pub(crate) fn nowhere() -> Self {
        Self { to: None }
    }

    /// A reply and where its answer comes out.
    pub(crate) fn pair() -> (Self, oneshot::Receiver<Answer<R>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { to: Some(To::Here(sender)) }, receiver)
    }
}

impl<R: Serialize> Reply<R> {
    /// The reply to a call that came over the wire.
    pub fn remote(to: ReplyTo) -> Self {
        let there = |remote| To::There(Box::new((remote, wire::append::<R> as Encode<R>)));
        Self { to: to.0.map(there) }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// Where the answer of a call from another node goes, before its type is known.
#[derive(Debug, Default)]
pub struct ReplyTo(pub(crate) Option<RemoteReply>);

/// The reply of one call from another node.
pub(crate) struct RemoteReply(pub(crate) Arc<CallBack>);

/// What the reply and the reader that delivers its call share.
pub(crate) struct CallBack {
    peer: Arc<Peer>,
    call: CallRef,
    callee: Arc<dyn AnyCell>,
    deadline: Instant,
    state: Mutex<BackState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BackState {
    /// It is being decoded and enqueued: who does that answers if it fails.
    Arriving,
    /// It is in the mailbox: a reply that is dropped unsent must be made up for.
    Enqueued,
    Sent,
    Dropped,
}

impl CallBack {
    pub(crate) fn new(
        peer: Arc<Peer>,
        call: CallRef,
        callee: Arc<dyn AnyCell>,
        deadline: Instant,
    ) -> Arc<Self> {
        Arc::new(Self { peer, call, callee, deadline, state: Mutex::new(BackState::Arriving) })
    }

    /// The call is in the mailbox; its reply may be gone already.
    pub(crate) fn enqueued(self: &Arc<Self>) {
        let before = {
            let mut state = self.state.lock();
            let before = *state;
            if before == BackState::Arriving {
                *state = BackState::Enqueued;
            }
            before
        };
        if before == BackState::Dropped {
            self.tell_when_ended();
        }
    }

    /// Answers with an error on behalf of the callee. Fails only with the session, which the caller sees
    /// by itself.
    pub(crate) fn refuse(&self, error: CallError) {
        self.refuse_by(self.callee.core().lane(), error);
    }

    fn refuse_by(&self, lane: LaneKey, error: CallError) {
        // Peers that are older than this error could not read it, and it is no answer.
        let is_new = matches!(error, CallError::TooLarge { .. });
        let error = if is_new { CallError::BadMessage(error.to_string()) } else { error };
        let header = Header::ReplyError { call: self.call, error };
        let _ = self.peer.send(lane, Urgency::Forced, &header, &mut |_| Ok(()));
    }

    fn tell_when_ended(self: &Arc<Self>) {
        let (late, deadline) = (Arc::clone(self), self.deadline);
        self.callee.core().on_end(
            Box::new(move |reason| late.refuse(CallError::Down(reason.clone()))),
            Box::new(move || Instant::now() >= deadline),
        );
    }
}

impl RemoteReply {
    fn fail(self, error: CallError) {
        *self.0.state.lock() = BackState::Sent;
        self.0.refuse_by(LaneKey::of_sender(), error);
    }

    fn send(self, encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>) {
        let (back, lane) = (&self.0, LaneKey::of_sender());
        *back.state.lock() = BackState::Sent;
        let header = Header::Reply { call: back.call };
        let sent = back.peer.send(lane, Urgency::Forced, &header, encode);
        if let Some(why) = sent.err().and_then(CastError::unsendable) {
            back.refuse_by(lane, CallError::BadMessage(format!("the reply: {why}")));
        }
    }
}

impl Drop for RemoteReply {
    /// Dropped unsent from the mailbox or a handler: if the actor is ending, its reason is not known
    /// yet, so the caller is told then.
    fn drop(&mut self) {
        let before = {
            let mut state = self.0.state.lock();
            let before = *state;
            if before != BackState::Sent {
                *state = BackState::Dropped;
            }
            before
        };
        if before == BackState::Enqueued {
            self.0.tell_when_ended();
        }
    }
}

impl fmt::Debug for RemoteReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteReply").field(&self.0.peer).field(&self.0.call).finish()
    }
}
