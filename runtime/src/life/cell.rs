//! The record of one actor: what its pids, its task and its node share.
//!
//! [`Core`] is what does not depend on the actor's type; [`ActorCell`] adds the typed mailbox;
//! [`AnyCell`] is how the pid table sees it. The record outlives the actor while pids of it are held.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::actor::Actor;
use crate::actor::info::{Exit, Info};
use crate::bond::signal::Signal;
use crate::error::{CallError, CastError};
use crate::identity::NodeInstance;
use crate::life::arrival::Cast;
use crate::life::core::Core;
use crate::life::spawn::Options;
use crate::message::mailbox::{Dropped, Fill, Mailbox, Overflow, Refused, Verdict};
use crate::message::reply::CallBack;
use crate::message::trace::{self, Trace};
use crate::node::Node;
use crate::panics::{discard, spared};
use crate::pid::AnyPid;
use crate::proto::bonds::{Bonds, Effect};
use crate::reason::ExitReason;
use crate::remote::carrier::BoxFuture;
use crate::remote::decoding::Source;
use crate::remote::pause::ReceiverKey;
use crate::remote::peer::Peer;

/// An actor whatever its type.
pub(crate) trait AnyCell: Send + Sync + fmt::Debug {
    fn core(&self) -> &Core;

    /// Decodes and enqueues an encoded call from another node; a refusal is answered through `back`.
    fn deliver_call(
        &self,
        source: Source<'_>,
        to: ReceiverKey,
        cast: Cast<'_>,
        back: Arc<CallBack>,
    ) -> Verdict;

    /// Decodes and enqueues casts from another node, in order. Those that do not decode are counted and
    /// dropped.
    fn deliver_casts(&self, source: Source<'_>, to: ReceiverKey, casts: &[Cast<'_>]) -> Verdict;

    /// Notes that a peer was told to pause; whether it is to be told to go on at once.
    fn pause_sent(&self, _: &Arc<Peer>, _: ReceiverKey) -> bool {
        false
    }

    /// Decodes and enqueues a cast that is for many actors of this node. One that does not decode or
    /// meets a full mailbox is counted and dropped.
    fn deliver_here(&self, source: Source<'_>, cast: Cast<'_>);

    fn push_info(&self, info: Info);

    /// Enqueues an event that the actor did not ask for; one too many is counted and dropped.
    fn push_unasked(&self, info: Info) {
        self.push_info(info);
    }

    fn stop(&self, reason: ExitReason);

    /// Asks it to stop when it has handled what is queued, and lets nothing more in.
    fn drain(&self, reason: ExitReason);

    /// Whether it is an actor, not another endpoint.
    fn is_actor(&self) -> bool {
        true
    }

    fn close_mailbox(&self);

    /// How full its mailbox is.
    fn fill(&self) -> Fill;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// Bonds of an actor with a lost node that end before the first of them is acted on. Count. All together
/// a thousand monitors were 100 KiB, touched for the first time while nothing else could go on.
const LOST_AT_ONCE: usize = 64;

impl dyn AnyCell {
    /// Acts on a signal from `node`'s side of the world.
    pub(crate) fn on_signal(&self, node: &Node, signal: Signal) {
        let core = self.core();
        let mut signal = Some(signal);
        let handle = |bonds: &mut Bonds| match signal
            .take()
            .map(|signal| bonds.handle(core.pid(), signal))
        {
            Some(Effect::Answer(to, answer)) => (Effect::Nothing, Some((to, answer))),
            effect => (effect.unwrap_or(Effect::Nothing), None),
        };
        match (core.change_links(node, handle), signal) {
            (Ok(effect), _) => self.act(node, effect),
            // It has ended: the same answer as from a pid that never was.
            (Err(_), Some(signal)) => node.bounce(core.pid(), signal, ExitReason::NoProc),
            (Err(_), None) => {}
        }
    }

    fn act(&self, node: &Node, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Ends(reason) => self.core().kill(reason),
            Effect::Stops(reason) => self.stop(reason),
            Effect::Drains(reason) => self.drain(reason),
            Effect::Exit(exit) if exit.linked => self.push_info(Info::new(Queued(exit))),
            Effect::Exit(exit) => self.push_unasked(Info::new(Queued(exit))),
            Effect::Down(down) => self.push_info(Info::down(down)),
            Effect::Answer(to, signal) => node.signal_by(self.core().lane(), &to, signal),
            Effect::Bonded(other) => node.bond(self.core().pid(), &other),
        }
    }

    /// The session with a node was lost: links and monitors there fire.
    pub(crate) fn on_node_down(&self, node: &Node, lost: &NodeInstance, reason: &ExitReason) {
        let (core, lost) = (self.core(), |pid: &AnyPid| pid.instance() == lost);
        let lost = core.with_bonds(|bonds| bonds.lose(lost)).unwrap_or_default();
        let mut effects = Vec::new();
        for some in lost.chunks(LOST_AT_ONCE) {
            let signals = some.iter().map(|lost| lost.signal(reason.clone()));
            let _ = core.with_bonds(|bonds| {
                effects.extend(signals.map(|signal| bonds.handle(core.pid(), signal)));
            });
            effects.drain(..).for_each(|effect| self.act(node, effect));
        }
    }
}

