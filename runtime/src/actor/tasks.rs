//! Tasks of one actor: work done beside it, whose outcome comes back as an event.
//!
//! A task belongs to its actor: it is cut off when the actor ends, and its panic is an outcome, not
//! the actor's end. Source: Elixir's `Task.Supervisor.async_nolink`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::actor::info::Info;
use crate::life::cell::AnyCell;
use crate::life::resident::caught;
use crate::node::Node;
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

/// The tasks of one actor that are under way.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<TaskRef, AbortHandle>>);

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
        let task = TaskRef(node.next_ref());
        let mut running = self.0.lock();
        let work = node.run(async move { tell(&*cell, task, caught(work).await) });
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
        let mut running = self.0.lock();
        let work = node.run_blocking(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            tell(&*cell, task, result.map_err(|panic| ExitReason::panicked(&*panic)));
        });
        running.insert(task, work.abort_handle());
        task
    }

    /// Cuts a task off; `false` if its outcome was seen.
    pub(crate) fn cancel(&self, task: TaskRef) -> bool {
        let task = self.0.lock().remove(&task);
        task.map(|task| task.abort()).is_some()
    }

    pub(crate) fn cancel_all(&self) {
        std::mem::take(&mut *self.0.lock()).into_values().for_each(|task| task.abort());
    }

    /// Takes the outcome of a task, unless it was cancelled; anything else comes back.
    pub(crate) fn unwrap_done(&self, info: Info) -> Result<Option<Info>, Info> {
        let Finished { task, done } = info.downcast::<Finished>()?;
        Ok(self.0.lock().remove(&task).map(|_| done))
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
        f.debug_struct("Tasks").field("running", &self.0.lock().len()).finish()
    }
}
