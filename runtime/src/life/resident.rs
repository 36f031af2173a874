//! The life of one actor, as the future that its task runs: init, messages, end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::actor::context::Cx;
use crate::actor::info::{Exit, Info};
use crate::actor::{Actor, Result};
use crate::error::SpawnError;
use crate::life::cell::{self, ActorCell};
use crate::life::ending::{Ending, Stillborn};
use crate::life::postponed::Postponed;
use crate::message::mailbox::Item;
use crate::message::queue::Queue;
use crate::message::trace;
use crate::panics::{caught, spared};
use crate::reason::ExitReason;

/// An actor, from before its `init` to its end. However it ends, also by being dropped, `Ending` tells
/// everyone who has to know, once.
pub(crate) struct Resident<A: Actor> {
    // Before `ending`, so that the actor's state is dropped before the end is told.
    stage: Stage<A>,
    ending: Ending<A>,
}

/// How far an actor has come.
enum Stage<A: Actor> {
    Unborn(Initialising<A>),
    Alive(A, Cx<A>),
    Gone,
}

/// Boxed: an actor is first polled by who asked for it, and then moves into a task.
type Initialising<A> = Pin<Box<dyn Future<Output = Initialised<A>> + Send>>;

/// What came of `init`, and the context that it had.
struct Initialised<A: Actor>(Result<Result<A>>, Cx<A>);

impl<A: Actor> Resident<A> {
    pub(crate) fn new(ending: Ending<A>, args: A::Args) -> Self {
        let mut cx = Cx::new(ending.node.clone(), Arc::clone(&ending.cell));
        let init = async move {
            let outcome = caught(A::init(args, &mut cx)).await;
            Initialised(outcome, cx)
        };
        Self { stage: Stage::Unborn(Box::pin(init)), ending }
    }

    /// Polls `init` on behalf of who asked for the actor and waits for it. Most are done with that, so
    /// that nobody has to be woken for the answer. `false` if there is no actor: that is told.
    ///
    /// What `init` waits for wakes nobody: its task polls it anew.
    pub(crate) fn begin(&mut self) -> bool {
        let Stage::Unborn(init) = &mut self.stage else { return true };
        let Poll::Ready(initialised) = init.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            return true;
        };
        let outcome = self.settle(initialised);
        outcome.map_err(|stillborn| self.ending.fail(stillborn)).is_ok()
    }

    /// Runs the actor, from where it is, to its end.
    ///
    /// Not an `async fn`, and no future is moved once it is here: each would be stored twice, and this is
    /// most of what an actor takes.
    #[expect(clippy::manual_async_fn, reason = "arguments of an async fn are stored twice")]
    pub(crate) fn live(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let this = &mut self;
            if let Stage::Unborn(init) = &mut this.stage {
                let settled = match this.ending.wait_for(init).await {
                    Some(initialised) => this.settle(initialised),
                    None => {
                        this.stage = Stage::Gone;
                        Err((SpawnError::Timeout, ExitReason::Killed))
                    }
                };
                if let Err(stillborn) = settled {
                    return this.ending.fail(stillborn);
                }
            }
            let Stage::Alive(actor, cx) = &mut this.stage else { return };
            let mut reason = match caught(serve(actor, cx, &this.ending)).await {
                Ok(Err(reason)) | Err(reason) => reason,
                Ok(Ok(never)) => match never {},
            };
            if let Err(panic) = caught(async { actor.terminate(&reason, cx).await }).await {
                reason = panic;
            }
            if let Err(panic) = this.drop_state() {
                reason = panic;
            }
            this.ending.end(reason);
        }
    }

    /// `init` is over: the actor is born, if that and its group say so.
    fn settle(&mut self, Initialised(outcome, cx): Initialised<A>) -> Result<(), Stillborn> {
        let actor = match outcome {
            Ok(Ok(actor)) => actor,
            Ok(Err(reason)) | Err(reason) => {
                drop(cx);
                self.stage = Stage::Gone;
                return Err((SpawnError::InitFailed(reason.clone().bounded()), reason));
            }
        };
        self.stage = Stage::Alive(actor, cx);
        self.ending
            .born()
            .map_err(|error| (error, self.drop_state().err().unwrap_or(ExitReason::Normal)))
    }

    /// Drops the actor, then its tasks and timers: who hears of its end finds nothing of it at work.
    fn drop_state(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Alive(actor, cx) => {
                let dropped = spared(|| drop(actor));
                drop(cx);
                dropped
            }
            Stage::Unborn(_) | Stage::Gone => Ok(()),
        }
    }
}

/// Messages handled for one unit of tokio's cooperative budget, of which a task has 128 before it must
/// yield. Count. 8: a thousand messages of some 50 ns, far less than a scheduler tick, and a tenth of
/// the cost per message that was measured with 1.
const MESSAGES_PER_BUDGET_UNIT: u32 = 8;

