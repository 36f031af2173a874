//! Spawning: the same here and on another node, with link, monitor and name in one step.

mod monitored;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use monitored::MonitoredSpawn;
use tokio::sync::oneshot;

use crate::actor::info::MonitorRef;
use crate::actor::{Actor, Spawnable};
use crate::error::{CallError, SpawnError};
use crate::identity::NodeId;
use crate::life::birth::{Answer, Birth, Newborn, bind_parent};
use crate::node::Node;
use crate::node::groups::GroupName;
use crate::node::types;
use crate::pid::{AnyPid, Pid};
use crate::reason::ExitReason;
use crate::remote::carrier::{BoxFuture, LaneKey, Urgency};
use crate::remote::decoding::Source;
use crate::remote::peer::Peer;
use crate::remote::slots::ReplySlot;
use crate::remote::wire::{self, Header, MethodKey, SpawnRequest};
use crate::supervisor::handover::LentSlot;

/// How long `init` may take unless told otherwise. As a call: nothing waits for ever.
pub const SPAWN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// What a spawn asks for beside type and arguments.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) parent: Option<AnyPid>,
    pub(crate) link: bool,
    pub(crate) monitor: Option<MonitorRef>,
    pub(crate) name: Option<String>,
    pub(crate) group: Option<GroupName>,
    pub(crate) timeout: Duration,
    pub(crate) capacity: Option<usize>,
    /// A supervisor sees to its end, so the node's shutdown leaves it to that.
    pub(crate) supervised: bool,
    /// Where it leaves state for its next life.
    pub(crate) slot: Option<LentSlot>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parent: None,
            link: false,
            monitor: None,
            name: None,
            group: None,
            timeout: SPAWN_TIMEOUT_DEFAULT,
            capacity: None,
            supervised: false,
            slot: None,
        }
    }
}

/// A spawn that has not started yet: await it, after setting what it should come with.
///
/// The reply comes before any other signal of the child. On failure there is no child, no link, no
/// monitor and no `Down`. Source: `erlang:spawn_request/5`.
///
/// Awaited in the runtime of the node on which the actor starts, the first part of its `init` runs in
/// the task that awaits: several that one task awaits together begin one after the other.
#[must_use = "a spawn does nothing until it is awaited"]
pub struct Spawn<A: Actor> {
    node: Node,
    on: Option<NodeId>,
    args: A::Args,
    encode: Option<EncodeArgs<A>>,
    options: Options,
}

type EncodeArgs<A> = fn(<A as Actor>::Args) -> Result<EncodedArgs, SpawnError>;

impl<A: Actor> Spawn<A> {
    pub(crate) fn local(node: Node, args: A::Args) -> Self {
        Self { node, on: None, args, encode: None, options: Options::default() }
    }

    pub(crate) fn on(node: Node, peer: NodeId, args: A::Args) -> Self
    where
        A: Spawnable,
    {
        let encode = Some(EncodedArgs::of::<A> as EncodeArgs<A>);
        Self { node, on: Some(peer), args, encode, options: Options::default() }
    }

    pub(crate) fn child_of(mut self, parent: &AnyPid) -> Self {
        self.options.parent = Some(parent.clone());
        self
    }

    pub(crate) fn supervised(mut self, slot: Option<LentSlot>) -> Self {
        self.options.supervised = true;
        self.options.slot = slot;
        self
    }

    /// Makes the spawn one of the actor with this pid, for `linked` and `monitored`.
    pub fn from<B: Actor>(self, cx: &crate::actor::context::Cx<B>) -> Self {
        let parent = cx.pid();
        self.child_of(parent.any())
    }

    /// Links the child to the spawning actor. Without one, it has no effect.
    pub fn linked(mut self) -> Self {
        self.options.link = true;
        self
    }

    /// Has the spawning actor monitor the child. Without one, there is nobody to get the `Down`.
    pub fn monitored(mut self) -> MonitoredSpawn<A> {
        let monitor = self.node.next_monitor();
        self.options.monitor = Some(monitor);
        MonitoredSpawn::new(self, monitor)
    }

    /// Registers the child under a name of its own node.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Joins the child to a group of its own node, in the default scope, before the reply to the spawn.
    /// A group that cannot be joined is `BadArguments`, and there is no child.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.options.group = Some((None, group.into()));
        self
    }

    /// As [`Spawn::group`], in another scope.
    pub fn group_in(mut self, scope: impl Into<String>, group: impl Into<String>) -> Self {
        self.options.group = Some((Some(scope.into()), group.into()));
        self
    }

    /// Lets `init` take at most so long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how many messages the mailbox of a local child holds, instead of `Actor::CAPACITY`.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.options.capacity = Some(messages);
        self
    }

    fn start(self) -> SpawnState {
        let Self { node, on, args, encode, mut options } = self;
        if options.parent.is_none() {
            (options.link, options.monitor) = (false, None);
        }
        let on = on.filter(|peer| peer != node.name());
        match (on, encode) {
            (Some(peer), Some(encode)) => SpawnState::There(Box::pin(async move {
                let spawned = spawn_encoded(&node, &peer, encode(args)?, &options);
                let spawned = node.timeout(options.timeout, spawned).await;
                spawned.unwrap_or(Err(SpawnError::Timeout))
            })),
            _ => {
                let (sender, answer) = oneshot::channel();
                let timeout = options.timeout;
                let birth = Birth { options: Box::new(options), answer: Answer::Here(sender) };
                node.start_actor::<A>(args, birth);
                if !A::ON_THREAD {
                    return SpawnState::Here(answer);
                }
                // Its `init` may block, so that nothing but the asker can keep the time.
                SpawnState::There(Box::pin(async move {
                    match node.timeout(timeout, answer).await {
                        Some(Ok(born)) => born.map(Newborn::claim),
                        Some(Err(_)) => Err(SpawnError::ShuttingDown),
                        None => Err(SpawnError::Timeout),
                    }
                }))
            }
        }
    }
}

