//! Faults drawn from a seed.

use std::time::Duration;

use super::random::Random;
use super::{Machine, World};

/// Which faults a run sees, and how often; a run has some kinds and not others (swarm testing).
#[derive(Debug, Clone)]
pub struct Chaos {
    random: Random,
    partition: u32,
    one_way: u32,
    heal: u32,
    crash: u32,
    restart: u32,
    flap: u32,
}

impl Chaos {
    /// The faults of `seed`. Each kind is absent from half of the runs.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00c4_a05c_4a05);
        let mut rate = |most: u64| {
            let on = random.chance(500);
            let rate = u32::try_from(random.below(most)).unwrap_or(0);
            if on { rate } else { 0 }
        };
        let (partition, one_way, crash, flap) = (rate(60), rate(40), rate(60), rate(80));
        Self { random, partition, one_way, heal: 60, crash, restart: 150, flap }
    }

    /// Gives each kind of fault its chance.
    pub fn strike<M: Machine>(&mut self, world: &mut World<M>) {
        let len = world.len();
        let node = self.random.index(len);
        let other = (node + 1 + self.random.index(len.saturating_sub(1))) % len;
        if self.random.chance(self.partition) {
            let side: Vec<usize> = (0..len).filter(|_| self.random.chance(500)).collect();
            world.partition(&side);
        }
        if self.random.chance(self.one_way) && node != other {
            world.cut_one_way(node, other);
        }
        if self.random.chance(self.heal) {
            world.heal();
        }
        if self.random.chance(self.flap) && node != other {
            world.drop_session(node, other);
        }
        if self.random.chance(self.crash) && world.alive().len() > 1 {
            world.crash(node);
        }
        if self.random.chance(self.restart) {
            world.restart(node);
        }
    }

    /// Ends all faults: every node runs, every path is whole and loses nothing, and time passes.
    pub fn calm<M: Machine>(world: &mut World<M>, rest: Duration) {
        for node in 0..world.len() {
            world.restart(node);
        }
        world.heal();
        world.clear_weather();
        world.run_for(rest);
    }
}
