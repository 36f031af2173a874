//! A supervisor whose children are on several nodes, and the actor that writes down how they end.

use std::time::{Duration, Instant};

use starlings::prelude::*;
use starlings::{AnyPid, CallError, Placement, Shutdown, spec_on};
use starlings_tests::faults::children::{ChildSetup, ChildrenLog, Stop, Word};

/// A child says what it does at its end, to a clerk on the node of its supervisor.
#[derive(Debug)]
pub(crate) struct Child {
    number: u32,
    obeys: bool,
    clerk: Pid<Clerk>,
}

#[actor(name = "faults.child")]
impl Child {
    fn init(
        number: u32,
        obeys: bool,
        clerk: AnyPid,
        cx: &mut Cx<Self>,
    ) -> Result<Self, ExitReason> {
        let named = cx.node().register(&name(number), &cx.pid());
        named.map_err(ExitReason::error)?;
        Ok(Self { number, obeys, clerk: cx.node().pid(&clerk) })
    }

    /// Answers: what the asker sent to it before has come.
    #[call]
    fn is_there(&self) -> bool {
        true
    }

    async fn terminate(&mut self, _reason: &ExitReason, cx: &mut Cx<Self>) {
        let (number, alive) = (self.number, here(cx.node()));
        let _ = self.clerk.word(Word::Asked { number, alive });
        if !self.obeys {
            std::future::pending::<()>().await;
        }
        let _ = self.clerk.word(Word::Done(number));
    }
}

/// Children that a test may have.
const CHILDREN_MAX: u32 = 9;

fn name(number: u32) -> String {
    format!("child.{number}")
}

/// The children on this node.
pub(crate) fn here(node: &Node) -> Vec<u32> {
    (1..=CHILDREN_MAX).filter(|number| node.whereis(&name(*number)).is_some()).collect()
}

/// Writes down what children say, and how they end.
#[derive(Debug, Default)]
pub(crate) struct Clerk {
    supervisor: Option<AnyPid>,
    children: Vec<(u32, AnyPid)>,
    told_to_end: Option<Instant>,
    log: ChildrenLog,
}

#[actor(name = "faults.clerk")]
impl Clerk {
    fn init() -> Self {
        Self::default()
    }

    /// Watches a supervisor and its children, until each of them knows: what the supervisor sends to them
    /// afterwards may overtake what the clerk has sent.
    #[call]
    async fn watch(
        &mut self,
        supervisor: AnyPid,
        children: Vec<(u32, AnyPid)>,
        cx: &mut Cx<Self>,
    ) -> Result<(), CallError> {
        for pid in children.iter().map(|(_, pid)| pid).chain([&supervisor]) {
            cx.monitor(pid);
        }
        for (_, child) in &children {
            cx.node().pid::<Child>(child).is_there().await?;
        }
        (self.supervisor, self.children) = (Some(supervisor), children);
        Ok(())
    }

    /// Tells the supervisor to end.
    #[call]
    #[expect(clippy::disallowed_methods, reason = "what it measures is real time")]
    fn end(&mut self, cx: &mut Cx<Self>) {
        self.told_to_end = Some(Instant::now());
        if let Some(supervisor) = &self.supervisor {
            cx.node().stop(supervisor, ExitReason::Shutdown);
        }
    }

    #[cast]
    fn word(&mut self, word: Word) {
        self.log.words.push(word);
    }

    #[call]
    fn log(&self, cx: &mut Cx<Self>) -> String {
        let log = ChildrenLog { here: here(cx.node()), ..self.log.clone() };
        serde_json::to_string(&log).unwrap()
    }

    #[info]
    fn down(&mut self, down: Down) {
        let reason = format!("{:?}", down.reason);
        if let Some((number, _)) = self.children.iter().find(|(_, pid)| *pid == down.pid) {
            self.log.downs.push((*number, reason));
        } else {
            let took = self.told_to_end.map_or(Duration::ZERO, |at| at.elapsed());
            self.log.ended = Some((reason, took.as_millis().try_into().unwrap()));
        }
    }
}

/// Starts a supervisor with these children, which the clerk then watches.
pub(crate) async fn supervise(node: &Node, clerk: &Pid<Clerk>, children: Vec<ChildSetup>) {
    let mut supervisor = Supervisor::one_for_one();
    for ChildSetup { number, on, stop, obeys } in children {
        let placement = Placement::FirstOf(vec![on.parse().unwrap()]);
        let child = spec_on::<Child>(placement, (number, obeys, clerk.any().clone()));
        let shutdown = match stop {
            Stop::Brutal => Shutdown::Brutal,
            Stop::AfterMs(ms) => Shutdown::After(Duration::from_millis(ms)),
            Stop::Infinity => Shutdown::Infinity,
        };
        supervisor = supervisor.child(child.id(number.to_string()).shutdown(shutdown));
    }
    let supervisor = node.spawn::<Supervisor>(supervisor).await.unwrap();
    let infos = supervisor.which_children().await.unwrap();
    let pids = infos.into_iter().map(|info| (info.id.parse().unwrap(), info.pid.unwrap()));
    clerk.watch(supervisor.any().clone(), pids.collect()).await.unwrap().unwrap();
}
