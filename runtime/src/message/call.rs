//! Calls: a request with a deadline, and the one answer to it.
//!
//! [`Call`] is what a `#[call]` method of a pid returns: await it, or set its `timeout` first, or
//! `send` it now and await the [`PendingCall`] later. [`Reply`] is the callee's side.

mod forward;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::actor::Actor;
use crate::error::{CallError, CastError};
use crate::life::cell::AnyCell;
use crate::message::reply::Reply;
use crate::message::sending::local_only;
use crate::node::timers::{Deadline, Timers};
use crate::pid::{Pid, Place};
use crate::reason::ExitReason;
use crate::remote::carrier::BoxFuture;
use crate::remote::decoding::{self, Source};
use crate::remote::pause::ReceiverKey;
use crate::remote::peer::Peer;
use crate::remote::slots::{ReplySlot, hand_over};
use crate::remote::wire::{self, CallRef, Header};

/// How long a call waits unless told otherwise. Source: `gen_server:call/2`.
pub const CALL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Longest timeout of a call: what fits into the envelope's milliseconds, some 49 days. A longer one
/// is cut to it.
pub const CALL_TIMEOUT_MAX: Duration = Duration::from_millis(u32::MAX as u64);

pub(crate) type Answer<R> = Result<R, CallError>;

/// How a reply of this type is read from the wire; `None` for actors that stay on their node.
pub type DecodeReply<R> = Option<fn(&[u8]) -> Result<R, postcard::Error>>;

/// Reads a reply that must take up all of its bytes. What the macro passes as [`DecodeReply`].
///
/// # Errors
/// The bytes are not an `R`.
pub fn decode_reply<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, postcard::Error> {
    wire::decode(bytes)
}

/// A call that is not sent yet.
#[must_use = "a call does nothing until it is awaited or sent"]
pub struct Call<A: Actor, R> {
    message: A::Message,
    pid: Pid<A>,
    answer: Option<oneshot::Receiver<Answer<R>>>,
    decode: DecodeReply<R>,
    timeout: Duration,
}

impl<A: Actor, R: Send + 'static> Call<A, R> {
    /// Builds a call. `make` gets the reply that the message carries.
    pub fn new(
        pid: &Pid<A>,
        decode: DecodeReply<R>,
        make: impl FnOnce(Reply<R>) -> A::Message,
    ) -> Self {
        let (reply, answer) = match pid.place() {
            Place::Here(_) => {
                let (reply, answer) = Reply::pair();
                (reply, Some(answer))
            }
            Place::There(_) => (Reply::nowhere(), None),
        };
        let (message, pid) = (make(reply), pid.clone());
        Self { message, pid, answer, decode, timeout: CALL_TIMEOUT_DEFAULT }
    }

    /// Waits at most so long for the answer. The deadline travels with the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends the call, to be awaited later: several can be under way at once.
    ///
    /// Never fails at once: what goes wrong here is the answer of the [`PendingCall`].
    pub fn send(self) -> PendingCall<R> {
        let deadline = Deadline::after(self.timeout.min(CALL_TIMEOUT_MAX));
        self.send_until(deadline)
    }

    fn send_until(self, deadline: Deadline) -> PendingCall<R> {
        let Self { message, pid, answer, decode, timeout } = self;
        let state = match (pid.into_place(), answer) {
            (Place::Here(cell), Some(answer)) => match cell.push_call(message) {
                Ok(None) => Pending::Here { answer, callee: cell },
                Ok(Some(pushing)) => {
                    Pending::Pushing { pushing, answer: Some(answer), callee: cell }
                }
                Err(error) => Pending::Failed(error.into()),
            },
            (Place::There(any), _) => {
                match send_remote::<A, R>(any.home(), any.serial(), &message, decode, timeout) {
                    Ok(pending) => pending,
                    Err(error) => Pending::Failed(error.into()),
                }
            }
            (Place::Here(_), None) => Pending::Failed(CallError::NoProc),
        };
        PendingCall { state, deadline }
    }
}

fn send_remote<A: Actor, R: Send + 'static>(
    peer: &Arc<Peer>,
    to: u64,
    message: &A::Message,
    decode: DecodeReply<R>,
    timeout: Duration,
) -> Result<Pending<R>, CastError> {
    if peer.is_own() {
        return Err(CastError::NoProc);
    }
    let (wire, decode) = A::wire().zip(decode).ok_or_else(local_only::<A>)?;
    let key = wire.key(message).ok_or_else(local_only::<A>)?;
    let no_connection = || CastError::NoConnection(peer.instance().node.clone());
    let node = peer.owner().ok_or_else(no_connection)?;
    let call = node.next_call();
    let (sender, answer) = oneshot::channel();
    peer.wait_for(call, Box::new(Slot { sender, decode }));
    let deadline_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let header = |method| Header::Call { to, method, call, deadline_ms };
    let mut payload = |out: &mut Vec<u8>| (wire.encode)(message, out);
    let receiver = ReceiverKey::of_actor(to);
    if let Err(error) = peer.send_method(receiver, (wire.name, key), header, &mut payload) {
        // Nobody waits for an answer to what was not sent, nor keeps the session for it.
        drop(peer.take_slot(call));
        return Err(error);
    }
    Ok(Pending::There { answer, call, peer: Arc::clone(peer) })
}

/// Where the reader of a session puts the answer of a remote call.
struct Slot<R> {
    sender: oneshot::Sender<Answer<R>>,
    decode: fn(&[u8]) -> Result<R, postcard::Error>,
}

