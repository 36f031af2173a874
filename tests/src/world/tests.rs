//! The world itself: order, sessions, lives, and that a seed decides all.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use starlings_runtime::NodeInstance;

use super::{Chaos, Input, InputOf, Machine, Output, OutputOf, Random, Step, Weather, World};
use crate::invariant::Invariant;

/// Sends a number to each node it is connected with, at each beat.
struct Counter {
    peers: Vec<NodeInstance>,
    sent: u64,
    beat: Duration,
}

impl Machine for Counter {
    type Message = u64;
    type Command = ();
    type Event = (NodeInstance, u64);

    fn new(_: NodeInstance, _: u64) -> Self {
        Self { peers: Vec::new(), sent: 0, beat: Duration::from_millis(50) }
    }

    fn handle(&mut self, now: Duration, input: InputOf<Self>, outputs: &mut Vec<OutputOf<Self>>) {
        match input {
            Input::Command(()) => {}
            Input::Received { from, message } => outputs.push(Output::Event((from, message))),
            Input::NodeUp(peer) => self.peers.push(peer),
            Input::NodeDown(peer) => self.peers.retain(|known| *known != peer),
            Input::Elapsed => {
                self.sent += 1;
                self.beat = now + Duration::from_millis(20);
                let message = self.sent;
                outputs.extend(self.peers.iter().cloned().map(|to| Output::Send { to, message }));
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.beat)
    }

    fn dump(&self) -> String {
        format!("{:?}", self.peers)
    }
}

/// Session rules as `semantics.md` states them: up before messages, messages in order, then down.
struct SessionRules {
    seen: Rc<RefCell<u64>>,
    /// (node, peer, last number) of each session that is up.
    up: Vec<(NodeInstance, NodeInstance, u64)>,
}

impl Invariant<Counter> for SessionRules {
    fn name(&self) -> &'static str {
        "session rules"
    }

    fn after_step(&mut self, _: &World<Counter>, step: &Step<Counter>) -> Result<(), String> {
        let me = &step.instance;
        match &step.input {
            Input::NodeUp(peer) => {
                if self.up.iter().any(|(node, up, _)| node == me && up.node == peer.node) {
                    return Err("up before the down of the old session".into());
                }
                self.up.push((me.clone(), peer.clone(), 0));
            }
            Input::NodeDown(peer) => {
                let before = self.up.len();
                self.up.retain(|(node, up, _)| (node, up) != (me, peer));
                if self.up.len() == before {
                    return Err("down without up".into());
                }
            }
            Input::Received { from, message } => {
                let known = self.up.iter_mut().find(|(node, up, _)| node == me && up == from);
                let (_, _, last) = known.ok_or("message outside a session")?;
                if *message <= *last || (*last != 0 && *message != *last + 1) {
                    return Err(format!("{message} after {last}"));
                }
                *last = *message;
                *self.seen.borrow_mut() += 1;
            }
            Input::Command(()) | Input::Elapsed => {}
        }
        Ok(())
    }
}

fn run(seed: u64, ordered: bool) -> (u64, u64) {
    let mut random = Random::new(seed);
    let weather =
        if ordered { Weather::sessions(&mut random) } else { Weather::lossy(&mut random) };
    let mut world: World<Counter> = World::new("world", seed, 4, weather);
    let seen = Rc::new(RefCell::new(0));
    if ordered {
        world.check(SessionRules { seen: Rc::clone(&seen), up: Vec::new() });
    }
    let mut chaos = Chaos::new(seed);
    for _ in 0..200 {
        chaos.strike(&mut world);
        world.run_for(Duration::from_millis(100));
    }
    Chaos::calm(&mut world, Duration::from_secs(10));
    for node in 0..4 {
        assert_eq!(world.machine(node).map(|counter| counter.peers.len()), Some(3), "seed {seed}");
    }
    let seen = *seen.borrow();
    (world.trace_hash(), seen)
}

#[test]
fn sessions_keep_their_rules_under_faults() {
    let seen: u64 = (0..20).map(|seed| run(seed, true).1).sum();
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn a_seed_decides_the_run() {
    for ordered in [true, false] {
        assert_eq!(run(7, ordered), run(7, ordered));
        assert_ne!(run(7, ordered).0, run(8, ordered).0);
    }
}

#[test]
fn a_crash_loses_memory_and_raises_the_incarnation() {
    let weather = Weather::sessions(&mut Random::new(1));
    let mut world: World<Counter> = World::new("world", 1, 2, weather);
    world.run_for(Duration::from_secs(5));
    world.crash(0);
    assert_eq!(world.alive(), [1]);
    world.restart(0);
    assert_eq!(world.machine(0).map(|counter| counter.sent), Some(0));
    assert_eq!(world.instance(0).map(|instance| instance.incarnation.0), Some(2));
    world.run_for(Duration::from_secs(10));
    assert!(world.is_connected(0, 1) && world.is_connected(1, 0));
}
