//! One node with groups and names, and with actors that live, die, join and register.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starlings_registry::proto::groups::{self, MonitorId, Target};
use starlings_registry::proto::names::{self, NameError};
use starlings_registry::proto::replication::DIGEST_INTERVAL;
use starlings_registry::proto::{Input as ProtoInput, Output as ProtoOutput};
use starlings_registry::wire::{GroupsMessage, NamesMessage};
use starlings_registry::{Key, Metadata};
use starlings_runtime::{AnyPid, NodeInstance};

use crate::world::{Input, InputOf, Machine, Output, OutputOf};

/// What a registry says to another.
#[derive(Debug, Clone)]
pub enum Message {
    /// About groups.
    Groups(GroupsMessage),
    /// About names.
    Names(NamesMessage),
}

/// What the user of a node does.
#[derive(Debug, Clone)]
pub enum Command {
    /// Starts an actor.
    Spawn,
    /// An actor dies.
    Exit(u64),
    /// An actor joins a group.
    Join(Key, u64),
    /// An actor leaves a group.
    Leave(Key, u64),
    /// An actor registers a name.
    Register(Key, u64),
    /// An actor takes a name from whoever has it.
    ReRegister(Key, u64),
    /// A name is given up.
    Unregister(Key),
    /// Somebody watches a group or all of them.
    Monitor(Target),
    /// Somebody watches no more.
    Demonitor(MonitorId),
    /// Both registries crash and are started again by their supervisor, on the same node.
    RestartRegistries,
}

/// What a node tells its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// From the groups.
    Group(groups::Event),
    /// From the names.
    Name(names::Event),
    /// An actor has started.
    Spawned(AnyPid),
    /// An actor is dead.
    Exited(AnyPid),
    /// The actor has joined once more.
    Joined(Key, AnyPid),
    /// The actor has left, as often as it had joined or not.
    LeftOnce(Key, AnyPid),
    /// The actor has the name.
    Registered(Key, AnyPid),
    /// The name was taken.
    Refused(Key),
    /// The name was given up.
    Unregistered(Key),
    /// A monitor watches, from this snapshot on.
    Monitored(MonitorId, Target, Vec<(Key, AnyPid)>),
    /// A monitor watches no more.
    Demonitored(MonitorId),
    /// The registries have been started again: views are empty, monitors are gone.
    RegistriesRestarted,
}

/// The node.
#[derive(Debug)]
pub struct Node {
    me: NodeInstance,
    /// The groups under test.
    pub groups: groups::State,
    /// The names under test.
    pub names: names::State,
    /// The actors that are alive.
    pub actors: BTreeSet<u64>,
    spawned: u64,
    streams: u64,
    up: BTreeSet<NodeInstance>,
    /// What the actors of this node have joined and not left: the truth about them.
    pub joins: BTreeMap<(Key, u64), u32>,
}

type Outputs = Vec<OutputOf<Node>>;

impl Node {
    /// The pid of an actor of this node.
    #[must_use]
    pub fn pid(&self, serial: u64) -> AnyPid {
        AnyPid::unbound(self.me.clone(), serial)
    }

    fn groups(
        &mut self,
        outputs: &mut Outputs,
        act: impl FnOnce(&mut groups::State, &mut groups::Outbox),
    ) {
        let mut outbox = Vec::new();
        act(&mut self.groups, &mut outbox);
        drain(outbox, outputs, Message::Groups, Event::Group);
    }

    fn names(
        &mut self,
        outputs: &mut Outputs,
        act: impl FnOnce(&mut names::State, &mut names::Outbox),
    ) {
        let mut outbox = Vec::new();
        act(&mut self.names, &mut outbox);
        drain(outbox, outputs, Message::Names, Event::Name);
    }

    fn both(
        &mut self,
        now: Duration,
        input: &(impl Fn() -> Shared + ?Sized),
        outputs: &mut Outputs,
    ) {
        self.groups(outputs, |groups, outbox| {
            groups.handle(now, input().into_proto(), outbox);
        });
        self.names(outputs, |names, outbox| {
            names.handle(now, input().into_proto(), outbox);
        });
    }

    fn on_command(&mut self, now: Duration, command: Command, outputs: &mut Outputs) {
        let mut said = None;
        match command {
            Command::Spawn => {
                self.spawned += 1;
                self.actors.insert(self.spawned);
                said = Some(Event::Spawned(self.pid(self.spawned)));
            }
            Command::Exit(serial) => {
                let pid = self.pid(serial);
                self.actors.remove(&serial);
                self.joins.retain(|(_, member), _| *member != serial);
                self.groups(outputs, |groups, outbox| groups.pid_down(&pid, outbox));
                self.names(outputs, |names, outbox| names.pid_down(&pid, outbox));
                said = Some(Event::Exited(pid));
            }
            Command::Join(group, serial) => {
                let pid = self.pid(serial);
                *self.joins.entry((group.clone(), serial)).or_default() += 1;
                self.groups(outputs, |groups, outbox| {
                    if groups.join(group.clone(), &pid, outbox).is_ok() {
                        said = Some(Event::Joined(group, pid));
                    }
                });
            }
            Command::Leave(group, serial) => {
                let pid = self.pid(serial);
                let fact = (group.clone(), serial);
                let left = self.joins.get(&fact).map(|count| count.saturating_sub(1));
                match left {
                    Some(0) | None => self.joins.remove(&fact),
                    Some(left) => self.joins.insert(fact, left),
                };
                self.groups(outputs, |groups, outbox| {
                    if groups.leave(&group, &pid, outbox).is_ok() {
                        said = Some(Event::LeftOnce(group, pid));
                    }
                });
            }
            Command::Register(name, serial) | Command::ReRegister(name, serial)
                if !self.actors.contains(&serial) =>
            {
                said = Some(Event::Refused(name));
            }
            Command::Register(name, serial) => said = Some(self.register(name, serial, outputs)),
            Command::ReRegister(name, serial) => {
                let pid = self.pid(serial);
                said = Some(Event::Registered(name.clone(), pid.clone()));
                self.names(outputs, |names, outbox| {
                    let _ = names.re_register(name, &pid, Metadata::EMPTY, outbox);
                });
            }
            Command::Unregister(name) => self.names(outputs, |names, outbox| {
                if names.unregister(&name, outbox).is_ok() {
                    said = Some(Event::Unregistered(name));
                }
            }),
            Command::Monitor(target) => {
                let monitored = self.groups.monitor(target.clone());
                said = monitored.ok().map(|(id, seen)| Event::Monitored(id, target, seen));
            }
            Command::Demonitor(id) => {
                said = self.groups.demonitor(id).then_some(Event::Demonitored(id));
            }
            Command::RestartRegistries => self.restart_registries(now, outputs),
        }
        outputs.extend(said.map(Output::Event));
    }

