//! Faults, and the life of the sessions that they end.

use std::collections::BTreeSet;
use std::time::Duration;

use starlings_runtime::NodeInstance;

use super::paths::{Rule, Session, Verdict, pair};
use super::{Input, InputOf, Machine, Node, Pending, World, instance_of};

/// Longest time from a path being whole to a session on it.
const REDIAL_MAX: Duration = Duration::from_millis(500);

impl<M: Machine> World<M> {
    /// Cuts every path between `side` and the rest, both ways.
    pub fn partition(&mut self, side: &[usize]) {
        let inside: BTreeSet<usize> = side.iter().copied().collect();
        let outside: BTreeSet<usize> = (0..self.len()).filter(|n| !inside.contains(n)).collect();
        let verdict = Verdict::Cut;
        self.add_rule(Rule { from: inside.clone(), to: outside.clone(), verdict });
        self.add_rule(Rule { from: outside, to: inside, verdict });
    }

    /// Cuts the path from one node to another; the way back stays open.
    pub fn cut_one_way(&mut self, from: usize, to: usize) {
        let (from, to) = (BTreeSet::from([from]), BTreeSet::from([to]));
        self.add_rule(Rule { from, to, verdict: Verdict::Cut });
    }

    /// Adds a rule behind those there are; sessions on paths that it cuts end.
    pub fn add_rule(&mut self, rule: Rule) {
        self.trace.line(format_args!("{:?} {rule:?}", self.now));
        self.paths.rules.push(rule);
        let cut: Vec<_> = self.paths.sessions.keys().copied().collect();
        for key in cut {
            if !self.paths.is_whole(key) {
                self.end_session(key);
            }
        }
    }

    /// Takes all rules away; sessions come back.
    pub fn heal(&mut self) {
        self.trace.line(format_args!("{:?} heal", self.now));
        self.paths.rules.clear();
        for node in 0..self.len() {
            self.dial_from(node);
        }
    }

    /// From here on nothing is lost, doubled or late any more.
    pub fn clear_weather(&mut self) {
        self.paths.weather.loss_permille = 0;
        self.paths.weather.duplication_permille = 0;
    }

    /// Ends the session between two nodes; a new one follows.
    pub fn drop_session(&mut self, one: usize, other: usize) {
        self.trace.line(format_args!("{:?} drop session {one} {other}", self.now));
        self.end_session(pair(one, other).0);
    }

    /// Stops a node at once, with all it knew.
    pub fn crash(&mut self, node: usize) {
        self.trace.line(format_args!("{:?} crash {node}", self.now));
        if let Some(slot) = self.nodes.get_mut(node) {
            *slot = None;
        }
        for other in (0..self.len()).filter(|other| *other != node) {
            self.end_session(pair(node, other).0);
        }
    }

    /// Starts a node that is down, under the same name, as a new life without memory.
    pub fn restart(&mut self, node: usize) {
        if self.machine(node).is_some() {
            return;
        }
        let Some(next) = self.incarnations.get_mut(node) else {
            return;
        };
        let incarnation = *next;
        *next += 1;
        let Some(instance) = instance_of(node, incarnation) else {
            return;
        };
        self.trace.line(format_args!("{:?} start {instance:?}", self.now));
        let machine = M::new(instance.clone(), self.random.number());
        let deadline = machine.deadline();
        if let Some(slot) = self.nodes.get_mut(node) {
            *slot = Some(Node { instance, machine, wake: 0 });
        }
        if let Some(at) = deadline {
            self.schedule(at.max(self.now), Pending::Wake { node, wake: 0 });
        }
        self.dial_from(node);
    }

    /// Whether `node` has been told of a session with `peer` and not of its end.
    #[must_use]
    pub fn is_connected(&self, node: usize, peer: usize) -> bool {
        let (key, side) = pair(node, peer);
        self.paths.sessions.get(&key).is_some_and(|s| s.up.get(side) == Some(&true))
    }

