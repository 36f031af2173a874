//! Four actors that link, unlink, monitor, demonitor, trap, send exits and end in random order, their
//! signals on their way for a random time, in order for each pair.
//!
//! | property | source |
//! |---|---|
//! | a link stands on both sides or on neither, once nothing is on its way | `link/1`: bidirectional |
//! | after `unlink` no exit of that link is seen, unless it was linked again | `unlink/1` |
//! | every monitor ends in one `Down`, or is taken back and ends in none | `monitor/2`, `demonitor/2` |
//! | the reason seen is the true one, or `NoProc` | `monitor/2`, `link/1` |
//! | who is linked to one that ended abnormally has ended or has seen it | `exit signals` |

use std::collections::{BTreeMap, VecDeque};

use super::*;

const ACTORS: usize = 4;
const STEPS: usize = 60;
const SEEDS: u64 = 20_000;

struct World {
    random: u64,
    bonds: Vec<Bonds>,
    ended: Vec<Option<ExitReason>>,
    /// Signals on their way, by sender and receiver.
    ways: BTreeMap<(usize, usize), VecDeque<Signal>>,
    mailboxes: Vec<VecDeque<Effect>>,
    monitors: BTreeMap<MonitorRef, Watched>,
    /// Whether the actor's last word on a link was to end it, and nobody has linked since.
    unlinked: BTreeMap<(usize, usize), bool>,
    /// Exits of links that an actor has seen.
    exits: Vec<(usize, usize)>,
    refs: u64,
}

struct Watched {
    watcher: usize,
    target: usize,
    downs: u32,
    taken_back: bool,
}

fn actor(index: usize) -> AnyPid {
    pid("a@h", index as u64)
}

