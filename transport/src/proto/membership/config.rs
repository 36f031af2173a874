//! How often things are done, and how long they may take.

use std::time::Duration;

/// The times of one member. The same on all nodes of a cluster, or close to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// How often one other member is probed. 1 ms and more. Larger finds crashes later, smaller
    /// costs a ping and an ack each. 1 s, as in SWIM and memberlist.
    pub probe_interval: Duration,
    /// How long a direct ping may take before others are asked to ping too. Above the round trip of
    /// most pings, and at most half of `probe_interval`: what is left of that is for the others.
    /// 500 ms.
    pub probe_timeout: Duration,
    /// How often news are spread, while there are any. Smaller spreads faster and costs more. 200 ms.
    pub gossip_interval: Duration,
    /// The least time of a suspicion is this, times the decimal logarithm of the number of members
    /// (at least 1), times `probe_interval`. Larger gives the suspected more time to refute. 4.
    pub suspicion_factor: u32,
    /// The longest time of a suspicion, that with one accuser, as a multiple of the least. 6.
    pub suspicion_max_factor: u32,
    /// How often a member compares its table with that of another one, in a cluster of up to 32; more
    /// members do it more seldom. For that long a member that has just started does it once per
    /// `rejoin_interval`: its news may have got lost among few. Smaller repairs what gossip missed sooner. 30 s.
    pub sync_interval: Duration,
    /// How often, on average, a member that is down is asked by the whole cluster whether it is back,
    /// and by each node an absent seed. Smaller heals partitions sooner. 5 s.
    pub rejoin_interval: Duration,
    /// How long members that are down are remembered. Larger heals longer partitions without a seed,
    /// and takes memory, up to [`super::DOWN_MAX`] members. 24 h.
    pub down_memory: Duration,
    /// Which parts are on. All; simulations turn one off to see what it gives.
    pub parts: Parts,
}

/// The parts beyond plain SWIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts {
    /// A member that finds itself slow takes more time for its probes.
    pub local_health: bool,
    /// A suspicion is long with one accuser, and shorter with each further one. Without it each is as
    /// short as with all of them.
    pub dynamic_suspicion: bool,
    /// Whoever writes to a suspected member says so in the same datagram.
    pub buddy: bool,
    /// Some of those who hear of a suspicion ping the suspected at once.
    pub vouching: bool,
    /// Whoever is about to come to a verdict pings the suspected itself before.
    pub last_call: bool,
    /// In a cluster of three and more, one accuser is not enough, unless it hears nobody at all.
    pub two_accusers: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            gossip_interval: Duration::from_millis(200),
            suspicion_factor: 4,
            suspicion_max_factor: 6,
            sync_interval: Duration::from_secs(30),
            rejoin_interval: Duration::from_secs(5),
            down_memory: Duration::from_secs(24 * 60 * 60),
            parts: Parts::default(),
        }
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            local_health: true,
            dynamic_suspicion: true,
            buddy: true,
            vouching: true,
            last_call: true,
            two_accusers: true,
        }
    }
}

impl Config {
    /// The least and the longest time of a suspicion among `members`.
    pub(super) fn suspicion(&self, members: usize) -> (Duration, Duration) {
        let least = self.probe_interval * self.suspicion_factor;
        let least = least.mul_f64(decades(members).max(1.0));
        (least, least * self.suspicion_max_factor)
    }

    /// How many accusers a verdict takes among `members`. With two members there is nobody else to
    /// accuse.
    pub(super) fn accusers_min(&self, members: usize) -> usize {
        if members >= 3 && self.parts.two_accusers { 2 } else { 1 }
    }

    /// How often tables are compared among `members`: what is exchanged grows with them.
    pub(super) fn sync_every(&self, members: usize) -> Duration {
        let scale = (members / SYNC_SCALE_FROM).checked_ilog2().map_or(1, |log| log + 1);
        self.sync_interval * scale
    }
}

/// Members above which tables are compared more seldom, as in memberlist.
const SYNC_SCALE_FROM: usize = 32;

/// How often each piece of news is sent on, by each member: this, times the decimal logarithm of the
/// number of members, rounded up. 4, as in memberlist: at 1000 members, 12 times to random others, so
/// that one is missed with a chance of e^-12, and then repaired by the next sync.
const RETRANSMIT_FACTOR: u32 = 4;

/// How often a piece of news is sent on among `members`.
pub(super) fn retransmits(members: usize) -> u32 {
    let mut rounded_up = 1;
    let mut reach = 10;
    while members + 1 > reach {
        reach = reach.saturating_mul(10);
        rounded_up += 1;
    }
    RETRANSMIT_FACTOR * rounded_up
}

fn decades(members: usize) -> f64 {
    f64::from(u32::try_from(members).unwrap_or(u32::MAX)).log10()
}
