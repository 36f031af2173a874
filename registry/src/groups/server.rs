//! The actor of one scope: takes in what other nodes say, and watches local pids.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_bytes::ByteBuf;
use starlings_runtime::{
    AnyPid, Cx, Down, MethodKey, Node, NodeEvent, NodeInstance, Origin, RegisterError, actor,
};

use super::view::View;
use super::{GroupEvent, Groups};
use crate::driver::{Machine, Outbox, Shell, Watched};
use crate::key::Key;
use crate::proto::Input;
use crate::proto::groups::{Change, Event, MonitorId, State};
use crate::wire::GroupsMessage;

impl Machine for State {
    type Message = GroupsMessage;
    type Event = Event;

    fn handle(
        &mut self,
        now: std::time::Duration,
        input: Input<GroupsMessage>,
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
        self.facts().own().keys().map(|(_, serial)| *serial).collect()
    }

    fn shares_with(&self, peer: &NodeInstance) -> bool {
        self.facts().are_shared_with(peer)
    }
}

/// What surrounds the groups of a scope: the view, the subscribers, the way to other servers.
#[derive(Debug)]
pub(super) struct GroupsShell {
    /// The local name of the scope's server, the same on all nodes.
    pub(super) server: String,
    pub(super) view: View,
    subscribers: Mutex<BTreeMap<MonitorId, AnyPid>>,
}

impl GroupsShell {
    pub(super) fn new(scope: &str) -> Self {
        let server = format!("starlings.groups/{scope}");
        Self { server, view: View::default(), subscribers: Mutex::default() }
    }

    pub(super) fn subscribe(&self, monitor: MonitorId, subscriber: &AnyPid) {
        self.subscribers.lock().insert(monitor, subscriber.clone());
    }

    pub(super) fn unsubscribe(&self, monitor: MonitorId) {
        self.subscribers.lock().remove(&monitor);
    }

    /// The monitors of an actor that has ended.
    fn take_monitors(&self, subscriber: &AnyPid) -> Vec<MonitorId> {
        let mut subscribers = self.subscribers.lock();
        let theirs = subscribers.iter().filter(|(_, pid)| *pid == subscriber);
        let theirs: Vec<_> = theirs.map(|(monitor, _)| *monitor).collect();
        theirs.iter().for_each(|monitor| drop(subscribers.remove(monitor)));
        theirs
    }
}

impl Shell<State> for GroupsShell {
    fn send(&self, node: &Node, to: &NodeInstance, message: GroupsMessage) {
        let from = Origin::of(node);
        let message = GroupsServerMessage::Receive { from, message };
        let to_node = node.on(&to.node);
        let sent = to_node.cast_named_in_background::<GroupsServer>(&self.server, message);
        if let Err(error) = sent {
            tracing::debug!(node = %to.node, %error, "groups: not sent");
        }
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn on_event(&self, node: &Node, event: Event) {
        let Event { group, pid, change, monitors } = event;
        let pid = node.bind(&pid);
        match change {
            Change::Joined => self.view.insert(&group, pid.clone()),
            Change::Left => self.view.remove(&group, &pid),
        }
        let subscribers = self.subscribers.lock();
        for monitor in monitors {
            if let Some(subscriber) = subscribers.get(&monitor) {
                let (group, pid) = (group.clone(), pid.clone());
                node.notify(subscriber, GroupEvent { monitor, group, change, pid });
            }
        }
    }

    fn extra_pids(&self) -> Vec<AnyPid> {
        self.subscribers.lock().values().cloned().collect()
    }
}

/// The server of one scope.
#[derive(Debug)]
pub struct GroupsServer {
    groups: Groups,
    watched: Watched,
}

#[actor(name = "starlings.groups", crate = starlings_runtime)]
impl GroupsServer {
    fn init(scope: String, cx: &mut Cx<Self>) -> Result<Self, RegisterError> {
        let groups = Groups::of(cx.node(), &scope);
        cx.node().register(&groups.0.shell.server, &cx.pid())?;
        let mut watched = Watched::default();
        groups.0.resume().iter().for_each(|pid| watched.watch(pid, cx));
        cx.monitor_nodes();
        Ok(Self { groups, watched })
    }

    /// Takes what the server of another node says.
    #[cast]
    fn receive(&mut self, from: Origin, message: GroupsMessage) {
        if let Some(from) = from.instance().cloned() {
            self.groups.0.handle(Input::Received { from, message });
        }
    }

    /// Delivers a cast to the local members of a group.
    #[cast]
    fn fanout(&mut self, group: Key, method: MethodKey, payload: ByteBuf) {
        self.groups.deliver(&group, method, &payload);
    }

    #[info]
    fn elapsed(&mut self, _elapsed: crate::driver::Elapsed) {
        self.groups.0.handle(Input::Elapsed);
    }

    #[info]
    fn watch(&mut self, watch: crate::driver::Watch, cx: &mut Cx<Self>) {
        self.watched.watch(&watch.0, cx);
    }

    #[info]
    fn node_event(&mut self, event: NodeEvent) {
        self.groups.0.on_node_event(event);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.watched.forget(&down.pid);
        self.groups.0.pid_down(&down.pid);
        for monitor in self.groups.0.shell.take_monitors(&down.pid) {
            self.groups.0.apply(|state, _, _| state.demonitor(monitor));
        }
    }
}
