//! One node with a replica of a cache, and a wall clock of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use starlings_cache::proto::map::{Key, Value};
use starlings_cache::proto::sync::{Changed, Now, SYNC_INTERVAL, State};
use starlings_cache::wire::{Message, ReplicaId};
use starlings_registry::proto::{Input as ProtoInput, Output as ProtoOutput};
use starlings_runtime::NodeInstance;

use crate::world::{Input, InputOf, Machine, Output, OutputOf, Random};

/// What the wall clocks show when the world begins, before their skew.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Most that a wall clock is off, either way.
const SKEW_MS: u64 = 3_600_000;

/// What the user of a node does.
#[derive(Debug, Clone)]
pub enum Command {
    /// Sets a key to a value that no other put has, for ever or for a time.
    Put(Key, Option<Duration>),
    /// Removes a key.
    Remove(Key),
    /// The cache crashes and is started again by its supervisor, on the same node.
    RestartCache,
}

/// What a node tells its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// From the cache.
    Changed(Changed),
    /// The key was set.
    Put(Key, Value),
    /// The key was removed, if it was there.
    Removed(Key),
    /// The cache has been started again and is empty.
    Restarted(ReplicaId),
}

/// The node.
#[derive(Debug)]
pub struct Node {
    me: NodeInstance,
    /// The replica under test.
    pub cache: State,
    starts: u64,
    puts: u64,
    skew_ms: u64,
    now: Duration,
    up: BTreeSet<NodeInstance>,
}

impl Node {
    fn wall_ms(&self, now: Duration) -> u64 {
        EPOCH_MS + self.skew_ms + u64::try_from(now.as_millis()).unwrap_or(0)
    }

    fn on_command(&mut self, now: Now, command: Command, outputs: &mut Vec<OutputOf<Self>>) {
        let mut outbox = Vec::new();
        let said = match command {
            Command::Put(key, time) => {
                self.puts += 1;
                let (node, life) = (&self.me.node, self.me.incarnation);
                let value: Value =
                    format!("{node}#{life}.{}:{}", self.starts, self.puts).into_bytes().into();
                let expires_ms = time.map_or(0, |time| {
                    now.wall_ms + u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
                });
                let put =
                    self.cache.put(now, key.clone(), Value::clone(&value), expires_ms, &mut outbox);
                put.ok().map(|()| Event::Put(key, value))
            }
            Command::Remove(key) => {
                self.cache.remove(key.clone(), &mut outbox);
                Some(Event::Removed(key))
            }
            Command::RestartCache => {
                self.starts += 1;
                self.cache = State::new(self.me.clone(), self.starts, SYNC_INTERVAL);
                for peer in self.up.clone() {
                    self.cache.handle(now, ProtoInput::NodeUp(peer), &mut outbox);
                }
                Some(Event::Restarted(self.cache.me().clone()))
            }
        };
        drain(outbox, outputs);
        outputs.extend(said.map(Output::Event));
    }
}

fn drain(outbox: Vec<ProtoOutput<Message, Changed>>, outputs: &mut Vec<OutputOf<Node>>) {
    for output in outbox {
        match output {
            ProtoOutput::Event(changed) => outputs.push(Output::Event(Event::Changed(changed))),
            ProtoOutput::Send { to, message } => {
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

    fn new(me: NodeInstance, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let skewed = random.chance(300);
        Self {
            cache: State::new(me.clone(), 0, SYNC_INTERVAL),
            me,
            starts: 0,
            puts: 0,
            skew_ms: if skewed { random.below(2 * SKEW_MS) } else { SKEW_MS },
            now: Duration::ZERO,
            up: BTreeSet::new(),
        }
    }

    fn handle(&mut self, at: Duration, input: InputOf<Self>, outputs: &mut Vec<OutputOf<Self>>) {
        self.now = at;
        let now = Now { at, wall_ms: self.wall_ms(at) };
        let mut outbox = Vec::new();
        match input {
            Input::Command(command) => return self.on_command(now, command, outputs),
            Input::Received { from, message } => {
                self.cache.handle(now, ProtoInput::Received { from, message }, &mut outbox);
            }
            Input::NodeUp(peer) => {
                self.up.insert(peer.clone());
                self.cache.handle(now, ProtoInput::NodeUp(peer), &mut outbox);
            }
            Input::NodeDown(peer) => {
                self.up.remove(&peer);
                self.cache.handle(now, ProtoInput::NodeDown(peer), &mut outbox);
            }
            Input::Elapsed => {
                self.cache.expire(now.wall_ms, &mut outbox);
                self.cache.handle(now, ProtoInput::Elapsed, &mut outbox);
            }
        }
        drain(outbox, outputs);
    }

    fn deadline(&self) -> Option<Duration> {
        let expiry = self.cache.next_expiry_ms().map(|at| {
            let wait = at.saturating_sub(self.wall_ms(self.now));
            self.now + Duration::from_millis(wait + 1)
        });
        self.cache.deadline().into_iter().chain(expiry).min()
    }

    fn dump(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let map: Vec<_> =
            self.cache.map().iter().take(40).map(|(k, w)| (text(k), text(&w.value))).collect();
        let context: Vec<_> = self
            .cache
            .map()
            .context()
            .iter()
            .map(|(replica, ranges)| {
                let instance = &replica.instance;
                (instance.node.name(), instance.incarnation.0, replica.start, ranges.as_slice())
            })
            .collect();
        format!("{} keys {map:?}\n    context {context:?}", self.cache.map().len())
    }
}
