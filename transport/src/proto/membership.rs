//! Membership by gossip: who is in the cluster, found by random probes and told by word of mouth.
//!
//! SWIM with Lifeguard's refinements. Each member probes one other per period, in a round; one that
//! does not answer is pinged by three others too; one that none of them reaches is accused, and the
//! accusation is passed on with whatever is sent anyway. The accused refutes it with a higher number
//! of its own. If it does not, each member comes to a verdict of its own, from at least two accusers,
//! unless it hears nobody at all.
//!
//! ```text
//!              accused                    two accusers, and no refutation in time
//!      up ───────────────────▶ suspected ────────────────────────────────────────▶ down
//!      ▲ ◀───────────────────      │  one accuser only: back up                     │
//!      │        refuted                                                             │
//!      └──────────── refuted (it was cut off), or a later life of the node ─────────┘
//! ```
//!
//! Invariant: statements about a node are ordered by (incarnation, refutation, up < suspected < down <
//! left), a member only ever moves up in that order, and only the node itself raises the first two. So
//! old news, in whatever order and however often, changes nothing.
//! `docs/protocol/membership.md` has the protocol. What this does not do: send, or end sessions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use starlings_runtime::{NodeId, NodeInstance};

use crate::cookie::Cookie;

mod config;
mod events;
mod facts;
mod gossip;
mod health;
mod members;
mod probe;
mod random;
mod seal;
mod suspicion;
mod sync;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

pub use config::{Config, Parts};
pub use events::{Input, Metrics, Output, Reason};
pub use gossip::NEWS_MAX;
pub use health::HEALTH_MULTIPLE_MAX;
pub use members::{DOWN_MAX, MEMBERS_MAX};
pub use probe::{INDIRECT_PROBES, RELAYS_MAX};
pub use seal::TAG_BYTES;
pub use suspicion::ACCUSERS_MAX;
pub use sync::{SEEDS_MAX, TRANSFERS_MAX};
pub use wire::{
    ADDRESS_BYTES_MAX, Address, BadAddress, DATAGRAM_BYTES_MAX, Fact, MEMBERSHIP_VERSION, Message,
    Update,
};

use gossip::News;
use health::Health;
use members::Members;
use probe::{Probe, Relay};
use random::Random;
use seal::Seal;
use suspicion::Suspicion;
use sync::Transfer;

/// A datagram of this body, with the tag that fuzz targets cannot guess.
#[cfg(starlings_fuzz)]
pub(crate) fn sealed(cookie: &Cookie, mut body: Vec<u8>) -> Vec<u8> {
    Seal::new(cookie).seal(&mut body);
    body
}

/// Others that news is told to at once. 3, as in memberlist.
const GOSSIP_FANOUT: usize = 3;

/// Rounds in which a leave is told to three others, and the pause after each. One of them that comes
/// through is enough: who hears it tells the rest. 5 are for loss; together they take a quarter of a
/// second of a shutdown.
const LEAVE_ROUNDS: u32 = 5;
const LEAVE_PAUSE: Duration = Duration::from_millis(50);

/// One member of the cluster.
#[derive(Debug)]
pub struct State {
    me: Fact,
    config: Config,
    seal: Seal,
    random: Random,
    phase: Phase,
    health: Health,
    members: Members,
    /// Of members that are up only.
    suspicions: BTreeMap<NodeId, Suspicion>,
    news: News,
    gossip_at: Duration,
    probe: Option<Probe>,
    period_at: Duration,
    relays: BTreeMap<u32, Relay>,
    seeds: BTreeSet<Address>,
    rejoin_at: Duration,
    sync_at: Duration,
    /// Until then this node is told what all others know.
    settles_at: Duration,
    transfers: VecDeque<Transfer>,
    transfer_at: Duration,
    /// When this node was to be heard of next, as it was told the last time.
    due: Option<Duration>,
    metrics: Metrics,
}

#[derive(Debug)]
enum Phase {
    Member,
    /// As a member, and a later life of this node is known.
    Superseded,
    /// Rounds of gossip that are left.
    Leaving(u32),
    Left,
}