impl<R: Send> ReplySlot for Slot<R> {
    fn fill(self: Box<Self>, source: Source<'_>, answer: Result<&[u8], CallError>) {
        let answer = answer.and_then(|bytes| {
            decoding::decode_value_from(source, || (self.decode)(bytes))
                .map_err(|error| CallError::BadMessage(format!("the reply: {error}")))
        });
        hand_over(self.sender, answer);
    }
}

/// A call under way. Awaiting it gives the answer.
///
/// Dropping it gives up on the answer; the call may still be carried out.
#[must_use = "the answer comes when it is awaited"]
pub struct PendingCall<R> {
    state: Pending<R>,
    deadline: Deadline,
}

enum Pending<R> {
    /// The mailbox is full, and its policy is to wait.
    Pushing {
        pushing: BoxFuture<'static, bool>,
        answer: Option<oneshot::Receiver<Answer<R>>>,
        callee: Arc<dyn AnyCell>,
    },
    Here {
        answer: oneshot::Receiver<Answer<R>>,
        callee: Arc<dyn AnyCell>,
    },
    There {
        answer: oneshot::Receiver<Answer<R>>,
        call: CallRef,
        peer: Arc<Peer>,
    },
    /// The actor dropped the reply: it is ending, or it will never answer.
    Unanswered {
        ended: oneshot::Receiver<ExitReason>,
        callee: Arc<dyn AnyCell>,
    },
    Failed(CallError),
}

impl<R> Pending<R> {
    /// What a caller hears whose time is over.
    fn overdue(&self) -> CallError {
        match self {
            Self::Pushing { .. } => CallError::Overloaded,
            Self::Here { .. } | Self::There { .. } | Self::Unanswered { .. } | Self::Failed(_) => {
                CallError::Timeout
            }
        }
    }

    /// The timers that end the wait.
    fn timers(&self) -> Option<&Timers> {
        let timers = match self {
            Self::Pushing { callee, .. }
            | Self::Here { callee, .. }
            | Self::Unanswered { callee, .. } => callee.core().pid().home().timers(),
            Self::There { peer, .. } => peer.timers(),
            Self::Failed(_) => None,
        };
        timers.map(Arc::as_ref)
    }
}

impl<R> PendingCall<R> {
    /// Why it was not even sent.
    fn failed(self) -> Option<CallError> {
        match &self.state {
            Pending::Failed(error) => Some(error.clone()),
            Pending::Here { .. }
            | Pending::There { .. }
            | Pending::Pushing { .. }
            | Pending::Unanswered { .. } => None,
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Answer<R>> {
        loop {
            match &mut self.state {
                Pending::Pushing { pushing, answer, callee } => {
                    match (ready!(pushing.as_mut().poll(cx)), answer.take()) {
                        (true, Some(answer)) => {
                            let callee = Arc::clone(callee);
                            self.state = Pending::Here { answer, callee };
                        }
                        (true | false, _) => return Poll::Ready(Err(CallError::NoProc)),
                    }
                }
                Pending::Here { answer, callee } => match Pin::new(answer).poll(cx) {
                    Poll::Ready(Ok(answer)) => return Poll::Ready(answer),
                    Poll::Ready(Err(_)) => {
                        let ended = callee.core().when_ended();
                        let callee = Arc::clone(callee);
                        self.state = Pending::Unanswered { ended, callee };
                    }
                    Poll::Pending => return Poll::Pending,
                },
                Pending::There { answer, peer, .. } => {
                    return Pin::new(answer).poll(cx).map(|answer| {
                        let lost = || CallError::NoConnection(peer.instance().node.clone());
                        answer.unwrap_or_else(|_| Err(lost()))
                    });
                }
                Pending::Unanswered { ended, .. } => {
                    return Pin::new(ended)
                        .poll(cx)
                        .map(|reason| Err(reason.map_or(CallError::NoProc, CallError::Down)));
                }
                Pending::Failed(error) => return Poll::Ready(Err(error.clone())),
            }
        }
    }
}

impl<R> Future for PendingCall<R> {
    type Output = Answer<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<R>> {
        let this = self.get_mut();
        if let Poll::Ready(answer) = this.poll_answer(cx) {
            return Poll::Ready(answer);
        }
        match this.state.timers() {
            Some(timers) => this.deadline.poll(timers, cx).map(|()| Err(this.state.overdue())),
            None => Poll::Ready(Err(CallError::NoProc)),
        }
    }
}

impl<R> Drop for PendingCall<R> {
    fn drop(&mut self) {
        if let Some(timers) = self.state.timers() {
            self.deadline.cancel(timers);
        }
        if let Pending::There { call, peer, .. } = &self.state {
            drop(peer.take_slot(*call));
        }
    }
}

impl<R> Unpin for PendingCall<R> {}

impl<R> fmt::Debug for PendingCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingCall").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl<A: Actor, R: Send + 'static> IntoFuture for Call<A, R> {
    type Output = Answer<R>;
    type IntoFuture = PendingCall<R>;

    fn into_future(self) -> PendingCall<R> {
        let deadline = Deadline::patient(self.timeout.min(CALL_TIMEOUT_MAX));
        self.send_until(deadline)
    }
}

impl<A: Actor, R> fmt::Debug for Call<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("pid", &self.pid).finish_non_exhaustive()
    }
}
