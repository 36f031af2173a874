//! Tasks of one actor: work done beside it, whose outcome comes back as an event.
//!
//! A task belongs to its actor: it is cut off when the actor ends, and its panic is an outcome, not
//! the actor's end. One that another thread polls at that moment goes on to its next await point: the
//! actor's end is told when all of them are gone. Source: Elixir's `Task.Supervisor.async_nolink`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::actor::info::Info;
use crate::life::cell::AnyCell;
use crate::node::Node;
use crate::panics::{caught, spared};
use crate::reason::ExitReason;

/// Names a task of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskRef(u64);

/// A task has ended: comes once for each, unless it was cancelled before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDone<T> {
    /// Which task.
    pub task: TaskRef,
    /// What it came to; `Panic` if it panicked.
    pub result: Result<T, ExitReason>,
}

/// The tasks of one actor that are under way. Most actors have none.
#[derive(Default)]
pub(crate) struct Tasks(OnceLock<Box<Set>>);

struct Set {
    /// Those whose outcome is wanted.
    running: Mutex<BTreeMap<TaskRef, AbortHandle>>,
    /// A copy is in each task that is no blocking one.
    alive: mpsc::Sender<Infallible>,
    /// Closed when all copies are gone.
    gone: Gone,
}

/// Ends when no task of an actor is left.
pub(crate) type Gone = mpsc::Receiver<Infallible>;

/// A task has ended: what stands in the mailbox.
#[derive(Debug)]
struct Finished {
    task: TaskRef,
    done: Info,
}

impl Tasks {
    pub(crate) fn start<T: Send + fmt::Debug + 'static>(
        &self,
        node: &Node,
        cell: Arc<dyn AnyCell>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> TaskRef {
        let (task, set) = (TaskRef(node.next_ref()), self.set());
        // In this order they are dropped, whether or not it has begun.
        let work = (work, set.alive.clone());
        let mut running = set.running.lock();
        let work = node.run(async move {
            let (work, _alive) = work;
            tell(&*cell, task, caught(work).await);
        });
        running.insert(task, work.abort_handle());
        task
    }

    pub(crate) fn start_blocking<T: Send + fmt::Debug + 'static>(
        &self,
        node: &Node,
        cell: Arc<dyn AnyCell>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> TaskRef {
        let task = TaskRef(node.next_ref());
        let mut running = self.set().running.lock();
        let work = node.run_blocking(move || {
            tell(&*cell, task, spared(work));
        });
        running.insert(task, work.abort_handle());
        task
    }

    /// Cuts a task off; `false` if its outcome was seen.
    pub(crate) fn cancel(&self, task: TaskRef) -> bool {
        let task = self.0.get().and_then(|set| set.running.lock().remove(&task));
        task.map(|task| task.abort()).is_some()
    }

    /// Cuts all of them off; what to wait for if one is still there.
    pub(crate) fn cancel_all(&mut self) -> Option<Gone> {
        let Set { running, alive, gone } = *self.0.take()?;
        running.into_inner().into_values().for_each(|task| task.abort());
        drop(alive);
        (!gone.is_closed()).then_some(gone)
    }

    /// Takes the outcome of a task, unless it was cancelled; anything else comes back.
    pub(crate) fn unwrap_done(&self, info: Info) -> Result<Option<Info>, Info> {
        let Finished { task, done } = info.downcast::<Finished>()?;
        let running = self.0.get().and_then(|set| set.running.lock().remove(&task));
        Ok(running.map(|_| done))
    }

    fn set(&self) -> &Set {
        self.0.get_or_init(|| {
            let (alive, gone) = mpsc::channel(1);
            Box::new(Set { running: Mutex::default(), alive, gone })
        })
    }
}

fn tell<T: Send + fmt::Debug + 'static>(
    cell: &dyn AnyCell,
    task: TaskRef,
    result: Result<T, ExitReason>,
) {
    cell.push_info(Info::new(Finished { task, done: Info::new(TaskDone { task, result }) }));
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &self.0.get().map(|set| set.running.lock().len()))
            .finish()
    }
}
