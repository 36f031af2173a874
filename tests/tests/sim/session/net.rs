//! Simulated byte streams: in order, delayed, held up one way, cut.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a simulation that contradicts itself has to end"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use starlings_runtime::{Incarnation, NodeId, NodeInstance};
use starlings_tests::world::Random;

use super::node::{ConnectionId, Input, Message, Node, Output};
use super::oracle::Oracle;

/// Steps at one instant above which a run is taken for a livelock and fails.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 100_000;

#[derive(Debug)]
enum Event {
    /// An item comes to one end of a connection: 0 dialled, 1 was dialled.
    Arrive(ConnectionId, usize, u32, Item),
    Wake(usize, NodeInstance),
}

#[derive(Debug, Clone)]
enum Item {
    Opened,
    Message(Message),
    End,
}

#[derive(Debug)]
struct Connection {
    ends: [(usize, Incarnation); 2],
    /// When the last item towards each end arrives.
    last: [Duration; 2],
    /// What waits for the path to be free again.
    held: [Vec<Item>; 2],
    is_closed: [bool; 2],
    /// Items of an earlier cut are lost.
    cuts: u32,
}

#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) now: Duration,
    pub(crate) random: Random,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) steps: u64,
    steps_at_now: u32,
    pub(crate) oracle: Oracle,
    incarnations: Vec<u64>,
    queue: BTreeMap<(Duration, u64), Event>,
    inserted: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    held: BTreeSet<(usize, usize)>,
    pub(crate) partitions: u64,
    /// Messages in a thousand that vanish out of the middle of a stream. No stream should do that;
    /// sessions have to notice all the same.
    pub(crate) loss_permille: u32,
    latency_max: Duration,
    hash: u64,
    tail: Vec<String>,
}

impl Net {
    pub(crate) fn new(seed: u64, len: usize) -> Self {
        let mut random = Random::new(seed);
        let latency_max = Duration::from_millis(1 + random.below(200));
        let mut net = Self {
            now: Duration::ZERO,
            random,
            nodes: (0..len).map(|_| None).collect(),
            steps: 0,
            steps_at_now: 0,
            oracle: Oracle::default(),
            incarnations: vec![0; len],
            queue: BTreeMap::new(),
            inserted: 0,
            connections: BTreeMap::new(),
            held: BTreeSet::new(),
            partitions: 0,
            loss_permille: 0,
            latency_max,
            hash: 0xcbf2_9ce4_8422_2325,
            tail: Vec::new(),
        };
        (0..len).for_each(|node| net.restart(node));
        net
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn name(node: usize) -> NodeId {
        format!("n{node}@sim").parse().unwrap()
    }

    pub(crate) fn restart(&mut self, node: usize) {
        if self.nodes[node].is_some() {
            return;
        }
        self.incarnations[node] += 1;
        let me = NodeInstance {
            node: Self::name(node),
            incarnation: Incarnation(self.incarnations[node]),
        };
        let first = ((node as u64) << 48) + (self.incarnations[node] << 32);
        let random = Random::new(self.random.number());
        self.nodes[node] = Some(Node::new(me, random, first));
    }

    /// The node is gone without a word; its connections end as far as the paths let that through.
    pub(crate) fn crash(&mut self, node: usize) {
        let Some(dead) = self.nodes[node].take() else {
            return;
        };
        self.line(format!("crash {:?}", dead.me()));
        self.oracle.crashed(dead.me());
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            for end in [0, 1] {
                let there = self.connections.get(&id);
                if there.is_some_and(|there| there.ends[end].0 == node) {
                    self.close(id, end);
                }
            }
        }
    }

    pub(crate) fn hold(&mut self, from: usize, to: usize) {
        self.line(format!("hold {from} {to}"));
        self.held.insert((from, to));
    }

