//! The life of one actor, as the future that its task runs: init, messages, end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::actor::context::Cx;
use crate::actor::info::{Exit, Info};
use crate::actor::{Actor, Result};
use crate::error::SpawnError;
use crate::life::birth::Birth;
use crate::life::cell::{self, ActorCell};
use crate::life::postponed::Postponed;
use crate::message::mailbox::Item;
use crate::message::queue::Queue;
use crate::message::trace;
use crate::node::Node;
use crate::node::timers::timeout;
use crate::reason::ExitReason;

/// Runs an actor from `init` to its end. However it ends, also by being dropped, `Ending` tells
/// everyone who has to know, once.
///
/// Not an `async fn`, and no future is moved once it is here: each would be stored twice, and this is
/// most of what an actor takes.
#[expect(clippy::manual_async_fn, reason = "arguments of an async fn are stored twice")]
pub(crate) fn live<A: Actor>(
    mut ending: Ending<A>,
    args: A::Args,
    init_timeout: Duration,
) -> impl Future<Output = ()> + Send {
    async move {
        // `ending` outlives the actor's state, so that the state is dropped before the end is told.
        let mut cx = Cx::new(ending.node.clone(), Arc::clone(&ending.cell));
        let init = {
            let timers = Arc::clone(ending.node.timers());
            let mut init = pin!(timeout(timers, init_timeout, caught(A::init(args, &mut cx))));
            poll_fn(|task| match init.as_mut().poll(task) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending => ending.poll_given_up(task).map(|()| None),
            })
            .await
        };
        let mut actor = match init {
            Some(Some(Ok(Ok(actor)))) => actor,
            Some(Some(Ok(Err(reason)) | Err(reason))) => {
                drop(cx);
                return ending.fail(SpawnError::InitFailed(reason.clone().bounded()), reason);
            }
            Some(None) | None => {
                drop(cx);
                return ending.fail(SpawnError::Timeout, ExitReason::Killed);
            }
        };
        if let Err(error) = ending.born() {
            let dropped = caught(async { drop(actor) }).await;
            drop(cx);
            return ending.fail(error, dropped.err().unwrap_or(ExitReason::Normal));
        }
        let mut reason = match caught(serve(&mut actor, &mut cx, &ending)).await {
            Ok(Err(reason)) | Err(reason) => reason,
            Ok(Ok(never)) => match never {},
        };
        if let Err(panic) = caught(async { actor.terminate(&reason, &mut cx).await }).await {
            reason = panic;
        }
        if let Err(panic) = caught(async { drop(actor) }).await {
            reason = panic;
        }
        // Its tasks and timers go first: who hears of its end finds nothing of it at work.
        drop(cx);
        ending.end(reason);
    }
}

/// Messages handled for one unit of tokio's cooperative budget, of which a task has 128 before it must
/// yield. Count. 8: a thousand messages of some 50 ns, far less than a scheduler tick, and a tenth of
/// the cost per message that was measured with 1.
const MESSAGES_PER_BUDGET_UNIT: u32 = 8;

/// Handles messages until something ends the actor: gives its reason.
async fn serve<A: Actor>(actor: &mut A, cx: &mut Cx<A>, ending: &Ending<A>) -> Result<Infallible> {
    let cell = &*ending.cell;
    let (mut batch, mut postponed, mut unpaid) = (Queue::default(), Postponed::default(), 0);
    let mut counted = Counted { ending, told: 0 };
    follow_up(actor, cx, cell, &mut postponed).await?;
    loop {
        counted.tell(COUNTED_AT_ONCE);
        cell.mailbox.take(&mut batch).await?;
        while let Some(item) = batch.pop_front() {
            match item {
                // Nearly all of them; by the way of the others a message costs a third more.
                Item::Message(message) if actor.postpones(&message).is_none() => {
                    cell.mailbox.note_handled();
                    actor.handle(message, cx).await?;
                }
                item @ (Item::Message(_) | Item::Traced(_) | Item::Info(_)) => {
                    if let Some(item) = postpone(actor, cell, item, &mut postponed) {
                        if item.is_message() {
                            cell.mailbox.note_handled();
                        }
                        handle(actor, cx, cell, item).await?;
                    }
                }
            }
            if cx.has_next() || !postponed.is_empty() {
                follow_up(actor, cx, cell, &mut postponed).await?;
            }
            if cell.mailbox.is_stopping() {
                break;
            }
            // Messages do not come through a tokio channel, so nothing else spends the budget that
            // keeps one busy actor from starving the others on its thread.
            unpaid += 1;
            if unpaid == MESSAGES_PER_BUDGET_UNIT {
                unpaid = 0;
                tokio::task::coop::consume_budget().await;
            }
        }
    }
}

/// Messages that an actor handles before it adds them to the node's count. Count. The count is shared by
/// all actors, and one that answers a call now and then should not touch it each time.
const COUNTED_AT_ONCE: u64 = 64;

/// Adds the messages of one actor to the node's count, and the rest when it ends.
struct Counted<'a, A: Actor> {
    ending: &'a Ending<A>,
    told: u64,
}

impl<A: Actor> Counted<'_, A> {
    fn tell(&mut self, at_least: u64) {
        let handled = self.ending.cell.mailbox.handled();
        if handled - self.told >= at_least {
            self.ending.node.counters().note_messages(handled - self.told);
            self.told = handled;
        }
    }
}

