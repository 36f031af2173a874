//! What stands in a mailbox, what may be done with what does not fit, and how full it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actor::info::Info;

use crate::message::trace::Trace;

/// What happens to a message that meets a full mailbox. A sender never waits without asking to: that
/// is `cast_wait`. What is dropped is counted ([`Counts::overflows`](crate::Counts)), and a call among
/// it answers `Overloaded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overflow {
    /// It comes back: a cast and a call answer `Overloaded`.
    Refuse,
    /// A cast from this node answers `Overloaded`; a call from this node waits for room, and answers
    /// `Overloaded` if there is none within its timeout. Those that wait are let in in no order, and a
    /// message that is sent later may come before them. What comes from other nodes is refused.
    Wait,
    /// The oldest message that waits makes room. Up to twice the capacity is held: what the actor
    /// has in hand is not dropped. Above [`REMOTE_BYTES_MAX`](super::REMOTE_BYTES_MAX) it refuses, whatever is there.
    DropOldest,
    /// The new message is dropped, and the cast is `Ok`.
    DropNewest,
}

/// What stands in a mailbox.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    /// A message of a trace. Boxed, since hardly any is.
    Traced(Box<(Trace, M)>),
    Info(Info),
}

impl<M> Item<M> {
    pub(crate) fn new(message: M, trace: Option<Trace>) -> Self {
        match trace {
            Some(trace) => Self::Traced(Box::new((trace, message))),
            None => Self::Message(message),
        }
    }

    /// The message; an info has none.
    pub(crate) fn into_message(self) -> Option<M> {
        match self {
            Self::Message(message) => Some(message),
            Self::Traced(traced) => Some(traced.1),
            Self::Info(_) => None,
        }
    }

    pub(crate) fn is_message(&self) -> bool {
        !matches!(self, Self::Info(_))
    }
}

/// Why a message was not taken; it comes back.
#[derive(Debug)]
pub(crate) enum Refused<M> {
    Full(M),
    Closed(M),
}

/// A message that was dropped to make room for another one, or is itself the one too many.
pub(crate) type Dropped<M> = Option<M>;

/// A mailbox at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) len: u64,
    pub(crate) handled: u64,
    pub(crate) postponed: u64,
    pub(crate) dropped: u64,
    pub(crate) capacity: u64,
    pub(crate) oldest: Option<Duration>,
}