fn index(pid: &AnyPid) -> usize {
    usize::try_from(pid.serial()).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            bonds: (0..ACTORS).map(|_| Bonds::default()).collect(),
            ended: vec![None; ACTORS],
            ways: BTreeMap::new(),
            mailboxes: (0..ACTORS).map(|_| VecDeque::new()).collect(),
            monitors: BTreeMap::new(),
            unlinked: BTreeMap::new(),
            exits: Vec::new(),
            refs: 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % bound as u64).unwrap()
    }

    fn send(&mut self, from: usize, to: &AnyPid, signal: Signal) {
        self.ways.entry((from, index(to))).or_default().push_back(signal);
    }

    /// One living actor does something.
    fn act(&mut self) {
        let (me, other) = (self.below(ACTORS), self.below(ACTORS));
        if self.ended[me].is_some() || me == other {
            return;
        }
        let (from, to) = (actor(me), actor(other));
        self.refs += 1;
        let next = self.refs;
        match self.below(16) {
            0..4 => {
                self.bonds[me].link(to.clone());
                self.unlinked.insert((me, other), false);
                self.send(me, &to, Signal::Link { from });
            }
            4..8 => {
                if self.bonds[me].unlink(&to, next) {
                    self.send(me, &to, Signal::Unlink { from, unlink: next });
                }
                self.unlinked.insert((me, other), true);
            }
            8..10 => {
                let monitor = MonitorRef(next);
                self.bonds[me].monitor(monitor, to.clone());
                let watched = Watched { watcher: me, target: other, downs: 0, taken_back: false };
                self.monitors.insert(monitor, watched);
                self.send(me, &to, Signal::Monitor { watcher: from, monitor });
            }
            10 | 11 => {
                let own = self.monitors.iter().filter(|(_, watched)| watched.watcher == me);
                let own: Vec<_> = own.map(|(monitor, _)| *monitor).collect();
                if let Some(monitor) = own.get(self.below(own.len().max(1))).copied()
                    && let Some(target) = self.bonds[me].demonitor(monitor)
                {
                    self.monitors.get_mut(&monitor).unwrap().taken_back = true;
                    self.send(me, &target, Signal::Demonitor { watcher: from, monitor });
                }
            }
            12 => {
                let traps = self.below(2) == 0;
                self.bonds[me].set_trap_exits(traps);
            }
            13 => self.send(me, &to, exit(&from, ExitReason::error("by hand"), false)),
            14 => self.end(me, ExitReason::Normal),
            _ => self.end(me, ExitReason::error(me)),
        }
    }

    fn end(&mut self, me: usize, reason: ExitReason) {
        let farewell = self.bonds[me].take_all();
        self.ended[me] = Some(reason.clone());
        self.mailboxes[me].clear();
        let from = actor(me);
        for other in farewell.links {
            self.send(me, &other, exit(&from, reason.clone(), true));
        }
        for (watcher, monitor) in farewell.watchers {
            let (target, reason) = (from.clone(), reason.clone());
            self.send(me, &watcher, Signal::Down { monitor, target, reason });
        }
        for (monitor, target) in farewell.monitors {
            self.send(me, &target, Signal::Demonitor { watcher: from.clone(), monitor });
        }
    }

    /// A signal arrives, if any is on its way.
    fn deliver(&mut self) -> bool {
        let ways: Vec<_> =
            self.ways.iter().filter(|(_, way)| !way.is_empty()).map(|(w, _)| *w).collect();
        let Some((from, to)) = ways.get(self.below(ways.len().max(1))).copied() else {
            return false;
        };
        let signal = self.ways.get_mut(&(from, to)).and_then(VecDeque::pop_front).unwrap();
        if self.ended[to].is_some() {
            if let Some((back, signal)) = signal.bounced(&actor(to), ExitReason::NoProc) {
                self.send(to, &back, signal);
            }
            return true;
        }
        let links = matches!(signal, Signal::Link { .. });
        match self.bonds[to].handle(&actor(to), signal) {
            Effect::Ends(reason) | Effect::Stops(reason) | Effect::Drains(reason) => {
                self.end(to, reason);
            }
            Effect::Answer(back, signal) => self.send(to, &back, signal),
            Effect::Bonded(_) if links => drop(self.unlinked.insert((to, from), false)),
            Effect::Nothing | Effect::Bonded(_) => {}
            event @ (Effect::Exit(_) | Effect::Down(_)) => self.mailboxes[to].push_back(event),
        }
        true
    }

    /// An actor handles an event, if it has one.
    fn see(&mut self, me: usize) -> bool {
        match self.mailboxes[me].pop_front() {
            Some(Effect::Exit(exit)) if exit.linked => {
                let from = index(&exit.pid);
                if self.bonds[me].take_exit(&exit.pid) {
                    assert_ne!(self.unlinked.get(&(me, from)), Some(&true), "seen after unlink");
                    self.check_reason(from, &exit.reason);
                    self.exits.push((me, from));
                }
            }
            Some(Effect::Down(down)) => {
                if self.bonds[me].take_down(down.monitor) {
                    let watched = self.monitors.get_mut(&down.monitor).unwrap();
                    assert!(!watched.taken_back, "a down after demonitor");
                    assert_eq!((me, index(&down.pid)), (watched.watcher, watched.target));
                    watched.downs += 1;
                    self.check_reason(index(&down.pid), &down.reason);
                }
            }
            Some(_) => {}
            None => return false,
        }
        true
    }

    fn check_reason(&self, of: usize, reason: &ExitReason) {
        let is_true = self.ended[of].as_ref() == Some(reason) || *reason == ExitReason::NoProc;
        assert!(is_true, "{of} ended for {:?}, not {reason:?}", self.ended[of]);
    }

    fn settle(&mut self) {
        while self.deliver() || (0..ACTORS).any(|me| self.see(me)) {}
    }

    fn check(&self) {
        for me in (0..ACTORS).filter(|me| self.ended[*me].is_none()) {
            for other in self.bonds[me].links().map(index) {
                assert!(
                    self.ended[other].is_none(),
                    "{me} is linked with {other}, which has ended"
                );
                let back = self.bonds[other].links().any(|pid| index(pid) == me);
                assert!(back, "{me} is linked with {other}, but not the other way");
            }
            assert_eq!(self.bonds[me].links().count(), self.bonds[me].links.len(), "unlinking");
        }
        for (monitor, watched) in &self.monitors {
            let over = self.ended[watched.target].is_some();
            let expected = u32::from(over && !watched.taken_back);
            if self.ended[watched.watcher].is_none() {
                assert_eq!(watched.downs, expected, "{monitor:?}");
            }
        }
    }
}

#[test]
fn bonds_agree_whatever_crosses_on_the_way() {
    let (mut ends, mut exits, mut downs) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..STEPS {
                match world.below(3) {
                    0 => world.act(),
                    1 => drop(world.deliver()),
                    _ => {
                        let me = world.below(ACTORS);
                        world.see(me);
                    }
                }
            }
            world.settle();
            world.check();
        }));
        assert!(run.is_ok(), "seed {seed}");
        ends += world.ended.iter().flatten().count();
        exits += world.exits.len();
        downs += world.monitors.values().map(|watched| watched.downs).sum::<u32>();
    }
    // The world must have been one in which things happen.
    assert!(ends > 10_000 && exits > 1_000 && downs > 1_000, "{ends} {exits} {downs}");
}
