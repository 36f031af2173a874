//! A supervisor whose child has ended before the report of its start comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::*;
use crate::bond::signal::Signal;
use crate::identity::{Incarnation, NodeInstance};
use crate::node::Node;
use crate::node::parts::NodeParts;
use crate::pid::Pid;
use crate::supervisor::child::{ChildSpec, spec};
use crate::supervisor::info::ChildState;

/// More actors that link themselves to a supervisor and end than it could ever keep in mind.
const STRANGERS: u64 = 70_000;

fn node() -> Node {
    let instance = NodeInstance { node: "a@h".parse().unwrap(), incarnation: Incarnation(1) };
    NodeParts::new(instance).start()
}

/// Ends in its first life as soon as it is born, with this reason.
struct Short;

#[derive(Clone)]
struct Lives {
    reason: ExitReason,
    lived: Arc<AtomicUsize>,
    born: mpsc::Sender<AnyPid>,
}

#[crate::actor(name = "test.short", crate = crate, spawnable = false)]
impl Short {
    fn init(lives: Lives, cx: &mut Cx<Self>) -> Result<Self> {
        if lives.lived.fetch_add(1, Ordering::Relaxed) == 0 {
            cx.stop(lives.reason);
        }
        lives.born.try_send(cx.pid().into()).unwrap();
        Ok(Self)
    }
}

/// A supervisor with one child that has ended, and what lets the report of its start through.
struct Late {
    node: Node,
    supervisor: Pid<Supervisor>,
    lives: mpsc::Receiver<AnyPid>,
    gate: Arc<Notify>,
    answer: tokio::task::JoinHandle<Result<AnyPid, StartChildError>>,
    first: AnyPid,
}

impl Late {
    async fn new(reason: ExitReason, change: impl FnOnce(ChildSpec) -> ChildSpec) -> Self {
        let node = node();
        let supervisor = Supervisor::one_for_one().start(&node).await.unwrap();
        let ((born, mut lives), gate) = (mpsc::channel(8), Arc::new(Notify::new()));
        let mut spec = change(spec::<Short>(Lives { reason, lived: Arc::default(), born }));
        let (start, opened) = (Arc::clone(&spec.start), Arc::clone(&gate));
        spec.start = Arc::new(move |birth| {
            let (start, opened) = (start(birth), Arc::clone(&opened));
            Box::pin(async move {
                let started = start.await;
                opened.notified().await;
                started
            })
        });
        let asked = supervisor.clone();
        let answer = tokio::spawn(async move { asked.start_child(spec).await });
        let first = lives.recv().await.unwrap();
        node.monitor(&first).await;
        Self { node, supervisor, lives, gate, answer, first }
    }

    /// Waits until the supervisor has taken in what was sent to it so far.
    async fn settle(&self) {
        self.supervisor.count_children().await.unwrap();
    }

    /// Lets the report of this start through, and of any other.
    async fn report(&mut self) -> AnyPid {
        self.gate.notify_one();
        let answer = (&mut self.answer).await.unwrap();
        self.gate.notify_one();
        answer.unwrap()
    }
}

#[tokio::test]
async fn strangers_cannot_hide_the_end_of_a_child_whose_start_is_not_reported() {
    let mut late = Late::new(ExitReason::error("early"), ChildSpec::permanent).await;
    for stranger in 0..STRANGERS {
        let from = late.node.own_pid(1_000_000 + stranger);
        late.node.signal(late.supervisor.any(), Signal::Link { from: from.clone() });
        let exit = Signal::Exit { from, reason: ExitReason::Killed, linked: true };
        late.node.signal(late.supervisor.any(), exit);
    }
    late.settle().await;
    assert_eq!(late.report().await, late.first);
    let next = tokio::time::timeout(Duration::from_secs(60), late.lives.recv()).await;
    assert_ne!(next.expect("it is restarted").unwrap(), late.first);
}

#[tokio::test]
async fn child_that_ends_before_its_start_is_reported_is_dealt_with_by_its_reason() {
    for (reason, restarts) in [(ExitReason::Normal, false), (ExitReason::error("early"), true)] {
        let mut late = Late::new(reason, ChildSpec::transient).await;
        late.settle().await;
        assert_eq!(late.report().await, late.first);
        if restarts {
            assert_ne!(late.lives.recv().await.unwrap(), late.first);
            continue;
        }
        let children = late.supervisor.which_children().await.unwrap();
        let states: Vec<_> = children.into_iter().map(|child| child.state).collect();
        assert_eq!(states, [ChildState::Stopped]);
        assert!(late.lives.try_recv().is_err());
    }
}