impl State {
    /// A member that knows nobody, as of `now`. `seed` is its randomness; it should differ from node to
    /// node and from life to life.
    #[must_use]
    pub fn new(
        now: Duration,
        me: NodeInstance,
        address: Address,
        cookie: &Cookie,
        config: Config,
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed);
        Self {
            me: Fact { member: me, refutation: 0, address },
            seal: Seal::new(cookie),
            phase: Phase::Member,
            health: Health::new(config.parts.local_health),
            members: Members::default(),
            suspicions: BTreeMap::new(),
            news: News::default(),
            gossip_at: now,
            probe: None,
            period_at: now + random.around(config.probe_interval),
            relays: BTreeMap::new(),
            seeds: BTreeSet::new(),
            rejoin_at: now,
            sync_at: now + random.around(config.rejoin_interval),
            settles_at: now + config.sync_interval,
            transfers: VecDeque::new(),
            transfer_at: now,
            due: None,
            metrics: Metrics::default(),
            config,
            random,
        }
    }

    /// When [`Input::Elapsed`] is due. May change either way with every input.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Left => return None,
            Phase::Leaving(_) => return Some(self.gossip_at),
            Phase::Member | Phase::Superseded => {}
        }
        let suspicions = self.suspicions.values().map(|suspicion| suspicion.deadline(&self.config));
        let relays = self.relays.values().map(Relay::deadline);
        let gossip = (!self.news.is_empty() && self.members.up_len() > 0).then_some(self.gossip_at);
        let transfer = (!self.transfers.is_empty()).then_some(self.transfer_at);
        let asks = self.probe.as_ref().and_then(Probe::asks_at);
        let often = [self.period_at, self.rejoin_at, self.sync_at].into_iter();
        let seldom = [gossip, transfer, asks].into_iter().flatten();
        often.chain(seldom).chain(suspicions).chain(relays).min()
    }

    /// Something happened.
    pub fn handle(&mut self, now: Duration, input: Input, outbox: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Left) {
            return;
        }
        self.notice_lateness(now);
        match input {
            Input::Received(bytes) => self.on_received(now, &bytes, outbox),
            Input::Join(seeds) => self.on_join(now, seeds),
            Input::Leave => self.on_leave(now),
            Input::Behind => self.health.worsen(1),
            Input::Elapsed => self.on_elapsed(now, outbox),
        }
        self.due = self.deadline().map(|due| due.max(now));
    }

    /// Other members that are up, suspected ones included, in the order of their names.
    pub fn members(&self) -> impl Iterator<Item = (NodeInstance, &Address)> {
        let member = |node: &NodeId, incarnation| NodeInstance { node: node.clone(), incarnation };
        self.members.up().map(move |(node, at)| (member(node, at.incarnation), &at.address))
    }

    /// How many members the cluster has, this one included.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.up_len() + 1
    }

    /// What has been counted so far.
    #[must_use]
    pub const fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics;
        metrics.health = self.health.score();
        metrics
    }

    fn on_received(&mut self, now: Duration, bytes: &[u8], outbox: &mut Vec<Output>) {
        let is_small = bytes.len() <= DATAGRAM_BYTES_MAX;
        let body = is_small.then(|| self.seal.open(bytes)).flatten();
        let Some((from, message, updates)) = body.and_then(wire::decode) else {
            self.metrics.bad += 1;
            return;
        };
        self.metrics.received += 1;
        if from.member.node == self.me.member.node {
            return self.on_namesake(&from, outbox);
        }
        if !self.hears(now, &from, outbox) {
            return;
        }
        let is_told = message == Message::Transfer && now < self.settles_at;
        for update in updates {
            self.on_update(now, update, !is_told, outbox);
        }
        match message {
            Message::Ping { number, to } => {
                if to == self.me.member.node {
                    self.send(&from, &Message::Ack { number }, outbox);
                }
            }
            Message::Ack { number } => self.on_ack(&from, number, outbox),
            Message::PingRequest { number, target, address } => {
                self.on_ping_request(now, from, number, (target, address), outbox);
            }
            Message::Relayed { number } => self.on_relayed(&from, number),
            Message::Nack { number } => self.on_nack(&from, number),
            Message::Gossip | Message::Transfer => {}
            Message::Sync { digest, is_answer } => self.on_sync(&from, digest, is_answer, outbox),
        }
    }

    fn on_leave(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Leaving(_)) {
            self.phase = Phase::Leaving(LEAVE_ROUNDS);
            self.gossip_at = now;
            let left = Update::Left(self.me.clone());
            self.spread(&left);
        }
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if let Phase::Leaving(rounds) = self.phase {
            return self.say_farewell(now, rounds, outbox);
        }
        self.judge(now, outbox);
        self.ask_others(now, outbox);
        self.send_nacks(now, outbox);
        self.start_period(now, outbox);
        self.rejoin(now, outbox);
        self.sync(now, outbox);
        self.transfer(now, outbox);
        self.gossip(now, outbox);
    }

    fn say_farewell(&mut self, now: Duration, rounds: u32, outbox: &mut Vec<Output>) {
        if now < self.gossip_at {
            return;
        }
        if rounds == 0 || self.members.up_len() == 0 {
            self.phase = Phase::Left;
            outbox.push(Output::Left);
            return;
        }
        let left = wire::encode(&Update::Left(self.me.clone()));
        for to in self.members.pick(GOSSIP_FANOUT, None, &mut self.random) {
            let mut datagram = wire::begin(&self.me, &Message::Gossip);
            datagram.extend_from_slice(&left);
            self.post(to.address, datagram, outbox);
        }
        self.phase = Phase::Leaving(rounds - 1);
        self.gossip_at = now + LEAVE_PAUSE;
    }

    fn gossip(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if now < self.gossip_at || self.news.is_empty() {
            return;
        }
        self.gossip_at = now + self.config.gossip_interval;
        for to in self.members.pick(GOSSIP_FANOUT, None, &mut self.random) {
            self.send(&to, &Message::Gossip, outbox);
        }
    }

    /// A node that did not run for a while would judge by what it could not hear. What is due is put
    /// off by as long as it was away, so that it first reads what waits for it.
    fn notice_lateness(&mut self, now: Duration) {
        let late = self.due.map_or(Duration::ZERO, |due| now.saturating_sub(due));
        if late < self.config.probe_timeout || !self.health.is_on() {
            return;
        }
        self.metrics.late += 1;
        self.health.worsen(1);
        for suspicion in self.suspicions.values_mut() {
            suspicion.postpone(late);
        }
        if let Some(probe) = &mut self.probe {
            probe.postpone(late);
        }
        self.period_at += late;
        for at in [&mut self.rejoin_at, &mut self.sync_at, &mut self.gossip_at] {
            *at = (*at).max(now);
        }
        self.transfer_at = self.transfer_at.max(now);
    }

    /// Sends a message with what is known against its receiver, and with as much news as fits.
    fn send(&mut self, to: &Fact, message: &Message, outbox: &mut Vec<Output>) {
        let mut datagram = wire::begin(&self.me, message);
        let bytes_max = DATAGRAM_BYTES_MAX - TAG_BYTES;
        if let Some(against) = self.charge(&to.member.node) {
            let bytes = wire::encode(&against);
            if datagram.len() + bytes.len() <= bytes_max {
                datagram.extend_from_slice(&bytes);
            }
        }
        self.news.fill(&mut datagram, bytes_max, self.members.up_len() + 1);
        self.post(to.address.clone(), datagram, outbox);
    }

    fn post(&mut self, to: Address, mut datagram: Vec<u8>, outbox: &mut Vec<Output>) {
        self.seal.seal(&mut datagram);
        self.metrics.sent += 1;
        self.metrics.sent_bytes += u64::try_from(datagram.len()).unwrap_or(0);
        outbox.push(Output::Send { to, bytes: datagram });
    }
}