    pub(super) fn is_up(&self, node: usize, peer: usize, number: u64) -> bool {
        let (key, _) = pair(node, peer);
        self.is_connected(node, peer)
            && self.paths.sessions.get(&key).is_some_and(|s| s.number == number)
    }

    fn dial_from(&mut self, node: usize) {
        for other in (0..self.len()).filter(|other| *other != node) {
            self.redial(pair(node, other).0);
        }
    }

    fn redial(&mut self, pair: (usize, usize)) {
        let at = self.now + self.random.between(Duration::ZERO, REDIAL_MAX);
        self.schedule(at, Pending::Dial { pair });
    }

    pub(super) fn dial(&mut self, pair: (usize, usize)) {
        let (Some(low), Some(high)) = (self.instance(pair.0), self.instance(pair.1)) else {
            return;
        };
        let lives = [low.clone(), high.clone()];
        if self.paths.sessions.contains_key(&pair) || !self.paths.is_whole(pair) {
            return;
        }
        self.paths.sessions_made += 1;
        let number = self.paths.sessions_made;
        let (least, most) = (self.paths.weather.latency_min, self.paths.weather.latency_max);
        let up_at = [(); 2].map(|()| self.now + self.random.between(least, most));
        for (side, at) in up_at.into_iter().enumerate() {
            self.schedule(at, Pending::Up { pair, number, side });
        }
        let session = Session {
            number,
            lives,
            up_at,
            up: [false; 2],
            ended: false,
            told: [false; 2],
            last_arrival: [Duration::ZERO; 2],
        };
        self.paths.sessions.insert(pair, session);
    }

    /// Nothing more can be sent; each side that runs learns of it in its own time.
    fn end_session(&mut self, pair: (usize, usize)) {
        let Some(session) = self.paths.sessions.get_mut(&pair) else {
            return;
        };
        let (number, lives, first) = (session.number, session.lives.clone(), !session.ended);
        session.ended = true;
        for (side, (node, life)) in [pair.0, pair.1].into_iter().zip(&lives).enumerate() {
            if self.instance(node) != Some(life) {
                self.session_down(pair, number, side);
            } else if first {
                let most = self.paths.weather.detection_max;
                let at = self.now + self.random.between(Duration::ZERO, most);
                self.schedule(at, Pending::Down { pair, number, side });
            }
        }
    }

    pub(super) fn session_up(&mut self, pair: (usize, usize), number: u64, side: usize) {
        let Some(session) = self.paths.sessions.get_mut(&pair) else {
            return;
        };
        if session.number != number || session.ended {
            return;
        }
        if let Some(up) = session.up.get_mut(side) {
            *up = true;
        }
        self.announce(pair, side, Input::NodeUp);
    }

    pub(super) fn session_down(&mut self, pair: (usize, usize), number: u64, side: usize) {
        let Some(session) = self.paths.sessions.get_mut(&pair) else {
            return;
        };
        if session.number != number {
            return;
        }
        let told = session.told.get_mut(side).map(|told| std::mem::replace(told, true));
        let up = session.up.get_mut(side).map(|up| std::mem::replace(up, false));
        if told == Some(false) && up == Some(true) {
            self.announce(pair, side, Input::NodeDown);
        }
        if self.paths.sessions.get(&pair).is_some_and(|s| s.told == [true; 2]) {
            self.paths.sessions.remove(&pair);
            self.redial(pair);
        }
    }

    /// Tells one side of the other, unless it lives no more.
    fn announce(
        &mut self,
        pair: (usize, usize),
        side: usize,
        input: fn(NodeInstance) -> InputOf<M>,
    ) {
        let Some(session) = self.paths.sessions.get(&pair) else {
            return;
        };
        let [low, high] = session.lives.clone();
        let (node, life, peer) = if side == 0 { (pair.0, low, high) } else { (pair.1, high, low) };
        if self.paths.weather.announced && self.instance(node) == Some(&life) {
            self.feed(node, input(peer));
        }
    }
}
