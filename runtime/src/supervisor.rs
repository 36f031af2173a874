//! Supervisors: actors that start, restart and stop their children.
//!
//! What to do is decided in `proto::supervision`; this actor does it. Starts and stops run as tasks
//! of their own, so that the supervisor answers while they take their time.

pub(crate) mod child;
mod spec;
mod stopping;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::actor::Result;
use crate::actor::context::Cx;
use crate::actor::info::{Exit, Info};
use crate::error::SpawnError;
use crate::message::reply::Reply;
use crate::node::Node;
use crate::pid::{AnyPid, Pid};
use crate::proto::supervision::{ChildError, ChildState, Input, Output, Shutdown, State};
use crate::reason::ExitReason;
use crate::supervisor::child::ChildSpec;
pub use spec::SupervisorSpec;
use stopping::stop;

/// What is known of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildInfo {
    /// Its id.
    pub id: String,
    /// Its pid, unless it is starting or stopped.
    pub pid: Option<AnyPid>,
    /// The name of its type.
    pub type_name: String,
    /// How often it was restarted.
    pub restarts: u64,
    /// Whether it is a supervisor itself.
    pub is_supervisor: bool,
}

/// The actor behind a [`SupervisorSpec`].
#[derive(Debug)]
pub struct Supervisor {
    state: State,
    specs: BTreeMap<String, ChildSpec>,
    started: Instant,
    /// Who asked for a child to be started or stopped, and waits for it.
    waiting: BTreeMap<String, Vec<Waiting>>,
}

#[derive(Debug)]
enum Waiting {
    Start(Reply<Result<AnyPid, StartChildError>>),
    Stop(Reply<Result<(), ChildError>>),
}

/// Why a child was not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// The request does not fit the children there are. Nothing has changed.
    #[error(transparent)]
    Refused(#[from] ChildError),
    /// It did not start. A child that was to be added is not there; one that was to be restarted is
    /// under its restart rules.
    #[error("the child did not start: {0}")]
    Failed(ExitReason),
}

/// What a start or stop task reports.
#[derive(Debug)]
enum Report {
    Started { id: String, outcome: Result<AnyPid, SpawnError> },
}

#[crate::actor(name = "starlings.supervisor", crate = crate, spawnable = false)]
impl Supervisor {
    async fn init(spec: SupervisorSpec, cx: &mut Cx<Self>) -> Result<Self> {
        cx.trap_exits(true);
        if let Some(name) = &spec.name {
            cx.node().register(name, &cx.pid())?;
        }
        let mut this = Self {
            state: State::new(spec.strategy, spec.intensity),
            specs: BTreeMap::new(),
            started: Instant::now(),
            waiting: BTreeMap::new(),
        };
        for child in spec.children {
            if let Err(reason) = this.start_first(child, cx).await {
                this.stop_children(cx.node()).await;
                return Err(reason);
            }
        }
        Ok(this)
    }

    /// Lists the children in start order. Source: `supervisor:which_children/1`.
    #[call]
    fn which_children(&self) -> Vec<ChildInfo> {
        let infos = self.state.children().filter_map(|(id, state, restarts)| {
            let spec = self.specs.get(id)?;
            let pid = match state {
                ChildState::Running(pid) | ChildState::Stopping(pid) => Some(pid.clone()),
                ChildState::Starting | ChildState::Cancelled | ChildState::Stopped => None,
            };
            let (type_name, is_supervisor) = (spec.type_name.to_owned(), spec.is_supervisor);
            Some(ChildInfo { id: id.to_owned(), pid, type_name, restarts, is_supervisor })
        });
        infos.collect()
    }

