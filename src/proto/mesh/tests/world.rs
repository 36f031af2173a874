//! Nodes that meet, lose each other and die, and what is on its way between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use starlings_runtime::{Incarnation, NodeInstance};

use super::{instance, known, run};
use crate::proto::mesh::{Input, Known, Output, State};

/// What comes from one node to another, in order.
#[derive(Debug)]
enum Item {
    Up(NodeInstance),
    Met { from: NodeInstance, address: Option<String>, is_again: bool },
    Heard { from: NodeInstance, known: Vec<Known> },
    Down(NodeInstance),
}

/// Nodes, the sessions between them, and what is on its way.
pub(super) struct World {
    pub(super) random: StdRng,
    pub(super) nodes: Vec<Member>,
    pub(super) sessions: BTreeSet<(usize, usize)>,
    ways: BTreeMap<(usize, usize), VecDeque<Item>>,
    dials: Vec<(usize, usize)>,
}

pub(super) struct Member {
    instance: NodeInstance,
    listens: bool,
    state: State,
}

pub(super) fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

fn index_of(node: &NodeInstance) -> usize {
    let name = node.node.to_string();
    name.trim_start_matches('n').split('@').next().unwrap().parse().unwrap()
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let count = random.random_range(2..=7);
        let (nodes, sessions) = (Vec::new(), BTreeSet::new());
        let mut world = Self { random, nodes, sessions, ways: BTreeMap::new(), dials: Vec::new() };
        for _ in 0..count {
            let listens = world.random.random_ratio(4, 5);
            world.add(listens);
        }
        world
    }

    pub(super) fn add(&mut self, listens: bool) -> usize {
        let instance = instance(self.nodes.len(), 1);
        let state = State::new(instance.node.clone(), 100);
        self.nodes.push(Member { instance, listens, state });
        self.nodes.len() - 1
    }

    pub(super) fn any(&mut self) -> usize {
        self.random.random_range(0..self.nodes.len())
    }

    pub(super) fn connect(&mut self, from: usize, to: usize) {
        if from != to && self.nodes[to].listens && self.sessions.insert(pair(from, to)) {
            for (at, peer) in [(from, to), (to, from)] {
                let up = Item::Up(self.nodes[peer].instance.clone());
                self.ways.entry((peer, at)).or_default().push_back(up);
            }
        }
    }

    /// Ends a session, with a part of what is on its way.
    pub(super) fn cut(&mut self, (a, b): (usize, usize)) {
        if self.sessions.remove(&(a, b)) {
            for (from, to) in [(a, b), (b, a)] {
                let way = self.ways.entry((from, to)).or_default();
                let is_message =
                    |item: &Item| matches!(item, Item::Met { .. } | Item::Heard { .. });
                let lost = way.iter().rev().take_while(|item| is_message(item)).count();
                way.truncate(way.len() - self.random.random_range(0..=lost));
                way.push_back(Item::Down(self.nodes[from].instance.clone()));
            }
        }
    }

    /// A node dies, and starts again as another life of its name.
    pub(super) fn restart(&mut self, index: usize) {
        let theirs = |(a, b): &&(usize, usize)| *a == index || *b == index;
        for session in self.sessions.iter().filter(theirs).copied().collect::<Vec<_>>() {
            self.cut(session);
        }
        self.ways.retain(|(_, to), _| *to != index);
        self.dials.retain(|(from, _)| *from != index);
        let member = &mut self.nodes[index];
        member.instance.incarnation.0 += 1;
        member.state = State::new(member.instance.node.clone(), 100);
    }

    /// The server of a node dies with what is in its mailbox, and its successor takes up the state.
    pub(super) fn kill_server(&mut self, index: usize) {
        let mut up = Vec::new();
        for ((from, _), way) in self.ways.iter_mut().filter(|((_, to), _)| *to == index) {
            let lost = self.random.random_range(0..=way.len());
            way.drain(..lost);
            // What is still to come as an event is not part of what it finds.
            let coming = way.iter().any(|item| matches!(item, Item::Up(_) | Item::Down(_)));
            if self.sessions.contains(&pair(*from, index)) && !coming {
                up.push(*from);
            }
        }
        let peers: Vec<_> = self.nodes[index].state.peers().cloned().collect();
        for peer in peers {
            let at = index_of(&peer);
            let is_there =
                self.sessions.contains(&pair(at, index)) && self.nodes[at].instance == peer;
            if !is_there {
                self.handle(index, Input::Down(peer));
            }
        }
        for from in up {
            let peer = self.nodes[from].instance.clone();
            self.handle(index, Input::Up(peer));
        }
    }

    fn handle(&mut self, at: usize, input: Input) {
        for output in run(&mut self.nodes[at].state, input) {
            let from = self.nodes[at].instance.clone();
            match output {
                Output::Meet { to, is_again } => {
                    let address = self.nodes[at].listens.then(|| known(at).address);
                    self.send(at, &to, Item::Met { from, address, is_again });
                }
                Output::Know { to, known } => self.send(at, &to, Item::Heard { from, known }),
                Output::Dial(known) => {
                    let to = NodeInstance { node: known.node, incarnation: Incarnation(1) };
                    self.dials.push((at, index_of(&to)));
                }
            }
        }
    }

    fn send(&mut self, at: usize, to: &NodeInstance, item: Item) {
        let to = index_of(to);
        if self.sessions.contains(&pair(at, to)) {
            self.ways.entry((at, to)).or_default().push_back(item);
        }
    }

    /// Something that was under way happens; `false` if there is nothing.
    pub(super) fn step(&mut self) -> bool {
        let ways: Vec<_> =
            self.ways.iter().filter(|(_, way)| !way.is_empty()).map(|(way, _)| *way).collect();
        let choices = ways.len() + self.dials.len();
        if choices == 0 {
            return false;
        }
        let choice = self.random.random_range(0..choices);
        let Some((from, to)) = ways.get(choice).copied() else {
            let (from, to) = self.dials.swap_remove(choice - ways.len());
            self.connect(from, to);
            let node = self.nodes[to].instance.node.clone();
            self.handle(from, Input::Dialled(node));
            return true;
        };
        let item = self.ways.get_mut(&(from, to)).and_then(VecDeque::pop_front).unwrap();
        let input = match item {
            Item::Up(peer) => Input::Up(peer),
            Item::Met { from, address, is_again } => Input::Met { from, address, is_again },
            Item::Heard { from, known } => Input::Heard { from, known },
            Item::Down(peer) => Input::Down(peer),
        };
        self.handle(to, input);
        true
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Nodes that are connected with this one, by whatever way.
    fn component(&self, index: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([index]);
        loop {
            let more: Vec<_> = (self.sessions.iter())
                .flat_map(|(a, b)| [(*a, *b), (*b, *a)])
                .filter(|(a, b)| found.contains(a) && !found.contains(b))
                .map(|(_, b)| b)
                .collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    pub(super) fn check_meshed(&self, index: usize, seed: u64) {
        let component = self.component(index);
        for a in &component {
            for b in component.range(a + 1..) {
                let can = self.nodes[*a].listens || self.nodes[*b].listens;
                let are = self.sessions.contains(&(*a, *b));
                assert!(are || !can, "seed {seed}: {a} and {b} of {component:?} are apart");
            }
        }
    }
}