/// A spawn under way: see [`Spawn`]. Dropped early, the child is killed or never born.
#[must_use = "the child is killed if nobody waits for it"]
pub struct Spawning<A: Actor> {
    asked: Option<Spawn<A>>,
    state: SpawnState,
}

enum SpawnState {
    NotStarted,
    Here(oneshot::Receiver<Result<Newborn, SpawnError>>),
    There(BoxFuture<'static, Result<AnyPid, SpawnError>>),
}

impl<A: Actor> Future for Spawning<A> {
    type Output = Result<Pid<A>, SpawnError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(asked) = this.asked.take() {
            this.state = asked.start();
        }
        let spawned = match &mut this.state {
            SpawnState::Here(answer) => ready!(Pin::new(answer).poll(cx))
                .unwrap_or(Err(SpawnError::ShuttingDown))
                .map(Newborn::claim),
            SpawnState::There(spawned) => ready!(spawned.as_mut().poll(cx)),
            SpawnState::NotStarted => return Poll::Pending,
        };
        Poll::Ready(spawned.map(Pid::typed))
    }
}

impl<A: Actor> Unpin for Spawning<A> {}

impl<A: Actor> fmt::Debug for Spawning<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawning").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl<A: Actor> IntoFuture for Spawn<A> {
    type Output = Result<Pid<A>, SpawnError>;
    type IntoFuture = Spawning<A>;

    fn into_future(self) -> Spawning<A> {
        Spawning { asked: Some(self), state: SpawnState::NotStarted }
    }
}

impl<A: Actor> fmt::Debug for Spawn<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").field("on", &self.on).field("options", &self.options).finish()
    }
}

/// A registered type and its arguments, ready for the wire.
pub(crate) struct EncodedArgs {
    type_name: &'static str,
    key: MethodKey,
    bytes: Vec<u8>,
}

impl EncodedArgs {
    fn of<A: Spawnable>(args: A::Args) -> Result<Self, SpawnError> {
        let mut bytes = Vec::new();
        match wire::append(&args, &mut bytes) {
            Ok(()) => Ok(Self { type_name: A::NAME, key: types::args_key::<A>(), bytes }),
            Err(error) => Err(SpawnError::BadArguments(error.to_string())),
        }
    }
}

async fn spawn_encoded(
    node: &Node,
    on: &NodeId,
    args: EncodedArgs,
    options: &Options,
) -> Result<AnyPid, SpawnError> {
    let peer = node.reach(on).await.map_err(|_| SpawnError::NoConnection(on.clone()))?;
    let call = node.next_call();
    let (sender, answer) = oneshot::channel();
    let slot = SpawnSlot { peer: Arc::clone(&peer), options: options.clone(), sender };
    peer.wait_for(call, Box::new(slot));
    let _forget = peer.forget_later(call);
    let request = SpawnRequest {
        call,
        type_name: args.type_name.to_owned(),
        args: args.key,
        parent: options.parent.as_ref().map(AnyPid::serial),
        link: options.link,
        monitor: options.monitor,
        name: options.name.clone(),
        group: options.group.clone(),
        timeout_ms: u32::try_from(options.timeout.as_millis()).unwrap_or(u32::MAX),
    };
    let lane = LaneKey::of_sender();
    let mut payload = |out: &mut Vec<u8>| {
        wire::append_bytes(&args.bytes, out);
        Ok(())
    };
    peer.send(lane, Urgency::Refusable, &Header::Spawn(request), &mut payload)?;
    let no_connection = |_closed| SpawnError::NoConnection(on.clone());
    Ok(answer.await.map_err(no_connection)??.claim())
}

/// Takes the answer to a remote spawn: the bonds are installed here, on the reader's thread, before
/// any later signal of the child can be read.
pub(crate) struct SpawnSlot {
    peer: Arc<Peer>,
    options: Options,
    sender: oneshot::Sender<Result<Newborn, SpawnError>>,
}

impl ReplySlot for SpawnSlot {
    /// A spawn has an outcome of its own; what comes here is that there will be none.
    fn fill(self: Box<Self>, source: Source<'_>, answer: Result<&[u8], CallError>) {
        let error = match answer {
            Err(CallError::NoConnection(node)) => SpawnError::NoConnection(node),
            Err(error) => SpawnError::InitFailed(ExitReason::error(error)),
            Ok(_) => SpawnError::InitFailed(ExitReason::error("a call was answered")),
        };
        self.spawned(source, Err(error));
    }

    fn spawned(self: Box<Self>, source: Source<'_>, outcome: Result<u64, SpawnError>) {
        let Self { peer, options, sender } = *self;
        let outcome = outcome.map(|serial| {
            let child = AnyPid::new(peer, serial);
            bind_parent(source.node, &options, &child);
            Newborn::new(source.node, child, options)
        });
        // If nobody waits any more, the newborn is dropped here, and killed.
        drop(sender.send(outcome));
    }
}
