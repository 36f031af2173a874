//! What is reported to a supervisor: how starts went, by the tasks that see to them, and the ends of
//! children that are being stopped.
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

/// There are reports: in the supervisor's mailbox once at a time.
#[derive(Debug)]
pub(super) struct Reported;

#[derive(Debug)]
pub(super) enum Report {
    /// `Started`, `Ignored` or `StartFailed`.
    Start(Input),
    /// Somebody whose stop is under way has ended.
    Ended(AnyPid),
}

/// The reports of one supervisor: at most one for each start and stop that is under way.
#[derive(Clone)]
pub(super) struct Reports {
    supervisor: AnyPid,
    shared: Arc<(Mutex<Queue>, Notify)>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Report>,
    /// Whether a `Reported` is in the mailbox.
    is_told: bool,
}

impl Reports {
    pub(super) fn new(supervisor: AnyPid) -> Self {
        Self { supervisor, shared: Arc::default() }
    }

    pub(super) fn supervisor(&self) -> &AnyPid {
        &self.supervisor
    }

    pub(super) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.shared.0.lock().waiting)
    }

    /// The supervisor has come to the `Reported` in its mailbox, and takes what there is next.
    pub(super) fn note_read(&self) {
        self.shared.0.lock().is_told = false;
    }

    /// Waits until there may be one. Cancel safe.
    pub(super) async fn wait(&self) {
        self.shared.1.notified().await;
    }

    /// What the task that starts this child reports with.
    pub(super) fn of(&self, key: ChildKey) -> Reporter {
        Reporter { reports: self.clone(), key, is_done: false }
    }

    pub(super) fn push(&self, report: Report) {
        let (queue, notify) = &*self.shared;
        let was_told = {
            let mut queue = queue.lock();
            queue.waiting.push(report);
            std::mem::replace(&mut queue.is_told, true)
        };
        notify.notify_one();
        if !was_told {
            let _ = tell(&self.supervisor, Reported);
        }
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("waiting", &self.shared.0.lock().waiting.len()).finish()
    }
}

/// Reports once, also when it is dropped: the copying of a child's arguments is user code, and may
/// panic.
#[derive(Debug)]
pub(super) struct Reporter {
    reports: Reports,
    key: ChildKey,
    is_done: bool,
}

impl Reporter {
    pub(super) fn started(mut self, outcome: Result<AnyPid, SpawnError>) {
        let key = self.key;
        self.is_done = true;
        self.reports.push(Report::Start(match outcome {
            Ok(pid) => Input::Started { key, pid },
            Err(SpawnError::InitFailed(ExitReason::Normal)) => Input::Ignored { key },
            Err(error) => Input::StartFailed { key, error },
        }));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if !self.is_done {
            let error = SpawnError::InitFailed(ExitReason::error("its start was cut short"));
            self.reports.push(Report::Start(Input::StartFailed { key: self.key, error }));
        }
    }
}