    /// Stops a child within its shutdown time; it keeps its spec unless it is temporary.
    #[call]
    fn terminate_child(
        &mut self,
        id: String,
        reply: Reply<Result<(), ChildError>>,
        cx: &mut Cx<Self>,
    ) {
        match self.decide(Input::Terminate { id: id.clone() }, cx) {
            Ok(()) if self.is_stopped(&id) => reply.send(Ok(())),
            Ok(()) => self.wait(id, Waiting::Stop(reply)),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Starts a stopped child again.
    #[call]
    fn restart_child(
        &mut self,
        id: String,
        reply: Reply<Result<AnyPid, StartChildError>>,
        cx: &mut Cx<Self>,
    ) {
        match self.decide(Input::StartAgain { id: id.clone() }, cx) {
            Ok(()) => self.wait(id, Waiting::Start(reply)),
            Err(error) => reply.send(Err(error.into())),
        }
    }

    /// Forgets a stopped child.
    #[call]
    fn delete_child(&mut self, id: String, cx: &mut Cx<Self>) -> Result<(), ChildError> {
        self.decide(Input::Delete { id }, cx)
    }

    #[info]
    fn child_exited(&mut self, exit: Exit, cx: &mut Cx<Self>) {
        let Exit { pid, reason, linked } = exit;
        if !linked {
            tracing::warn!(%pid, %reason, supervisor = %cx.pid(), "exit sent by hand: ignored");
            return;
        }
        tracing::info!(%pid, %reason, supervisor = %cx.pid(), "child ended");
        let _ = self.decide(Input::Exited { pid, reason }, cx);
        self.answer_stops();
    }

    #[info]
    fn reported(&mut self, report: Report, cx: &mut Cx<Self>) {
        let Report::Started { id, outcome } = report;
        let result = match &outcome {
            Ok(pid) => Ok(pid.clone()),
            Err(error) => Err(ExitReason::error(error)),
        };
        self.answer_starts(&id, &result);
        let input = match result {
            Ok(pid) => Input::Started { id, pid },
            Err(reason) => Input::StartFailed { id, reason },
        };
        let _ = self.decide(input, cx);
        self.answer_stops();
    }

    #[info]
    fn added(&mut self, added: AddChild, cx: &mut Cx<Self>) {
        let AddChild { spec, reply } = added;
        let id = spec.id.clone();
        if self.specs.contains_key(&id) {
            return reply.send(Err(ChildError::AlreadyPresent(id).into()));
        }
        let rules = spec.rules();
        self.specs.insert(id.clone(), spec);
        match self.decide(Input::Add(rules), cx) {
            Ok(()) => self.wait(id, Waiting::Start(reply)),
            Err(error) => reply.send(Err(error.into())),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, cx: &mut Cx<Self>) {
        self.stop_children(cx.node()).await;
    }
}

/// Asks for one more child. An event, not a message: a spec does not travel.
#[derive(Debug)]
struct AddChild {
    spec: ChildSpec,
    reply: Reply<Result<AnyPid, StartChildError>>,
}

impl Pid<Supervisor> {
    /// Adds a child to a running supervisor of this node, behind those there are.
    ///
    /// # Errors
    /// There is a child with this id, or it did not start (it is then not a child), or there is no
    /// such supervisor here.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<AnyPid, StartChildError> {
        let gone = || StartChildError::Failed(ExitReason::NoProc);
        let (reply, answer) = Reply::pair();
        let cell = self.any().home().local_cell(self.any().serial()).ok_or_else(gone)?;
        cell.push_info(Info::new(AddChild { spec, reply }));
        answer.await.map_err(|_| gone())?.map_err(|_| gone())?
    }
}

impl Supervisor {
    /// A supervisor that restarts only the child that ended: see [`SupervisorSpec`].
    #[must_use]
    pub fn one_for_one() -> SupervisorSpec {
        SupervisorSpec::one_for_one()
    }

    fn decide(&mut self, input: Input, cx: &Cx<Self>) -> Result<(), ChildError> {
        let mut outbox = Vec::new();
        self.state.handle(self.started.elapsed(), input, &mut outbox)?;
        for output in outbox {
            match output {
                Output::Start { id } => self.start_task(id, cx),
                Output::Stop { id, pid } => self.stop_task(&id, pid, cx),
                Output::Forget { id } => drop(self.specs.remove(&id)),
                Output::GiveUp(reason) => {
                    tracing::warn!(supervisor = %cx.pid(), "more restarts than allowed");
                    cx.stop(reason);
                }
            }
        }
        Ok(())
    }

    /// Starts a child of the first hour, in order: the next one waits for it.
    async fn start_first(&mut self, spec: ChildSpec, cx: &Cx<Self>) -> Result<()> {
        let (id, rules, start) = (spec.id.clone(), spec.rules(), spec.start.clone());
        let mut outbox = Vec::new();
        let now = self.started.elapsed();
        self.state.handle(now, Input::Add(rules), &mut outbox)?;
        self.specs.insert(id.clone(), spec);
        let pid = start(cx.node().clone(), cx.pid().into()).await?;
        self.state.handle(now, Input::Started { id, pid }, &mut outbox)?;
        Ok(())
    }

    fn start_task(&self, id: String, cx: &Cx<Self>) {
        let Some(spec) = self.specs.get(&id) else {
            return;
        };
        let (start, node, me) = (spec.start.clone(), cx.node().clone(), cx.pid());
        cx.node().run(async move {
            let outcome = start(node, me.any().clone()).await;
            if let Some(cell) = me.any().home().local_cell(me.any().serial()) {
                cell.push_info(Info::new(Report::Started { id, outcome }));
            }
        });
    }

    fn stop_task(&self, id: &str, pid: AnyPid, cx: &Cx<Self>) {
        let shutdown = self.specs.get(id).map_or(Shutdown::Brutal, |spec| spec.shutdown);
        let node = cx.node().clone();
        cx.node().run(async move { stop(&node, &pid, shutdown).await });
    }

    /// Stops all children in reverse start order, each within its own time.
    async fn stop_children(&mut self, node: &Node) {
        let running: Vec<_> = self
            .state
            .children()
            .rev()
            .filter_map(|(id, state, _)| match state {
                ChildState::Running(pid) | ChildState::Stopping(pid) => {
                    let shutdown = self.specs.get(id)?.shutdown;
                    Some((pid.clone(), shutdown))
                }
                ChildState::Starting | ChildState::Cancelled | ChildState::Stopped => None,
            })
            .collect();
        for (pid, shutdown) in running {
            stop(node, &pid, shutdown).await;
        }
    }

    fn is_stopped(&self, id: &str) -> bool {
        let mut children = self.state.children();
        children.find(|(child, ..)| *child == id).is_none_or(|(_, s, _)| *s == ChildState::Stopped)
    }

    fn wait(&mut self, id: String, waiting: Waiting) {
        self.waiting.entry(id).or_default().push(waiting);
    }

    fn answer_starts(&mut self, id: &str, result: &Result<AnyPid>) {
        for waiting in self.waiting.remove(id).into_iter().flatten() {
            match waiting {
                Waiting::Start(reply) => {
                    reply.send(result.clone().map_err(StartChildError::Failed));
                }
                stop @ Waiting::Stop(_) => self.wait(id.to_owned(), stop),
            }
        }
    }

    fn answer_stops(&mut self) {
        let ids = self.waiting.keys().filter(|id| self.is_stopped(id)).cloned();
        for id in ids.collect::<Vec<_>>() {
            for waiting in self.waiting.remove(&id).into_iter().flatten() {
                match waiting {
                    Waiting::Stop(reply) => reply.send(Ok(())),
                    start @ Waiting::Start(_) => self.wait(id.clone(), start),
                }
            }
        }
    }
}
