//! Probes: directly, through others, and for others.

use std::collections::BTreeSet;
use std::time::Duration;

use starlings_runtime::{NodeId, NodeInstance};

use super::State;
use super::events::Output;
use super::wire::{Address, Fact, Message};

/// Others that are asked to ping a member that does not answer. 3, as in SWIM: with 10 % loss each way,
/// about one live member in 500 answers none of the four.
pub const INDIRECT_PROBES: usize = 3;

/// Pings for others that may be under way. Further requests are dropped: a node is asked for three per
/// period on average if all probes fail.
pub const RELAYS_MAX: usize = 256;

/// The probe of this period.
#[derive(Debug)]
pub(super) struct Probe {
    number: u32,
    target: NodeInstance,
    /// When others are asked; `None` once they are.
    asks_at: Option<Duration>,
    /// Who was asked.
    asked: BTreeSet<NodeId>,
    /// Those of them who have not said that they were.
    silent: BTreeSet<NodeId>,
    /// The target has said something, if not what it was asked for.
    is_heard: bool,
}

impl Probe {
    pub(super) const fn asks_at(&self) -> Option<Duration> {
        self.asks_at
    }

    pub(super) fn postpone(&mut self, by: Duration) {
        self.asks_at = self.asks_at.map(|at| at + by);
    }
}

/// A ping for somebody else.
#[derive(Debug)]
pub(super) struct Relay {
    asker: Fact,
    /// Of the asker's request.
    number: u32,
    target: NodeId,
    /// `None` once it is sent.
    nack_at: Option<Duration>,
    forget_at: Duration,
}

impl Relay {
    pub(super) fn deadline(&self) -> Duration {
        self.nack_at.unwrap_or(self.forget_at)
    }
}

impl State {
    /// Ends the probe of the last period and starts that of the next.
    pub(super) fn start_period(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if now < self.period_at {
            return;
        }
        if let Some(probe) = self.probe.take() {
            self.fail_probe(now, probe, outbox);
        }
        if let Some(target) = self.members.next(&mut self.random) {
            let number = self.draw();
            let asks_at = Some(now + self.health.scale(self.config.probe_timeout));
            let member = target.member.clone();
            let (asked, silent) = (BTreeSet::new(), BTreeSet::new());
            let is_heard = false;
            self.probe = Some(Probe { number, target: member, asks_at, asked, silent, is_heard });
            self.metrics.probes += 1;
            let to = target.member.node.clone();
            self.send(&target, &Message::Ping { number, to }, outbox);
        }
        self.period_at = now + self.health.scale(self.config.probe_interval);
    }

    /// The time of the direct ping is over.
    pub(super) fn ask_others(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        let Some(probe) = &mut self.probe else { return };
        if probe.asks_at.is_none_or(|at| at > now) {
            return;
        }
        probe.asks_at = None;
        let node = probe.target.node.clone();
        let relays = self.members.pick(INDIRECT_PROBES, Some(&node), &mut self.random);
        probe.asked = relays.iter().map(|relay| relay.member.node.clone()).collect();
        probe.silent = probe.asked.clone();
        let number = probe.number;
        let Some(known) = self.members.get(&node) else { return };
        let request = Message::PingRequest { number, target: node, address: known.address.clone() };
        for relay in relays {
            self.send(&relay, &request, outbox);
        }
    }

    /// Nobody reached the target.
    fn fail_probe(&mut self, now: Duration, probe: Probe, outbox: &mut Vec<Output>) {
        self.metrics.probes_failed += 1;
        // Those who did not even say that they were asked: it may be this node that is not heard.
        self.health.worsen(if probe.asked.is_empty() { 1 } else { probe.silent.len() });
        if !probe.is_heard {
            self.members.miss(&probe.target.node);
        }
        let known = self.members.get(&probe.target.node);
        let Some(known) = known.filter(|known| known.is_up()) else { return };
        if known.incarnation == probe.target.incarnation {
            let refutation = known.refutation;
            let me = self.me.member.node.clone();
            self.accuse(now, (&probe.target, refutation, me), outbox);
        }
    }

    /// A node has said something, whatever it was.
    pub(super) fn note_heard(&mut self, node: &NodeId) {
        self.members.hear(node);
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.target.node == *node) {
            probe.is_heard = true;
        }
    }

    pub(super) fn on_ack(&mut self, from: &Fact, number: u32, outbox: &mut Vec<Output>) {
        let node = &from.member.node;
        if self.probe.as_ref().is_some_and(|it| it.number == number && it.target.node == *node) {
            return self.pass_probe();
        }
        if self.relays.get(&number).is_some_and(|relay| relay.target == *node)
            && let Some(relay) = self.relays.remove(&number)
        {
            self.send(&relay.asker, &Message::Relayed { number: relay.number }, outbox);
        }
    }

    pub(super) fn on_relayed(&mut self, from: &Fact, number: u32) {
        let is_ours = |it: &Probe| it.number == number && it.asked.contains(&from.member.node);
        if self.probe.as_ref().is_some_and(is_ours) {
            self.pass_probe();
        }
    }

    pub(super) fn on_nack(&mut self, from: &Fact, number: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.number == number) {
            probe.silent.remove(&from.member.node);
        }
    }

    /// Pings for somebody else.
    pub(super) fn on_ping_request(
        &mut self,
        now: Duration,
        asker: Fact,
        number: u32,
        (target, address): (NodeId, Address),
        outbox: &mut Vec<Output>,
    ) {
        if self.relays.len() >= RELAYS_MAX {
            self.metrics.dropped += 1;
            return;
        }
        let own = self.draw();
        // What the asker is told in time: it waits for as long again as for its direct ping.
        let nack_at = Some(now + self.config.probe_timeout * 4 / 5);
        let forget_at = now + self.config.probe_interval * super::HEALTH_MULTIPLE_MAX;
        let ping = Message::Ping { number: own, to: target.clone() };
        // Only where to and what is held against it matter here.
        let incarnation = self.members.get(&target).map(|known| known.incarnation);
        let incarnation = incarnation.unwrap_or(starlings_runtime::Incarnation(0));
        let member = NodeInstance { node: target.clone(), incarnation };
        self.relays.insert(own, Relay { asker, number, target, nack_at, forget_at });
        self.send(&Fact { member, refutation: 0, address }, &ping, outbox);
    }

    /// Tells those who asked that nothing has come back so far.
    pub(super) fn send_nacks(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        let mut nacks = Vec::new();
        self.relays.retain(|_, relay| {
            if relay.nack_at.is_some_and(|at| at <= now) {
                relay.nack_at = None;
                nacks.push((relay.asker.clone(), relay.number));
            }
            relay.forget_at > now
        });
        for (asker, number) in nacks {
            self.send(&asker, &Message::Nack { number }, outbox);
        }
    }

    fn pass_probe(&mut self) {
        self.probe = None;
        self.health.improve();
    }

    pub(super) fn draw(&mut self) -> u32 {
        u32::try_from(self.random.number() >> 32).unwrap_or(0)
    }
}
