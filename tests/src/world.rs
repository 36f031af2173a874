//! A simulated world: nodes without memory of each other, virtual time, and faults.
//!
//! The world runs [`Machine`]s. It owns time, the order of events, and the paths between nodes; the
//! machines own everything else. All chance comes from one seed: the same seed gives the same run,
//! and [`World::trace_hash`] proves it.
//!
//! ```text
//!   command, crash, partition ...                      queue (time, insertion)
//!            │                                               │ next event
//!            ▼                                               ▼
//!          World ── Input ──▶ Machine::handle ── Output ──▶ paths ── arrivals ──▶ queue
//!                                                └── Event ──▶ invariants, caller
//! ```
//!
//! Sessions: each pair of nodes that can reach each other in both ways gets a session; both sides
//! are told (`NodeUp`), each in its own time and before any message of it, and again when it ends
//! (`NodeDown`), after the last message of it. With [`Weather::ordered`] the messages of a session
//! arrive in order, and what is lost is lost at its end. Without, each message goes its own way.

mod chaos;
mod machine;
mod paths;
mod random;
mod seeds;
mod sessions;
mod trace;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use starlings_runtime::{Incarnation, NodeId, NodeInstance};

pub use chaos::Chaos;
pub use machine::{Input, InputOf, Machine, Output, OutputOf};
pub use paths::{Rule, Verdict, Weather};
pub use random::Random;
pub use seeds::seeds;

use crate::invariant::Invariant;
use paths::Paths;
use trace::Trace;

/// Steps at one instant above which a run is taken for a livelock and fails.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 100_000;

/// What one node did at one instant.
#[derive(Debug)]
pub struct Step<M: Machine> {
    /// When.
    pub at: Duration,
    /// Which node.
    pub node: usize,
    /// Which of its lives.
    pub instance: NodeInstance,
    /// What happened to it.
    pub input: InputOf<M>,
    /// What it told its user.
    pub events: Vec<M::Event>,
}

/// A running node.
struct Node<M> {
    instance: NodeInstance,
    machine: M,
    /// Which wake-up in the queue is the valid one.
    wake: u64,
}

/// A thing that will happen.
enum Pending<M: Machine> {
    Arrive {
        from: NodeInstance,
        sender: usize,
        to: NodeInstance,
        session: Option<u64>,
        message: M::Message,
    },
    Dial {
        pair: (usize, usize),
    },
    Up {
        pair: (usize, usize),
        number: u64,
        side: usize,
    },
    Down {
        pair: (usize, usize),
        number: u64,
        side: usize,
    },
    Wake {
        node: usize,
        wake: u64,
    },
}

/// The world.
pub struct World<M: Machine> {
    label: &'static str,
    seed: u64,
    now: Duration,
    steps: u64,
    steps_at_now: u32,
    random: Random,
    /// `None` while a node is down.
    nodes: Vec<Option<Node<M>>>,
    /// The next life of each node.
    incarnations: Vec<u64>,
    queue: BTreeMap<(Duration, u64), Pending<M>>,
    inserted: u64,
    paths: Paths,
    trace: Trace,
    invariants: Vec<Box<dyn Invariant<M>>>,
}

impl<M: Machine> fmt::Debug for World<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl<M: Machine> World<M> {
    /// A world of `len` nodes that have just started. `label` is the name of the test.
    #[must_use]
    pub fn new(label: &'static str, seed: u64, len: usize, weather: Weather) -> Self {
        let mut world = Self {
            label,
            seed,
            now: Duration::ZERO,
            steps: 0,
            steps_at_now: 0,
            random: Random::new(seed),
            nodes: (0..len).map(|_| None).collect(),
            incarnations: vec![1; len],
            queue: BTreeMap::new(),
            inserted: 0,
            paths: Paths::new(weather),
            trace: Trace::new(),
            invariants: Vec::new(),
        };
        for node in 0..len {
            world.restart(node);
        }
        world
    }