    /// Lets all through again, what was held first.
    pub(crate) fn heal(&mut self) {
        self.line("heal".to_owned());
        self.held.clear();
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            for end in [0, 1] {
                let held = self.connections.get_mut(&id).map(|there| &mut there.held[end]);
                for item in held.map(std::mem::take).unwrap_or_default() {
                    self.transmit(id, end, item);
                }
            }
        }
    }

    /// Cuts one of the open connections: what is under way on it is lost.
    pub(crate) fn cut_any(&mut self) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        let Some(id) = self.random.pick(&ids).copied() else {
            return;
        };
        self.line(format!("cut {id}"));
        let connection = self.connections.get_mut(&id).unwrap();
        connection.cuts += 1;
        connection.held = [Vec::new(), Vec::new()];
        for end in [0, 1] {
            self.transmit(id, end, Item::End);
        }
    }

    /// Cuts the nodes of one side off from all others, until all is let through again: what is under way
    /// between the sides is lost, what is sent is held up, and no end is told of it.
    pub(crate) fn part(&mut self, side: &BTreeSet<usize>) {
        self.line(format!("part {side:?}"));
        for node in 0..self.nodes.len() {
            for other in (0..self.nodes.len()).filter(|_| side.contains(&node)) {
                if !side.contains(&other) {
                    self.held.extend([(node, other), (other, node)]);
                }
            }
        }
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            let connection = self.connections.get_mut(&id).unwrap();
            let [dialler, listener] = connection.ends.map(|(node, _)| side.contains(&node));
            if dialler == listener {
                continue;
            }
            connection.cuts += 1;
            connection.held = [Vec::new(), Vec::new()];
            for end in [0, 1] {
                self.transmit(id, end, Item::End);
            }
        }
        self.partitions += 1;
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.steps_at_now = if at > self.now { 0 } else { self.steps_at_now + 1 };
            if self.steps_at_now > STEPS_AT_ONE_INSTANT_MAX {
                self.fail("time does not move on");
            }
            self.now = at;
            self.happen(event);
        }
        self.now = until;
    }

    /// Gives one input to a node, if it runs.
    pub(crate) fn feed(&mut self, index: usize, input: Input) {
        let Some(node) = &mut self.nodes[index] else {
            return;
        };
        let line = format!("{:?} {:?} {input:?}", self.now, node.me());
        let outputs = node.handle(self.now, input);
        let (me, deadline) = (node.me().clone(), node.deadline());
        self.steps += 1;
        self.line(line);
        for output in outputs {
            self.perform(index, &me, output);
        }
        if let Some(at) = deadline {
            self.schedule(at.max(self.now), Event::Wake(index, me));
        }
    }

    fn perform(&mut self, index: usize, me: &NodeInstance, output: Output) {
        let checked = match output {
            Output::Open(id, node) => return self.open(index, me, id, &node),
            Output::Send(id, message) => {
                if let Some(connection) = self.connections.get(&id) {
                    let to = usize::from(connection.ends[0] == (index, me.incarnation));
                    self.transmit(id, to, Item::Message(message));
                }
                return;
            }
            Output::Close(id) => {
                if let Some(connection) = self.connections.get(&id) {
                    let end = usize::from(connection.ends[0] != (index, me.incarnation));
                    self.close(id, end);
                }
                return;
            }
            Output::Up(peer, key) => {
                self.line(format!("    -> up {peer:?} {key:?}"));
                self.oracle.up(me, &peer, key)
            }
            Output::Down(peer, key, reason, carried) => {
                self.line(format!("    -> down {peer:?} {key:?} {reason}"));
                self.oracle.down(me, &peer, key, &reason, &carried)
            }
            Output::Accepted(envelope) => return self.oracle.accepted(&envelope),
            Output::Dropped(peer) => return self.oracle.dropped(me, &peer),
            Output::Delivered(key, envelope) => self.oracle.delivered(me, key, &envelope),
        };
        if let Err(why) = checked {
            self.fail(&why);
        }
    }

    fn open(&mut self, index: usize, me: &NodeInstance, id: ConnectionId, to: &NodeId) {
        let peer = (0..self.nodes.len()).find(|node| Self::name(*node) == *to).unwrap();
        let connection = Connection {
            ends: [(index, me.incarnation), (peer, Incarnation(self.incarnations[peer]))],
            last: [Duration::ZERO; 2],
            held: [Vec::new(), Vec::new()],
            is_closed: [false, self.nodes[peer].is_none()],
            cuts: 0,
        };
        let is_refused = connection.is_closed[1];
        self.connections.insert(id, connection);
        match is_refused {
            true => self.transmit(id, 0, Item::End),
            false => self.transmit(id, 1, Item::Opened),
        }
    }

    fn close(&mut self, id: ConnectionId, end: usize) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut connection.is_closed[end], true) {
            self.transmit(id, 1 - end, Item::End);
        }
        if self.connections[&id].is_closed == [true; 2] {
            self.connections.remove(&id);
        }
    }

    /// Sends an item towards one end.
    fn transmit(&mut self, id: ConnectionId, to: usize, item: Item) {
        let delay = self.random.between(Duration::from_micros(50), self.latency_max);
        let arrival = self.now + delay;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let path = (connection.ends[1 - to].0, connection.ends[to].0);
        if self.held.contains(&path) {
            return connection.held[to].push(item);
        }
        if matches!(item, Item::Message(_)) && self.random.chance(self.loss_permille) {
            return;
        }
        connection.last[to] = connection.last[to].max(arrival);
        let (at, cuts) = (connection.last[to], connection.cuts);
        self.schedule(at, Event::Arrive(id, to, cuts, item));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(id, end, cuts, item) => self.arrive(id, end, cuts, item),
            Event::Wake(node, me) => {
                let due = self.nodes[node].as_ref().filter(|node| *node.me() == me);
                let due = due.and_then(Node::deadline).is_some_and(|at| at <= self.now);
                if due {
                    self.feed(node, Input::Elapsed);
                }
            }
        }
    }

    fn arrive(&mut self, id: ConnectionId, end: usize, cuts: u32, item: Item) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (node, incarnation) = connection.ends[end];
        let runs = self.nodes[node].as_ref();
        let runs = runs.is_some_and(|node| node.me().incarnation == incarnation);
        if connection.cuts != cuts || connection.is_closed[end] || !runs {
            return;
        }
        match item {
            Item::Opened => self.feed(node, Input::Accepted(id)),
            Item::Message(message) => self.feed(node, Input::Received(id, message)),
            Item::End => {
                self.feed(node, Input::Ended(id));
                self.close(id, end);
            }
        }
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.inserted += 1;
        self.queue.insert((at, self.inserted), event);
    }

    fn line(&mut self, line: String) {
        for bytes in line.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            let mixed = self.hash ^ u64::from_le_bytes(word);
            self.hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        self.tail.push(line);
        if self.tail.len() > 100 {
            self.tail.drain(..50);
        }
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        let mut report = format!("{why}\nat {:?}, step {}\n", self.now, self.steps);
        for line in &self.tail {
            let _ = writeln!(report, "  {line:.300}");
        }
        for node in self.nodes.iter().flatten() {
            let _ = writeln!(report, "{node:#?}");
        }
        panic!("{report}");
    }
}
