//! The traits behind `#[actor]`: [`Actor`], and [`Remote`] for those that other nodes may reach.
//!
//! The macro writes both; writing them by hand gives the same actor. See `tests/by_hand.rs`.

pub(crate) mod context;
pub(crate) mod info;
pub(crate) mod tasks;
pub(crate) mod timing;

use std::fmt;
use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::context::Cx;
use crate::actor::info::Info;
use crate::error::CallError;
use crate::message::mailbox::{self, Overflow};
use crate::message::reply::ReplyTo;
use crate::reason::ExitReason;
use crate::remote::wire::MethodKey;

/// What `init` and handlers return: an error ends the actor with it.
pub type Result<T, E = ExitReason> = std::result::Result<T, E>;

/// An actor: state that handles one message at a time.
///
/// The value itself is the state. It lives on its node's tokio runtime as one task.
/// Source: OTP `gen_server`.
pub trait Actor: Sized + Send + 'static {
    /// What `init` is given. Must be `Serialize` and `DeserializeOwned` for remote spawn.
    type Args: Send + 'static;

    /// Everything it can be sent: one enum.
    type Message: Send + 'static;

    /// Messages its mailbox holds. When full, `cast` answers `Overloaded`.
    const CAPACITY: usize = mailbox::CAPACITY_DEFAULT;

    /// What happens to a message that meets a full mailbox.
    const OVERFLOW: Overflow = Overflow::Refuse;

    /// Whether it runs on a thread of its own, where its handlers may block; otherwise it is a task
    /// among others and must not. A kill then waits for the next await point as it always does.
    const ON_THREAD: bool = false;

    /// Whether a stop takes effect at the next await point, as an exit does, and not after the message
    /// at hand: for an actor that has one thing to do in its life.
    #[doc(hidden)]
    const STOP_KILLS: bool = false;

    /// Makes the state. The spawn is answered when this returns; an error means there is no child.
    fn init(args: Self::Args, cx: &mut Cx<Self>) -> impl Future<Output = Result<Self>> + Send;

    /// Handles one message. An error ends the actor with that reason.
    fn handle(
        &mut self,
        message: Self::Message,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Handles an event: a down, a trapped exit, a node event. By default it is logged and dropped.
    fn info(&mut self, info: Info, cx: &mut Cx<Self>) -> impl Future<Output = Result<()>> + Send {
        crate::unhandled_info(cx.node(), &cx.pid(), &info);
        std::future::ready(Ok(()))
    }

    /// Runs last, for every end but a kill and an exit that was not trapped.
    fn terminate(
        &mut self,
        reason: &ExitReason,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, cx);
        std::future::ready(())
    }

    /// Which guarded method the message is for, if its guard does not hold: the message then waits
    /// until [`Actor::admits`] says that it does, in the order in which such messages came, and before
    /// those that come later. What `#[cast(when = ..)]` and `#[call(when = ..)]` write.
    /// Source: `gen_statem`'s `postpone`.
    fn postpones(&self, message: &Self::Message) -> Option<usize> {
        let _ = message;
        None
    }

    /// Whether the guard of a method holds; asked after each message while some wait.
    fn admits(&self, method: usize) -> bool {
        let _ = method;
        true
    }

    /// Refuses a message that the mailbox dropped: the macro answers a call among it. Written by hand,
    /// an actor that does not answer leaves its caller to a `Timeout`.
    fn refuse(message: Self::Message, error: CallError) {
        drop((message, error));
    }

    /// How other nodes reach it; `None` for an actor that stays on its own node.
    #[must_use]
    fn wire() -> Option<Wire<Self>> {
        None
    }
}

/// An actor that other nodes can send to.
pub trait Remote: Actor {
    /// Its stable name in the cluster. Choose it once; moving or renaming the type must not change it.
    const NAME: &'static str;

    /// Its methods, with the keys of their schemas.
    #[must_use]
    fn methods() -> &'static [Method];

    /// Which method a message is for, as an index into [`Remote::methods`].
    #[must_use]
    fn method(message: &Self::Message) -> usize;

    /// Appends the arguments of a message.
    ///
    /// # Errors
    /// They do not serialize.
    fn encode(
        message: &Self::Message,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), postcard::Error>;

    /// Makes a message out of its arguments; `reply` is where the answer of a call goes.
    ///
    /// # Errors
    /// The bytes are not the arguments of that method.
    fn decode(
        method: usize,
        payload: &[u8],
        reply: ReplyTo,
    ) -> std::result::Result<Self::Message, postcard::Error>;
}

/// An actor that other nodes can spawn: a remote one whose arguments travel. Implemented for all
/// such types.
pub trait Spawnable: Remote<Args: Serialize + DeserializeOwned> {}

impl<A: Remote<Args: Serialize + DeserializeOwned>> Spawnable for A {}

/// One method of a remote actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// The hash of its names and schemas.
    pub key: MethodKey,
}

/// The functions of a [`Remote`] actor, as values.
pub struct Wire<A: Actor> {
    pub(crate) name: &'static str,
    pub(crate) methods: fn() -> &'static [Method],
    pub(crate) method: fn(&A::Message) -> usize,
    pub(crate) encode: fn(&A::Message, &mut Vec<u8>) -> std::result::Result<(), postcard::Error>,
    pub(crate) decode: DecodeMessage<A>,
}

type DecodeMessage<A> =
    fn(usize, &[u8], ReplyTo) -> std::result::Result<<A as Actor>::Message, postcard::Error>;

impl<A: Remote> Wire<A> {
    /// The functions of `A`.
    #[must_use]
    pub fn of() -> Self {
        Self {
            name: A::NAME,
            methods: A::methods,
            method: A::method,
            encode: A::encode,
            decode: A::decode,
        }
    }
}

impl<A: Actor> Wire<A> {
    /// The key of the method that `message` is for.
    pub(crate) fn key(&self, message: &A::Message) -> Option<MethodKey> {
        (self.methods)().get((self.method)(message)).map(|method| method.key)
    }
}

impl<A: Actor> fmt::Debug for Wire<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.name).finish()
    }
}

/// What a `#[cast]` or `#[info]` method may return: nothing, or a result whose error ends the actor.
#[diagnostic::on_unimplemented(
    message = "a #[cast] or #[info] method returns nothing, or a Result<(), E>",
    label = "this is neither; to answer with a value make it a #[call]"
)]
pub trait Outcome {
    /// The same as a result.
    ///
    /// # Errors
    /// Its own.
    fn outcome(self) -> Result<()>;
}

impl Outcome for () {
    fn outcome(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<ExitReason>> Outcome for std::result::Result<(), E> {
    fn outcome(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// What an `init` method may return: the state, or a result with it.
pub trait InitOutcome<A> {
    /// The same as a result.
    ///
    /// # Errors
    /// Its own.
    fn init_outcome(self) -> Result<A>;
}

impl<A> InitOutcome<A> for A {
    fn init_outcome(self) -> Result<A> {
        Ok(self)
    }
}

impl<A, E: Into<ExitReason>> InitOutcome<A> for std::result::Result<A, E> {
    fn init_outcome(self) -> Result<A> {
        self.map_err(Into::into)
    }
}
