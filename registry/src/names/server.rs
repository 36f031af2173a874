//! The actor of one scope of names: takes in what other nodes say, and watches local owners.

use std::collections::BTreeMap;

use dashmap::DashMap;
use parking_lot::Mutex;
use starlings_runtime::{
    AnyPid, Cx, Down, ExitReason, Node, NodeEvent, NodeInstance, Origin, RegisterError, actor,
};

use super::{NameConflict, Names, OnConflict};
use crate::driver::{Machine, Outbox, Shell, Watched};
use crate::key::Key;
use crate::proto::Input;
use crate::proto::names::{Event, State};
use crate::wire::NamesMessage;

impl Machine for State {
    type Message = NamesMessage;
    type Event = Event;

    fn handle(
        &mut self,
        now: std::time::Duration,
        input: Input<NamesMessage>,
        outbox: &mut Outbox<Self>,
    ) {
        self.handle(now, input, outbox);
    }

    fn deadline(&self) -> Option<std::time::Duration> {
        self.deadline()
    }

    fn pid_down(&mut self, pid: &AnyPid, outbox: &mut Outbox<Self>) {
        self.pid_down(pid, outbox);
    }

    fn peers(&self) -> Vec<NodeInstance> {
        self.facts().peers().cloned().collect()
    }

    fn local_serials(&self) -> Vec<u64> {
        self.facts().own().values().map(|claim| claim.serial).collect()
    }

    fn shares_with(&self, peer: &NodeInstance) -> bool {
        self.facts().are_shared_with(peer)
    }
}

/// What surrounds the names of a scope: the view, the conflict policies, the way to other servers.
#[derive(Debug)]
pub(super) struct NamesShell {
    /// The local name of the scope's server, the same on all nodes.
    pub(super) server: String,
    view: DashMap<Key, AnyPid, foldhash::fast::RandomState>,
    /// For the names of this node that do not have the default policy.
    policies: Mutex<BTreeMap<Key, OnConflict>>,
}

impl NamesShell {
    pub(super) fn new(scope: &str) -> Self {
        let server = format!("starlings.names/{scope}");
        Self { server, view: DashMap::default(), policies: Mutex::default() }
    }

    pub(super) fn find(&self, name: &str) -> Option<AnyPid> {
        let name = Key::new(name).ok()?;
        self.view.get(&name).map(|pid| pid.clone())
    }

    pub(super) fn set_policy(&self, name: &Key, on_conflict: OnConflict) {
        let mut policies = self.policies.lock();
        match on_conflict {
            OnConflict::Exit => drop(policies.remove(name)),
            OnConflict::Notify => drop(policies.insert(name.clone(), on_conflict)),
        }
    }

    fn on_conflict(&self, node: &Node, name: Key, loser: &AnyPid, winner: AnyPid) {
        let (loser, winner) = (node.bind(loser), node.bind(&winner));
        tracing::warn!(%name, %loser, %winner, "name conflict lost");
        match self.policies.lock().remove(&name).unwrap_or_default() {
            OnConflict::Exit => {
                let why = format!("{name} belongs to {winner}");
                node.exit(&loser, ExitReason::custom("NameConflict", why));
            }
            OnConflict::Notify => {
                node.notify(&loser, NameConflict { name, winner });
            }
        }
    }
}

impl Shell<State> for NamesShell {
    fn send(&self, node: &Node, to: &NodeInstance, message: NamesMessage) {
        let from = Origin::of(node);
        let message = NamesServerMessage::Receive { from, message };
        let to_node = node.on(&to.node);
        let sent = to_node.cast_named_in_background::<NamesServer>(&self.server, message);
        if let Err(error) = sent {
            tracing::debug!(node = %to.node, %error, "names: not sent");
        }
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn on_event(&self, node: &Node, event: Event) {
        match event {
            Event::Changed { name, after: Some(owner), .. } => {
                self.view.insert(name, node.bind(&owner.pid));
            }
            Event::Changed { name, after: None, .. } => {
                self.view.remove(&name);
                self.policies.lock().remove(&name);
            }
            Event::Conflict { name, loser, winner } => {
                self.on_conflict(node, name, &loser, winner);
            }
            Event::Moved { name, from, to } => {
                self.policies.lock().remove(&name);
                tracing::info!(%name, ?from, ?to, "name moved");
            }
        }
    }

    fn extra_pids(&self) -> Vec<AnyPid> {
        Vec::new()
    }
}

/// The server of one scope.
#[derive(Debug)]
pub struct NamesServer {
    names: Names,
    watched: Watched,
}

#[actor(name = "starlings.names", crate = starlings_runtime)]
impl NamesServer {
    fn init(scope: String, cx: &mut Cx<Self>) -> Result<Self, RegisterError> {
        let names = Names::of(cx.node(), &scope);
        cx.node().register(&names.0.shell.server, &cx.pid())?;
        let mut watched = Watched::default();
        names.0.resume().iter().for_each(|pid| watched.watch(pid, cx));
        cx.monitor_nodes();
        Ok(Self { names, watched })
    }

    /// Takes what the server of another node says.
    #[cast]
    fn receive(&mut self, from: Origin, message: NamesMessage) {
        if let Some(from) = from.instance().cloned() {
            self.names.0.handle(Input::Received { from, message });
        }
    }

    /// Frees a name of this node, for a user on another one; `false` if it is not of this node.
    #[call]
    fn unregister(&mut self, name: Key) -> bool {
        self.names.0.apply(|state, _, outbox| state.unregister(&name, outbox)).is_ok()
    }

    #[info]
    fn elapsed(&mut self, _elapsed: crate::driver::Elapsed) {
        self.names.0.handle(Input::Elapsed);
    }

    #[info]
    fn watch(&mut self, watch: crate::driver::Watch, cx: &mut Cx<Self>) {
        self.watched.watch(&watch.0, cx);
    }

    #[info]
    fn node_event(&mut self, event: NodeEvent) {
        self.names.0.on_node_event(event);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.watched.forget(&down.pid);
        self.names.0.pid_down(&down.pid);
    }
}