    /// Checks `invariant` from here on.
    pub fn check(&mut self, invariant: impl Invariant<M> + 'static) {
        self.invariants.push(Box::new(invariant));
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// How many inputs were handled.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A hash over all that happened.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The nodes that run.
    #[must_use]
    pub fn alive(&self) -> Vec<usize> {
        (0..self.len()).filter(|node| self.machine(*node).is_some()).collect()
    }

    /// The state of a running node.
    #[must_use]
    pub fn machine(&self, node: usize) -> Option<&M> {
        self.nodes.get(node)?.as_ref().map(|node| &node.machine)
    }

    /// The present life of a running node.
    #[must_use]
    pub fn instance(&self, node: usize) -> Option<&NodeInstance> {
        self.nodes.get(node)?.as_ref().map(|node| &node.instance)
    }

    /// Gives a command to a node and returns the events that came of it; none if it is down.
    pub fn command(&mut self, node: usize, command: M::Command) -> Vec<M::Event> {
        self.feed(node, Input::Command(command))
    }

    /// Lets all happen that happens within `span`.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), pending) = entry.remove_entry();
            if at > self.now {
                self.now = at;
                self.steps_at_now = 0;
            }
            self.happen(pending);
        }
        self.now = until;
    }

    /// Checks what must hold when nothing is left to be said; call it after [`Chaos::calm`].
    pub fn rest(&mut self) {
        let mut invariants = std::mem::take(&mut self.invariants);
        for invariant in &mut invariants {
            if let Err(why) = invariant.at_rest(self) {
                self.fail(invariant.name(), &why);
            }
        }
        self.invariants = invariants;
    }

    /// Ends the run with a report: seed, step, what happened last, every node, how to repeat it.
    ///
    /// # Panics
    /// Always.
    pub fn fail(&self, invariant: &str, why: &str) -> ! {
        let nodes: String = (0..self.len())
            .map(|node| match (self.instance(node), self.machine(node)) {
                (Some(instance), Some(machine)) => {
                    format!("  {}#{}: {}\n", instance.node, instance.incarnation, machine.dump())
                }
                _ => format!("  n{node}@sim: down\n"),
            })
            .collect();
        panic!(
            "{invariant}: {why}\nseed {} step {} at {:?}, {:?}\nlast events:\n{}nodes:\n{nodes}\
             reproduce: STARLINGS_SEED={} cargo test -p starlings-tests --test sim {}\n",
            self.seed,
            self.steps,
            self.now,
            self.paths.weather,
            self.trace.tail(),
            self.seed,
            self.label,
        );
    }

    fn happen(&mut self, pending: Pending<M>) {
        match pending {
            Pending::Arrive { from, sender, to, session, message } => {
                let Some(node) = self.index_of(&to) else {
                    return;
                };
                if session.is_none_or(|number| self.is_up(node, sender, number)) {
                    self.feed(node, Input::Received { from, message });
                }
            }
            Pending::Dial { pair } => self.dial(pair),
            Pending::Up { pair, number, side } => self.session_up(pair, number, side),
            Pending::Down { pair, number, side } => self.session_down(pair, number, side),
            Pending::Wake { node, wake } => {
                let valid = |node: &Node<M>| node.wake == wake;
                if self.nodes.get(node).and_then(Option::as_ref).is_some_and(valid) {
                    self.feed(node, Input::Elapsed);
                }
            }
        }
    }

    /// Gives one input to a node, sends what it sends, and checks the invariants.
    fn feed(&mut self, index: usize, input: InputOf<M>) -> Vec<M::Event> {
        let Some(Some(node)) = self.nodes.get_mut(index) else {
            return Vec::new();
        };
        let mut outputs = Vec::new();
        node.machine.handle(self.now, input.clone(), &mut outputs);
        node.wake += 1;
        let (instance, wake, deadline) =
            (node.instance.clone(), node.wake, node.machine.deadline());
        self.trace.line(format_args!("{:?} n{index}#{} {input:?}", self.now, instance.incarnation));
        let mut events = Vec::new();
        for output in outputs {
            match output {
                Output::Send { to, message } => self.send(index, &instance, to, message),
                Output::Event(event) => events.push(event),
            }
        }
        if !events.is_empty() {
            self.trace.line(format_args!("    -> {events:?}"));
        }
        if let Some(at) = deadline {
            self.schedule(at.max(self.now), Pending::Wake { node: index, wake });
        }
        self.steps += 1;
        self.steps_at_now += 1;
        let step = Step { at: self.now, node: index, instance, input, events };
        self.check_step(&step);
        step.events
    }

    fn check_step(&mut self, step: &Step<M>) {
        if self.steps_at_now > STEPS_AT_ONE_INSTANT_MAX {
            self.fail("livelock", "time does not move on");
        }
        let mut invariants = std::mem::take(&mut self.invariants);
        for invariant in &mut invariants {
            if let Err(why) = invariant.after_step(self, step) {
                self.fail(invariant.name(), &why);
            }
        }
        self.invariants = invariants;
    }

    fn send(&mut self, sender: usize, from: &NodeInstance, to: NodeInstance, message: M::Message) {
        let Some(receiver) = self.index_of_name(&to.node) else {
            return;
        };
        let arrivals = self.paths.arrivals(self.now, (sender, receiver), &mut self.random);
        for (at, session) in arrivals {
            let (from, to, message) = (from.clone(), to.clone(), message.clone());
            self.schedule(at, Pending::Arrive { from, sender, to, session, message });
        }
    }

    fn schedule(&mut self, at: Duration, pending: Pending<M>) {
        self.inserted += 1;
        self.queue.insert((at, self.inserted), pending);
    }

    fn index_of(&self, instance: &NodeInstance) -> Option<usize> {
        (0..self.len()).find(|node| self.instance(*node) == Some(instance))
    }

    fn index_of_name(&self, name: &NodeId) -> Option<usize> {
        let text = name.as_str().strip_prefix('n')?.strip_suffix("@sim")?;
        text.parse().ok().filter(|node| *node < self.len())
    }
}

/// The identity of a node of a world.
fn instance_of(node: usize, incarnation: u64) -> Option<NodeInstance> {
    let node = format!("n{node}@sim").parse().ok()?;
    Some(NodeInstance { node, incarnation: Incarnation(incarnation) })
}

#[cfg(test)]
mod tests;
