//! What an actor is sent from other nodes: decoded, and put into its mailbox.

use std::sync::Arc;

use crate::actor::{Actor, Wire};
use crate::error::CallError;
use crate::life::cell::ActorCell;
use crate::message::mailbox::{Arrival, Item, Overflow, Verdict};
use crate::message::queue::Queue;
use crate::message::reply::{CallBack, RemoteReply, ReplyTo};
use crate::remote::decoding::{self, Source};
use crate::remote::pause::ReceiverKey;
use crate::remote::wire::MethodKey;

/// An encoded message: its method and its arguments.
pub(crate) type Cast<'a> = (MethodKey, &'a [u8]);

impl<A: Actor> ActorCell<A> {
    /// Decodes and enqueues casts, in order; those that do not decode are counted and dropped.
    pub(super) fn take_casts(
        &self,
        source: Source<'_>,
        to: ReceiverKey,
        casts: &[Cast<'_>],
    ) -> Verdict {
        if drops::<A>() {
            casts.iter().for_each(|cast| self.take_here(source, *cast));
            return Verdict::Go;
        }
        let (mut messages, mut bytes) = (Vec::with_capacity(casts.len()), 0);
        decoding::decode_from(source, || {
            for cast in casts {
                let take = |message| messages.push(Item::new(message, self.trace()));
                match self.decode(*cast, None, take) {
                    Ok(()) => bytes += cast.1.len(),
                    Err(error) => self.note_refused(source, &error),
                }
            }
        });
        if messages.is_empty() {
            return Verdict::Go;
        }
        let arrival = Arrival { peer: source.from, key: to, bytes };
        self.mailbox.push_arrived(messages.into_iter(), &arrival).unwrap_or_else(|closed| {
            (0..closed.len()).for_each(|_| self.note_refused(source, &CallError::NoProc));
            drop(Queue::from_iter(closed));
            Verdict::Go
        })
    }

    /// Decodes and enqueues a call; what goes wrong is answered.
    pub(super) fn take_call(
        &self,
        source: Source<'_>,
        to: ReceiverKey,
        call: Cast<'_>,
        back: &Arc<CallBack>,
    ) -> Verdict {
        let take = |message| {
            if drops::<A>() {
                self.push_sized(message, call.1.len())?;
                return Ok(Verdict::Go);
            }
            let arrival = Arrival { peer: source.from, key: to, bytes: call.1.len() };
            let message = std::iter::once(Item::new(message, self.trace()));
            self.mailbox.push_arrived(message, &arrival).map_err(|closed| {
                drop(Queue::from_iter(closed));
                CallError::NoProc
            })
        };
        let reply = Some(RemoteReply(Arc::clone(back)));
        match decoding::decode_from(source, || self.decode(call, reply, take)?) {
            Ok(verdict) => {
                back.enqueued();
                verdict
            }
            Err(error) => {
                back.refuse(error);
                Verdict::Go
            }
        }
    }

    /// Decodes and enqueues a cast; one that does not decode or meets a full mailbox is counted and
    /// dropped.
    pub(super) fn take_here(&self, source: Source<'_>, cast: Cast<'_>) {
        let take = |message| self.push_sized(message, cast.1.len());
        let outcome = decoding::decode_from(source, || Ok(self.decode(cast, None, take)??));
        if let Err(error) = outcome {
            self.note_refused(source, &error);
        }
    }

    fn note_refused(&self, source: Source<'_>, error: &CallError) {
        source.node.counters().note_refused();
        let (node, pid) = (source.node.name(), self.core().pid());
        tracing::debug!(%node, %pid, %error, "cast from another node dropped");
    }

    /// Decodes a message, and hands it on from where it lies: each move of it would be felt.
    #[inline]
    fn decode<T>(
        &self,
        (key, payload): Cast<'_>,
        back: Option<RemoteReply>,
        take: impl FnOnce(A::Message) -> T,
    ) -> Result<T, CallError> {
        let wire: Wire<A> = A::wire().ok_or(CallError::NoProc)?;
        let method = (wire.methods)().iter().position(|method| method.key == key);
        let Some(method) = method else {
            return Err(CallError::BadMessage(format!(
                "{} has no method with this schema here",
                wire.name
            )));
        };
        decoding::decode_value(|| Ok(take((wire.decode)(method, payload, ReplyTo(back))?)))
            .map_err(|error| CallError::BadMessage(format!("the arguments: {error}")))
    }
}

/// Whether a full mailbox drops messages; any other takes what comes from other nodes, and has its
/// senders paused.
fn drops<A: Actor>() -> bool {
    matches!(A::OVERFLOW, Overflow::DropOldest | Overflow::DropNewest)
}