    fn register(&mut self, name: Key, serial: u64, outputs: &mut Outputs) -> Event {
        let pid = self.pid(serial);
        let mut said = Event::Registered(name.clone(), pid.clone());
        self.names(outputs, |names, outbox| {
            match names.register(name.clone(), &pid, Metadata::EMPTY, outbox) {
                Ok(()) => {}
                Err(NameError::Taken { .. }) => said = Event::Refused(name),
                Err(error) => panic!("{error}"),
            }
        });
        said
    }

    /// What the drivers do: the facts of the node outlive its registries.
    fn restart_registries(&mut self, now: Duration, outputs: &mut Outputs) {
        self.streams += 1;
        let held: Vec<_> = self
            .names
            .facts()
            .own()
            .iter()
            .map(|(name, claim)| (name.clone(), claim.serial))
            .collect();
        self.groups = groups::State::new(self.me.clone(), self.streams, DIGEST_INTERVAL);
        self.names = names::State::new(self.me.clone(), self.streams, DIGEST_INTERVAL);
        outputs.push(Output::Event(Event::RegistriesRestarted));
        for ((group, serial), count) in self.joins.clone() {
            let pid = self.pid(serial);
            for _ in 0..count {
                self.groups(outputs, |groups, outbox| {
                    let _ = groups.join(group.clone(), &pid, outbox);
                });
            }
        }
        for (name, serial) in held {
            let said = self.register(name, serial, outputs);
            outputs.push(Output::Event(said));
        }
        for peer in self.up.clone() {
            self.both(now, &|| Shared::NodeUp(peer.clone()), outputs);
        }
    }
}

/// The inputs that both machines get.
enum Shared {
    NodeUp(NodeInstance),
    NodeDown(NodeInstance),
    Elapsed,
}

impl Shared {
    fn into_proto<M>(self) -> ProtoInput<M> {
        match self {
            Self::NodeUp(peer) => ProtoInput::NodeUp(peer),
            Self::NodeDown(peer) => ProtoInput::NodeDown(peer),
            Self::Elapsed => ProtoInput::Elapsed,
        }
    }
}

fn drain<M, E>(
    outbox: Vec<ProtoOutput<M, E>>,
    outputs: &mut Outputs,
    message_of: fn(M) -> Message,
    event_of: fn(E) -> Event,
) {
    for output in outbox {
        match output {
            ProtoOutput::Event(event) => outputs.push(Output::Event(event_of(event))),
            ProtoOutput::Send { to, message } => {
                let message = message_of(message);
                let each = |to| Output::Send { to, message: message.clone() };
                outputs.extend(to.into_iter().map(each));
            }
        }
    }
}

impl Machine for Node {
    type Message = Message;
    type Command = Command;
    type Event = Event;

    fn new(me: NodeInstance, _: u64) -> Self {
        Self {
            groups: groups::State::new(me.clone(), 0, DIGEST_INTERVAL),
            names: names::State::new(me.clone(), 0, DIGEST_INTERVAL),
            me,
            actors: BTreeSet::new(),
            spawned: 0,
            streams: 0,
            up: BTreeSet::new(),
            joins: BTreeMap::new(),
        }
    }

    fn handle(&mut self, now: Duration, input: InputOf<Self>, outputs: &mut Outputs) {
        match input {
            Input::Command(command) => self.on_command(now, command, outputs),
            Input::Received { from, message: Message::Groups(message) } => {
                let input = ProtoInput::Received { from, message };
                self.groups(outputs, |groups, outbox| groups.handle(now, input, outbox));
            }
            Input::Received { from, message: Message::Names(message) } => {
                let input = ProtoInput::Received { from, message };
                self.names(outputs, |names, outbox| names.handle(now, input, outbox));
            }
            Input::NodeUp(peer) => {
                self.up.insert(peer.clone());
                self.both(now, &|| Shared::NodeUp(peer.clone()), outputs);
            }
            Input::NodeDown(peer) => {
                self.up.remove(&peer);
                self.both(now, &|| Shared::NodeDown(peer.clone()), outputs);
            }
            Input::Elapsed => self.both(now, &|| Shared::Elapsed, outputs),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        self.groups.deadline().into_iter().chain(self.names.deadline()).min()
    }

    fn dump(&self) -> String {
        let groups: Vec<_> =
            self.groups.groups().map(|g| (g, self.groups.members(g).collect::<Vec<_>>())).collect();
        let names: Vec<_> = self.names.names().map(|(name, owner)| (name, &owner.pid)).collect();
        format!("up {:?}\n    groups {groups:?}\n    names {names:?}", self.up)
    }
}