impl<A: Actor> Drop for Counted<'_, A> {
    fn drop(&mut self) {
        self.tell(1);
    }
}

/// Puts a message off whose guard does not hold; gives back any other. It leaves the mailbox, so that
/// the message that will open the guard finds room; those put off have a bound of their own.
fn postpone<A: Actor>(
    actor: &A,
    cell: &ActorCell<A>,
    item: Item<A::Message>,
    postponed: &mut Postponed<A::Message>,
) -> Option<Item<A::Message>> {
    let method = match &item {
        Item::Message(message) => actor.postpones(message),
        Item::Traced(traced) => actor.postpones(&traced.1),
        Item::Info(_) => None,
    };
    let Some(method) = method else {
        return Some(item);
    };
    cell.mailbox.note_handled();
    if postponed.len() < cell.mailbox.capacity() {
        postponed.push(method, item);
        cell.mailbox.note_postponed(postponed.len());
    } else if let Some(message) = item.into_message() {
        cell.note_overflow();
        cell::refuse::<A>(message);
    }
    None
}

/// What comes before the rest of the queue: events that a handler asked for next, then messages that
/// were put off and whose guard holds.
async fn follow_up<A: Actor>(
    actor: &mut A,
    cx: &mut Cx<A>,
    cell: &ActorCell<A>,
    postponed: &mut Postponed<A::Message>,
) -> Result<()> {
    while !cell.mailbox.is_stopping() {
        if let Some(info) = cx.take_next() {
            actor.info(info, cx).await?;
        } else if let Some(message) = postponed.take_ready(actor) {
            cell.mailbox.note_postponed(postponed.len());
            handle(actor, cx, cell, message).await?;
        } else {
            break;
        }
        tokio::task::coop::consume_budget().await;
    }
    Ok(())
}

/// Handles what has left the mailbox: an event, or a message that is of a trace or was put off.
async fn handle<A: Actor>(
    actor: &mut A,
    cx: &mut Cx<A>,
    cell: &ActorCell<A>,
    item: Item<A::Message>,
) -> Result<()> {
    let (trace, message) = match item {
        Item::Message(message) => (None, message),
        Item::Traced(traced) => (Some(traced.0), traced.1),
        Item::Info(info) => {
            return match cx.unwrap(info) {
                Some(info) => match parents_exit(cell, &info) {
                    Some(reason) => Err(reason),
                    None => actor.info(info, cx).await,
                },
                None => Ok(()),
            };
        }
    };
    let (pid, kind) = (cell.core().pid(), cell.core().type_name());
    trace::within(trace, pid, kind, actor.handle(message, cx)).await
}

/// The reason of an exit that came from who spawned the actor linked to itself: it ends with it even
/// when it traps exits. Source: OTP `gen_server`, on the exit of its parent.
fn parents_exit<A: Actor>(cell: &ActorCell<A>, info: &Info) -> Option<ExitReason> {
    let exit = info.get::<Exit>().filter(|exit| cell.core().parent() == Some(&exit.pid))?;
    Some(exit.reason.clone())
}

/// Awaits a future of user code; a panic in it becomes the reason.
pub(crate) fn caught<F: Future>(future: F) -> Caught<F> {
    Caught { future }
}

pin_project! {
    /// See [`caught`].
    pub(crate) struct Caught<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(ExitReason::panicked(&*panic))),
        }
    }
}

/// Tells of the actor's birth or failure, and of its end. Dropped without either, the task was
/// killed.
pub(crate) struct Ending<A: Actor> {
    node: Node,
    cell: Arc<ActorCell<A>>,
    birth: Option<Birth>,
}

impl<A: Actor> Ending<A> {
    pub(crate) fn new(node: Node, cell: Arc<ActorCell<A>>, birth: Birth) -> Self {
        Self { node, cell, birth: Some(birth) }
    }

    /// Ready when who asked for it here has given up.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.birth {
            Some(birth) => birth.poll_given_up(cx),
            None => Poll::Pending,
        }
    }

    /// Its group is joined and the asker is told; or there is no child after all.
    fn born(&mut self) -> Result<(), SpawnError> {
        if let Some(group) = self.birth.as_ref().and_then(|birth| birth.options.group.as_ref()) {
            self.node.join(group, self.cell.core().pid())?;
        }
        if let Some(birth) = self.birth.take() {
            birth.succeed(&self.node, &*self.cell);
        }
        Ok(())
    }

    /// There is no child: first everything of it is gone, then the asker is told.
    pub(crate) fn fail(mut self, error: SpawnError, reason: ExitReason) {
        self.bury(reason);
        if let Some(birth) = self.birth.take() {
            birth.fail(error);
        }
    }

    fn end(self, reason: ExitReason) {
        self.bury(reason);
    }

    fn bury(&self, reason: ExitReason) {
        if self.node.bury(&*self.cell, self.cell.core().lane(), reason) {
            self.node.counters().note_exited();
        }
    }
}

impl<A: Actor> Drop for Ending<A> {
    fn drop(&mut self) {
        self.bury(ExitReason::Killed);
        if let Some(birth) = self.birth.take() {
            let reason = self.cell.core().ended().unwrap_or(ExitReason::Killed);
            birth.fail(SpawnError::InitFailed(reason));
        }
    }
}
