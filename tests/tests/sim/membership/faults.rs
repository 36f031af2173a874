//! Which faults a run sees, and how often; each kind is absent from half of the runs.

use starlings_tests::world::Random;
use starlings_transport::proto::membership::Input;

use super::net::{Net, Starved};

#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) random: Random,
    crash: u32,
    restart: u32,
    leave: u32,
    part: u32,
    cut: u32,
    starve: u32,
    flap: u32,
    replay: u32,
    heal: u32,
    loss: u32,
    repeats: u32,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5717_3370);
        let mut rate = |most: u64| match random.chance(500) {
            true => u32::try_from(random.below(most)).unwrap_or(0),
            false => 0,
        };
        Self {
            crash: rate(250),
            restart: 300,
            leave: rate(60),
            part: rate(150),
            cut: rate(200),
            starve: rate(200),
            flap: rate(100),
            replay: rate(500),
            heal: 150,
            loss: rate(300),
            repeats: rate(300),
            random,
        }
    }

    pub(crate) fn strike(&mut self, net: &mut Net) {
        let len = net.hosts.len();
        (net.loss, net.repeats) = (self.loss, self.repeats);
        let host = self.random.index(len);
        let other = (host + 1 + self.random.index(len - 1)) % len;
        if self.random.chance(self.crash) {
            net.crash(host);
        }
        if self.random.chance(self.restart) {
            (0..len).for_each(|host| net.start(host, &[0, 1]));
        }
        if self.random.chance(self.leave) {
            net.feed(host, Input::Leave);
        }
        if self.random.chance(self.part) {
            let side = self.random.number();
            net.part(|host| usize::from(side >> host & 1 == 1));
        }
        if self.random.chance(self.cut) {
            net.cuts.insert((host, other));
        }
        if self.random.chance(self.starve) {
            let kinds = [Starved::No, Starved::Late, Starved::Stalls];
            let kind = self.random.pick(&kinds).copied().unwrap_or(Starved::No);
            net.starve(host, kind);
        }
        if self.random.chance(self.flap) {
            // Now there, now not.
            for _ in 0..5 {
                net.part(|it| usize::from(it == host));
                net.run_for(self.second());
                net.part(|_| 0);
                net.run_for(self.second());
            }
        }
        if self.random.chance(self.heal) {
            net.heal();
        }
        for _ in 0..8 {
            if self.random.chance(self.replay) {
                self.play_back(net);
            }
        }
    }

    /// A datagram of the past, or one that never was, to anybody.
    fn play_back(&mut self, net: &mut Net) {
        let to = self.random.index(net.hosts.len());
        let recorded = net.recorded.get(self.random.index(net.recorded.len()));
        let bytes = match recorded {
            Some(bytes) if self.random.chance(800) => bytes.clone(),
            _ => (0..self.random.index(1500)).map(|_| self.random.number() as u8).collect(),
        };
        net.feed(to, Input::Received(bytes));
    }

    fn second(&mut self) -> std::time::Duration {
        self.random.between(super::secs(0), super::secs(2))
    }

    /// All paths whole, nobody starved, everybody there.
    pub(crate) fn calm(net: &mut Net) {
        (net.loss, net.repeats) = (0, 0);
        net.heal();
        for host in 0..net.hosts.len() {
            net.starve(host, Starved::No);
            net.start(host, &[0, 1]);
        }
    }
}
