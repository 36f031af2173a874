//! Supervisors: actors that start, restart and stop their children.
//!
//! What to do is decided in `proto::supervision`; this actor does it (`performing`). Starts
//! (`starting`) run as tasks of their own; who is to stop is watched and asked (`stopping`). Both
//! report back (`reports`), so that the supervisor answers while they take their time. In `init` and
//! `terminate` it waits for those reports itself.

mod adding;
mod adopted;
pub(crate) mod child;
pub(crate) mod handover;
mod info;
mod performing;
pub(crate) mod placement;
mod reports;
mod spec;
mod starting;
mod stopping;

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::actor::Result;
use crate::actor::context::Cx;
use crate::actor::info::{Event, Exit, Info};
use crate::bond::monitor::Ear;
use crate::message::reply::Reply;
use crate::node::alarm::Alarm;
use crate::pid::AnyPid;
use crate::proto::supervision::{
    ChildError, ChildKey, Input, Request, RequestId, Rules, Shutdown, State, Stops, Whom,
};
use crate::reason::ExitReason;
use adding::AddChild;
pub use adding::StartChildError;
use adopted::Adopted;
pub use info::{ChildCounts, ChildInfo, ChildState};
use performing::Elapsed;
use placement::Placed;
use reports::{Reported, Reports};
pub use spec::SupervisorSpec;

/// The actor behind a [`SupervisorSpec`].
#[derive(Debug)]
pub struct Supervisor {
    rules: Rules,
    state: State,
    specs: BTreeMap<ChildKey, Adopted>,
    placed: Placed,
    started: Instant,
    reports: Reports,
    /// How to give up the starts that are under way.
    cancels: BTreeMap<ChildKey, oneshot::Sender<Shutdown>>,
    stops: Stops,
    /// Hears of the ends of those that are being stopped; there from the first stop on.
    ear: Option<Ear>,
    /// Who waits for an answer.
    asking: BTreeMap<RequestId, Asker>,
    requests: u64,
    /// Rings at the deadline of the decisions.
    alarm: Alarm,
    /// When it rings, unless it has.
    rings_at: Option<Instant>,
    ended: Option<ExitReason>,
}

#[derive(Debug)]
enum Asker {
    Start(Reply<Result<AnyPid, StartChildError>>),
    Stop(Reply<Result<(), ChildError>>),
}

#[crate::actor(name = "starlings.supervisor", crate = crate, spawnable = false)]
impl Supervisor {
    async fn init(spec: SupervisorSpec, cx: &mut Cx<Self>) -> Result<Self> {
        cx.trap_exits(true);
        if let Some(name) = &spec.name {
            cx.node().register(name, &cx.pid())?;
        }
        let mut this = Self {
            rules: spec.rules,
            state: State::new(cx.node().name().clone(), spec.rules, performing::seed(cx.node())),
            specs: BTreeMap::new(),
            placed: Placed::default(),
            started: Instant::now(),
            reports: Reports::new(cx.pid().into()),
            cancels: BTreeMap::new(),
            stops: Stops::default(),
            ear: None,
            asking: BTreeMap::new(),
            requests: 0,
            alarm: Alarm::default(),
            rings_at: None,
            ended: None,
        };
        let strategy = spec.rules.strategy;
        let adopted = spec.children.into_iter().map(|child| {
            let rules = child.rules(strategy);
            (this.adopt(child), rules)
        });
        let children = adopted.collect();
        this.decide(Input::Begin(children), cx);
        this.begin(cx).await;
        this.ended.take().map_or(Ok(this), Err)
    }

    /// Lists the children in start order. Source: `supervisor:which_children/1`.
    #[call]
    fn which_children(&self) -> Vec<ChildInfo> {
        self.infos()
    }

    /// Counts the children, in a time that does not depend on their number.
    #[call]
    fn count_children(&self) -> ChildCounts {
        self.counts()
    }

    /// Stops a child within its shutdown time; it keeps its spec unless it is temporary.
    #[call]
    fn terminate_child(
        &mut self,
        id: String,
        reply: Reply<Result<(), ChildError>>,
        cx: &mut Cx<Self>,
    ) {
        self.ask(Request::Terminate(Whom::Id(id)), Asker::Stop(reply), cx);
    }