/// Handles messages until something ends the actor: gives its reason.
#[expect(clippy::manual_async_fn, reason = "arguments of an async fn are stored twice")]
fn serve<'a, A: Actor>(
    actor: &'a mut A,
    cx: &'a mut Cx<A>,
    ending: &'a Ending<A>,
) -> impl Future<Output = Result<Infallible>> + Send + 'a {
    async move {
        let cell = &*ending.cell;
        let (mut batch, mut postponed, mut unpaid) = (Queue::default(), Postponed::default(), 0);
        let mut counted = Counted { ending, told: 0 };
        loop {
            match next(actor, cx, cell, &mut batch, &mut postponed) {
                Next::First => {
                    if let Some(Item::Message(message)) = batch.pop_front() {
                        actor.handle(message, cx).await?;
                    }
                }
                Next::Item(Item::Message(message)) => actor.handle(message, cx).await?,
                Next::Item(Item::Traced(traced)) => {
                    let (pid, kind) = (cell.core().pid(), cell.core().type_name());
                    trace::within(traced.0, pid, kind, actor.handle(traced.1, cx)).await?;
                }
                Next::Item(Item::Info(info)) => actor.info(info, cx).await?,
                Next::Nothing => {}
                Next::Wait => {
                    counted.tell(COUNTED_AT_ONCE);
                    cell.mailbox.take(&mut batch).await?;
                    continue;
                }
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

/// What an actor's loop does next.
enum Next<M> {
    /// Handles the first message of the batch, which it takes from where it lies.
    First,
    /// Handles it: an info as the actor is to see it.
    Item(Item<M>),
    /// What came was put off, or is not wanted any more.
    Nothing,
    /// All is done, or the actor is to stop: the mailbox knows.
    Wait,
}

/// Takes what is to be handled next, out of the batch or from before it.
#[inline]
fn next<A: Actor>(
    actor: &A,
    cx: &mut Cx<A>,
    cell: &ActorCell<A>,
    batch: &mut Queue<Item<A::Message>>,
    postponed: &mut Postponed<A::Message>,
) -> Next<A::Message> {
    if cell.mailbox.is_stopping() {
        return Next::Wait;
    }
    if (cx.has_next() || !postponed.is_empty())
        && let Some(item) = ahead(actor, cx, cell, postponed)
    {
        return Next::Item(item);
    }
    // Nearly all of them; by the way of the others a message costs a third more.
    if let Some(Item::Message(message)) = batch.front()
        && actor.postpones(message).is_none()
    {
        cell.mailbox.note_handled();
        return Next::First;
    }
    match batch.pop_front() {
        Some(Item::Info(info)) => wanted(cx, cell, info),
        Some(item) => put_off(actor, cell, item, postponed),
        None => Next::Wait,
    }
}

/// What comes before the rest of the queue: events that a handler asked for next, then messages that
/// were put off and whose guard holds.
fn ahead<A: Actor>(
    actor: &A,
    cx: &mut Cx<A>,
    cell: &ActorCell<A>,
    postponed: &mut Postponed<A::Message>,
) -> Option<Item<A::Message>> {
    if let Some(info) = cx.take_next() {
        return Some(Item::Info(info));
    }
    let item = postponed.take_ready(actor)?;
    cell.mailbox.note_postponed(postponed.len());
    Some(item)
}

/// An event from the mailbox, if the actor still wants it.
fn wanted<A: Actor>(cx: &Cx<A>, cell: &ActorCell<A>, info: Info) -> Next<A::Message> {
    let Some(info) = cx.unwrap(info) else {
        return Next::Nothing;
    };
    match parents_exit(cell, &info) {
        Some(reason) => {
            cell.mailbox.stop(reason);
            Next::Nothing
        }
        None => Next::Item(Item::Info(info)),
    }
}

/// Puts a message off whose guard does not hold; gives back any other. It leaves the mailbox, so that
/// the message that will open the guard finds room; those put off have a bound of their own.
fn put_off<A: Actor>(
    actor: &A,
    cell: &ActorCell<A>,
    item: Item<A::Message>,
    postponed: &mut Postponed<A::Message>,
) -> Next<A::Message> {
    cell.mailbox.note_handled();
    let method = match &item {
        Item::Message(message) => actor.postpones(message),
        Item::Traced(traced) => actor.postpones(&traced.1),
        Item::Info(_) => None,
    };
    let Some(method) = method else {
        return Next::Item(item);
    };
    if postponed.len() < cell.mailbox.capacity() {
        postponed.push(method, item);
        cell.mailbox.note_postponed(postponed.len());
    } else if let Some(message) = item.into_message() {
        cell.note_overflow();
        cell::refuse::<A>(message);
    }
    Next::Nothing
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

/// The reason of an exit that came from who spawned the actor linked to itself: it ends with it even
/// when it traps exits. Source: OTP `gen_server`, on the exit of its parent.
fn parents_exit<A: Actor>(cell: &ActorCell<A>, info: &Info) -> Option<ExitReason> {
    let exit = info.get::<Exit>().filter(|exit| cell.core().parent() == Some(&exit.pid))?;
    Some(exit.reason.clone())
}
