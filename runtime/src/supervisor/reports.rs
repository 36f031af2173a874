//! What the tasks that start and stop children report.
//!
//! Reports wait in a queue of their own and not in the mailbox, since a supervisor also waits for
//! them in `init` and `terminate`, when nobody reads its mailbox.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::tell;
use crate::error::SpawnError;
use crate::pid::AnyPid;
use crate::proto::supervision::{ChildKey, Input};
use crate::reason::ExitReason;

/// There are reports: comes to the supervisor's mailbox with each.
#[derive(Debug)]
pub(super) struct Reported;

/// The reports of one supervisor: at most one for each start and stop that is under way.
#[derive(Clone)]
pub(super) struct Reports {
    supervisor: AnyPid,
    queue: Arc<(Mutex<Vec<Input>>, Notify)>,
}

impl Reports {
    pub(super) fn new(supervisor: AnyPid) -> Self {
        Self { supervisor, queue: Arc::default() }
    }

    pub(super) fn supervisor(&self) -> &AnyPid {
        &self.supervisor
    }

    pub(super) fn take(&self) -> Vec<Input> {
        std::mem::take(&mut *self.queue.0.lock())
    }

    /// Waits until there may be one. Cancel safe.
    pub(super) async fn wait(&self) {
        self.queue.1.notified().await;
    }

    /// What the task that starts or stops this child reports with.
    pub(super) fn of(&self, key: ChildKey, kind: Kind) -> Reporter {
        Reporter { reports: self.clone(), key, kind: Some(kind) }
    }

    fn push(&self, input: Input) {
        self.queue.0.lock().push(input);
        self.queue.1.notify_one();
        let _ = tell(&self.supervisor, Reported);
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("waiting", &self.queue.0.lock().len()).finish()
    }
}

#[derive(Debug)]
pub(super) enum Kind {
    Start,
    Stop(AnyPid),
}

/// Reports once, also when it is dropped: the copying of a child's arguments is user code, and may
/// panic.
#[derive(Debug)]
pub(super) struct Reporter {
    reports: Reports,
    key: ChildKey,
    kind: Option<Kind>,
}

impl Reporter {
    pub(super) fn started(mut self, outcome: Result<AnyPid, SpawnError>) {
        let key = self.key;
        self.kind = None;
        self.reports.push(match outcome {
            Ok(pid) => Input::Started { key, pid },
            Err(SpawnError::InitFailed(ExitReason::Normal)) => Input::Ignored { key },
            Err(error) => Input::StartFailed { key, error },
        });
    }

    pub(super) fn stopped(self) {
        drop(self);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let key = self.key;
        match self.kind.take() {
            None => {}
            Some(Kind::Stop(pid)) => self.reports.push(Input::Stopped { key, pid }),
            Some(Kind::Start) => {
                let error = SpawnError::InitFailed(ExitReason::error("its start was cut short"));
                self.reports.push(Input::StartFailed { key, error });
            }
        }
    }
}