    /// As `terminate_child`, for the child with this pid; a dynamic one is forgotten.
    #[call]
    fn terminate_pid(
        &mut self,
        pid: AnyPid,
        reply: Reply<Result<(), ChildError>>,
        cx: &mut Cx<Self>,
    ) {
        self.ask(Request::Terminate(Whom::Pid(pid)), Asker::Stop(reply), cx);
    }

    /// Starts a stopped child again. If that fails it stays stopped.
    #[call]
    fn restart_child(
        &mut self,
        id: String,
        reply: Reply<Result<AnyPid, StartChildError>>,
        cx: &mut Cx<Self>,
    ) {
        self.ask(Request::StartAgain(id), Asker::Start(reply), cx);
    }

    /// Forgets a stopped child, and with it what it handed over.
    #[call]
    fn delete_child(
        &mut self,
        id: String,
        reply: Reply<Result<(), ChildError>>,
        cx: &mut Cx<Self>,
    ) {
        self.ask(Request::Delete(id), Asker::Stop(reply), cx);
    }

    #[info]
    fn child_exited(&mut self, exit: Exit, cx: &mut Cx<Self>) {
        let Exit { pid, reason, linked } = exit;
        let (node, supervisor) = (cx.node().name(), cx.pid());
        if !linked {
            tracing::warn!(%node, %supervisor, %pid, %reason, "exit sent by hand: ignored");
            return;
        }
        let input = Input::Exited { pid: pid.clone(), reason: reason.clone() };
        let child = self.state.child_of(&input).and_then(|key| self.id_of(key));
        tracing::info!(%node, %supervisor, child, %pid, %reason, "child ended");
        self.decide(input, cx);
    }

    #[info]
    fn reported(&mut self, _reported: Reported, cx: &mut Cx<Self>) {
        self.reports.note_read();
        self.take_reports(cx);
    }

    #[info]
    fn elapsed(&mut self, _elapsed: Elapsed, cx: &mut Cx<Self>) {
        self.rang(cx);
    }

    #[info]
    fn added(&mut self, added: AddChild, cx: &mut Cx<Self>) {
        let AddChild { spec, reply } = added;
        let rules = spec.rules(self.rules.strategy);
        let key = self.adopt(spec);
        self.ask(Request::Add(key, rules), Asker::Start(reply), cx);
    }

    async fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<Self>) {
        // Nobody reads the mailbox here, and there may be very many.
        cx.ignore_exits();
        self.decide(Input::End(reason.clone()), cx);
        self.end(cx).await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for adopted in std::mem::take(&mut self.specs).into_values() {
            adopted.let_go(self.reports.supervisor());
        }
    }
}

/// Puts an event into the mailbox of a supervisor of this node; `None` if it is gone.
fn tell(supervisor: &AnyPid, event: impl Event) -> Option<()> {
    let cell = supervisor.home().local_cell(supervisor.serial())?;
    cell.push_info(Info::new(event));
    Some(())
}

/// The supervisors of [`SupervisorSpec`], by strategy.
impl Supervisor {
    /// Restarts only the child that ended: see [`SupervisorSpec::one_for_one`].
    #[must_use]
    pub fn one_for_one() -> SupervisorSpec {
        SupervisorSpec::one_for_one()
    }

    /// Restarts all children with the one that ended: see [`SupervisorSpec::one_for_all`].
    #[must_use]
    pub fn one_for_all() -> SupervisorSpec {
        SupervisorSpec::one_for_all()
    }

    /// Restarts the child that ended and those after it: see [`SupervisorSpec::rest_for_one`].
    #[must_use]
    pub fn rest_for_one() -> SupervisorSpec {
        SupervisorSpec::rest_for_one()
    }

    /// For many children of no fixed number: see [`SupervisorSpec::dynamic`].
    #[must_use]
    pub fn dynamic() -> SupervisorSpec {
        SupervisorSpec::dynamic()
    }
}

#[cfg(test)]
mod tests;
