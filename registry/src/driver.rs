//! Runs a state machine of the registry: locks it, hands it what happens, and does what it says.
//!
//! The machine stands beside the server actor, not in it, so that it outlives a crash of the server
//! and so that joins and registrations need no message. What it wants sent is sent under the lock:
//! sends do not wait, and the deltas of a stream must leave in order.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{Actor, Alarm, AnyPid, Cx, Node, NodeEvent, NodeInstance};
use tokio::time::Instant;

use crate::proto::{Input, Output};

/// What the two machines have in common.
pub(crate) trait Machine: Send + Sized + fmt::Debug + 'static {
    type Message: Clone;
    type Event;

    fn handle(&mut self, now: Duration, input: Input<Self::Message>, outbox: &mut Outbox<Self>);

    fn deadline(&self) -> Option<Duration>;

    fn pid_down(&mut self, pid: &AnyPid, outbox: &mut Outbox<Self>);

    /// The nodes it takes for connected.
    fn peers(&self) -> Vec<NodeInstance>;

    /// The serials of the local pids that it holds facts of, perhaps several times each.
    fn local_serials(&self) -> Vec<u64>;

    /// Whether it has facts that this node knows too, or knows facts of that node.
    fn shares_with(&self, peer: &NodeInstance) -> bool;
}

pub(crate) type Outbox<M> = Vec<Output<<M as Machine>::Message, <M as Machine>::Event>>;

/// How a driver reaches the servers, here and elsewhere, and who hears of events.
pub(crate) trait Shell<M: Machine>: Send + Sync + fmt::Debug + 'static {
    /// Sends to the server of the same scope on another node. A loss shows there as a gap.
    fn send(&self, node: &Node, to: &NodeInstance, message: M::Message);

    /// The local name of the server.
    fn server(&self) -> &str;

    fn on_event(&self, node: &Node, event: M::Event);

    /// Local pids to be watched beside those that facts are about.
    fn extra_pids(&self) -> Vec<AnyPid>;
}

/// Tells the server that the deadline of its machine has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// Tells the server to monitor a local pid.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) AnyPid);

#[derive(Debug)]
pub(crate) struct Driver<M: Machine, S: Shell<M>> {
    pub(crate) node: Node,
    pub(crate) shell: Arc<S>,
    machine: Mutex<M>,
    started: Instant,
    alarm: Alarm,
}

impl<M: Machine, S: Shell<M>> Driver<M, S> {
    /// A driver that keeps the sessions with those nodes that its machine shares facts with, or whose
    /// facts somebody here waits for: with the session, the facts would go.
    pub(crate) fn start(node: &Node, machine: M, shell: S) -> Arc<Self> {
        let driver = Arc::new(Self {
            node: node.clone(),
            shell: Arc::new(shell),
            machine: Mutex::new(machine),
            started: Instant::now(),
            alarm: Alarm::default(),
        });
        let shared = Arc::downgrade(&driver);
        node.hold_while(move |peer| {
            shared.upgrade().is_some_and(|driver| {
                driver.read(|machine| machine.shares_with(peer))
                    || !driver.shell.extra_pids().is_empty()
            })
        });
        driver
    }

    /// Runs `act` on the machine and does what it asks for.
    pub(crate) fn apply<T>(&self, act: impl FnOnce(&mut M, Duration, &mut Outbox<M>) -> T) -> T {
        let mut outbox = Vec::new();
        let mut machine = self.machine.lock();
        let result = act(&mut machine, self.started.elapsed(), &mut outbox);
        for output in outbox {
            match output {
                Output::Send { to, message } => {
                    for peer in &to {
                        self.shell.send(&self.node, peer, message.clone());
                    }
                }
                Output::Event(event) => self.shell.on_event(&self.node, event),
            }
        }
        let (node, shell) = (self.node.clone(), Arc::clone(&self.shell));
        let deadline = machine.deadline().map(|deadline| self.started + deadline);
        self.alarm.set(&self.node, deadline, move || tell(&node, shell.server(), Elapsed));
        result
    }

    pub(crate) fn handle(&self, input: Input<M::Message>) {
        self.apply(|machine, now, outbox| machine.handle(now, input, outbox));
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&M) -> T) -> T {
        look(&self.machine.lock())
    }

    pub(crate) fn pid_down(&self, pid: &AnyPid) {
        self.apply(|machine, _, outbox| machine.pid_down(pid, outbox));
    }

    /// Has the server monitor a local pid. If there is none right now, its successor will.
    pub(crate) fn watch(&self, pid: &AnyPid) {
        tell(&self.node, self.shell.server(), Watch(pid.clone()));
    }

    pub(crate) fn on_node_event(&self, event: NodeEvent) {
        match event {
            NodeEvent::Up { peer, hidden: false } => self.handle(Input::NodeUp(peer)),
            NodeEvent::Down { peer, hidden: false, .. } => self.handle(Input::NodeDown(peer)),
            NodeEvent::Up { .. } | NodeEvent::Down { .. } => {}
        }
    }

    /// The server has started, perhaps after a crash. Nodes that went while there was none are told
    /// to the machine; those that are up come as events. Gives the pids to be watched.
    pub(crate) fn resume(&self) -> Vec<AnyPid> {
        for peer in self.read(M::peers) {
            if self.node.connected_instance(&peer.node).as_ref() != Some(&peer) {
                self.handle(Input::NodeDown(peer));
            }
        }
        self.handle(Input::Elapsed);
        let me = self.node.instance();
        let pid = |serial| self.node.bind(&AnyPid::unbound(me.clone(), serial));
        let serials: BTreeSet<u64> = self.read(M::local_serials).into_iter().collect();
        serials.into_iter().map(pid).chain(self.shell.extra_pids()).collect()
    }
}

fn tell(node: &Node, server: &str, event: impl starlings_runtime::Event) {
    if let Some(server) = node.whereis(server) {
        node.notify(&server, event);
    }
}

/// The local pids that a server monitors, each once.
#[derive(Debug, Default)]
pub(crate) struct Watched(BTreeSet<u64>);

impl Watched {
    pub(crate) fn watch<A: Actor>(&mut self, pid: &AnyPid, cx: &Cx<A>) {
        if self.0.insert(pid.serial()) {
            cx.monitor(pid);
        }
    }

    pub(crate) fn forget(&mut self, pid: &AnyPid) {
        self.0.remove(&pid.serial());
    }
}

/// A number that tells one start of a scope from others of the same node name: a scope lives as
/// long as its node.
pub(crate) fn new_stream(node: &Node) -> u64 {
    node.instance().incarnation.0
}
