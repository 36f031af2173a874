//! The children of these tests: they start, fail and end as they are told, and write it down.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{
    AnyPid, ChildInfo, ChildSpec, ChildState, Cx, ExitReason, Node, Pid, Result, Supervisor,
    SupervisorMethods as _, actor, spec,
};
use tokio::sync::Notify;

use crate::fixture::eventually;

/// What happened, in order: `+a` for a start of `a`, `-a` for an end that is not a kill.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// How one start goes; a worker comes up when there is nothing else left to do.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    Up,
    Fail,
    Ignore,
    Panic,
    Hang(Arc<Notify>),
    /// It comes up, and crashes at once.
    Crash,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    name: String,
    log: Log,
    starts: Arc<Mutex<VecDeque<Start>>>,
    /// Held in `terminate` until it is notified.
    holds: Option<Arc<Notify>>,
    deaf: bool,
}

impl Plan {
    pub(crate) fn new(name: &str, log: &Log) -> Self {
        let (name, log) = (name.to_owned(), Arc::clone(log));
        Self { name, log, starts: Arc::default(), holds: None, deaf: false }
    }

    pub(crate) fn starts(self, starts: impl IntoIterator<Item = Start>) -> Self {
        self.starts.lock().extend(starts);
        self
    }

    pub(crate) fn holds(mut self, gate: &Arc<Notify>) -> Self {
        self.holds = Some(Arc::clone(gate));
        self
    }

    /// Leaves its links when it starts, so that nobody hears of its end.
    pub(crate) fn unlinks(mut self) -> Self {
        self.deaf = true;
        self
    }

    pub(crate) fn child(self) -> ChildSpec {
        let name = self.name.clone();
        spec::<Worker>(self).id(name)
    }
}

pub(crate) fn worker(name: &str, log: &Log) -> ChildSpec {
    Plan::new(name, log).child()
}

#[derive(Debug)]
pub(crate) struct Worker(Plan);

#[actor(crate = starlings_runtime)]
impl Worker {
    async fn init(plan: Plan, cx: &mut Cx<Self>) -> Result<Self> {
        let start = plan.starts.lock().pop_front().unwrap_or(Start::Up);
        match start {
            Start::Up => {}
            Start::Fail => return Err(ExitReason::error("told to fail")),
            Start::Ignore => return Err(ExitReason::Normal),
            Start::Panic => panic!("told to panic"),
            Start::Hang(gate) => gate.notified().await,
            Start::Crash => cx.pid().crash().unwrap(),
        }
        plan.log.lock().push(format!("+{}", plan.name));
        if plan.deaf {
            cx.pid().unlink().unwrap();
        }
        Ok(Self(plan))
    }

    #[cast]
    fn end(&mut self, reason: ExitReason, cx: &mut Cx<Self>) {
        cx.stop(reason);
    }

    /// Says that it has ended, and has not.
    #[call]
    fn exit_by_hand(&mut self, to: AnyPid, cx: &mut Cx<Self>) {
        cx.exit(&to, ExitReason::Killed);
    }

    #[cast]
    fn crash(&mut self) {
        panic!("boom");
    }

    #[cast]
    fn unlink(&mut self, cx: &mut Cx<Self>) {
        let me = cx.node().actor_info(cx.pid().any());
        me.unwrap().links.iter().for_each(|other| cx.unlink(other));
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        if let Some(gate) = &self.0.holds {
            gate.notified().await;
        }
        self.0.log.lock().push(format!("-{}", self.0.name));
    }
}

pub(crate) async fn child(supervisor: &Pid<Supervisor>, id: &str) -> Option<ChildInfo> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().find(|child| child.id == id)
}

/// The child with this id, once it runs in another life than `before`.
pub(crate) async fn up(
    node: &Node,
    supervisor: &Pid<Supervisor>,
    id: &str,
    before: Option<&Pid<Worker>>,
) -> Pid<Worker> {
    let before = before.map(|pid| pid.any().clone());
    let found = async || {
        let pid = child(supervisor, id).await.and_then(|child| child.pid);
        pid.filter(|pid| Some(pid) != before.as_ref() && node.is_alive(pid))
    };
    eventually("the child runs", async || found().await.is_some()).await;
    node.pid(&found().await.unwrap())
}

/// Ids and states in start order.
pub(crate) async fn states(supervisor: &Pid<Supervisor>) -> Vec<(String, ChildState)> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().map(|child| (child.id, child.state)).collect()
}

pub(crate) async fn pids(supervisor: &Pid<Supervisor>) -> Vec<AnyPid> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().filter_map(|child| child.pid).collect()
}

pub(crate) fn written(log: &Log) -> Vec<String> {
    log.lock().clone()
}

/// Waits until something was written so often.
pub(crate) async fn eventually_written(log: &Log, what: &str, times: usize) {
    eventually(what, async || log.lock().iter().filter(|line| *line == what).count() >= times)
        .await;
}