/// A trapped exit in the mailbox, of which it is still to be seen whether it is wanted.
#[derive(Debug)]
pub(crate) struct Queued(pub(crate) Exit);

/// The wire name of an actor type, or its Rust name if it stays on its node.
pub(crate) fn type_name<A: Actor>() -> &'static str {
    A::wire().map_or_else(std::any::type_name::<A>, |wire| wire.name)
}

/// The record of an actor of type `A`.
pub(crate) struct ActorCell<A: Actor> {
    core: Core,
    pub(crate) mailbox: Mailbox<A::Message>,
}

impl<A: Actor> ActorCell<A> {
    pub(crate) fn new(pid: AnyPid, options: &Options) -> Self {
        let capacity = options.capacity.unwrap_or(A::CAPACITY);
        let core = Core::new(pid, type_name::<A>(), options);
        Self { core, mailbox: Mailbox::new(capacity, A::OVERFLOW) }
    }

    pub(crate) fn downcast(cell: Arc<dyn AnyCell>) -> Option<Arc<Self>> {
        cell.into_any().downcast().ok()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn push(&self, message: A::Message) -> Result<(), CastError> {
        self.push_sized(message, 0)
    }

    /// Appends a message that was so many bytes on the way from another node.
    pub(super) fn push_sized(&self, message: A::Message, bytes: usize) -> Result<(), CastError> {
        self.settle(self.mailbox.push_sized(message, self.trace(), bytes))
            .map_err(|refused| self.refused(refused))
    }

    /// Appends a message, or gives it back; answers and counts what it dropped.
    fn settle(
        &self,
        pushed: Result<Dropped<A::Message>, Refused<A::Message>>,
    ) -> Result<(), Refused<A::Message>> {
        if let Some(message) = pushed? {
            self.note_overflow();
            refuse::<A>(message);
        }
        Ok(())
    }

    fn refused(&self, refused: Refused<A::Message>) -> CastError {
        match refused {
            Refused::Full(message) => {
                self.note_overflow();
                discard(message);
                CastError::Overloaded
            }
            Refused::Closed(message) => {
                discard(message);
                CastError::NoProc
            }
        }
    }

    /// Appends the message of a call. At a full mailbox whose policy is to wait, gives a future that
    /// does so.
    pub(crate) fn push_call(
        self: &Arc<Self>,
        message: A::Message,
    ) -> Result<Option<BoxFuture<'static, bool>>, CastError> {
        let trace = self.trace();
        match self.settle(self.mailbox.push(message, trace)) {
            Ok(()) => Ok(None),
            Err(Refused::Full(message)) if A::OVERFLOW == Overflow::Wait => {
                let cell = Arc::clone(self);
                Ok(Some(Box::pin(
                    async move { cell.mailbox.push_wait(message, trace).await.is_ok() },
                )))
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// The trace of a message that is sent to it now, if somebody listens.
    pub(crate) fn trace(&self) -> Option<Trace> {
        if !trace::is_wanted() {
            return None;
        }
        self.core.pid().home().owner().map(|node| trace::outgoing(&node))
    }

    #[cold]
    pub(crate) fn note_overflow(&self) {
        if let Some(node) = self.core.pid().home().owner() {
            node.counters().note_overflow();
        }
    }
}

/// Answers the calls among the messages that are dropped. It runs where the message came from, which a
/// panic of the program's code must not end.
pub(crate) fn refuse<A: Actor>(message: A::Message) {
    if let Err(reason) = spared(|| A::refuse(message, CallError::Overloaded)) {
        tracing::warn!(%reason, kind = type_name::<A>(), "a message that was dropped panicked");
    }
}

impl<A: Actor> AnyCell for ActorCell<A> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn deliver_call(
        &self,
        source: Source<'_>,
        to: ReceiverKey,
        cast: Cast<'_>,
        back: Arc<CallBack>,
    ) -> Verdict {
        self.take_call(source, to, cast, &back)
    }

    fn deliver_casts(&self, source: Source<'_>, to: ReceiverKey, casts: &[Cast<'_>]) -> Verdict {
        self.take_casts(source, to, casts)
    }

    fn pause_sent(&self, peer: &Arc<Peer>, key: ReceiverKey) -> bool {
        self.mailbox.pause_sent(peer, key)
    }

    fn deliver_here(&self, source: Source<'_>, cast: Cast<'_>) {
        self.take_here(source, cast);
    }

    fn push_info(&self, info: Info) {
        self.mailbox.push_info(info);
    }

    fn push_unasked(&self, info: Info) {
        if !self.mailbox.push_unasked(info) {
            self.note_overflow();
        }
    }

    fn stop(&self, reason: ExitReason) {
        if A::STOP_KILLS {
            self.core.kill(reason);
        } else {
            self.mailbox.stop(reason);
        }
    }

    fn close_mailbox(&self) {
        self.mailbox.close();
    }

    fn fill(&self) -> Fill {
        self.mailbox.fill()
    }

    fn drain(&self, reason: ExitReason) {
        self.mailbox.drain(reason);
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<A: Actor> fmt::Debug for ActorCell<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.core.type_name(), self.core.pid())
    }
}
