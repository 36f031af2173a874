//! What lies between the nodes: delays, losses, rules that cut, and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starlings_runtime::NodeInstance;

use super::random::Random;

/// How the paths behave when no rule cuts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weather {
    /// Shortest way from node to node.
    pub latency_min: Duration,
    /// Longest way from node to node.
    pub latency_max: Duration,
    /// Messages in order within a session, or the session ends. If not, each message takes its own
    /// way: late, twice, never, even after the session it was sent in.
    pub ordered: bool,
    /// Lost messages in a thousand. Only if not `ordered`.
    pub loss_permille: u32,
    /// Doubled messages in a thousand. Only if not `ordered`.
    pub duplication_permille: u32,
    /// Whether the machines are told of sessions (`NodeUp`, `NodeDown`).
    pub announced: bool,
    /// Longest time until a node finds that a session has ended.
    pub detection_max: Duration,
}

impl Weather {
    /// Sessions as the transport promises them.
    #[must_use]
    pub fn sessions(random: &mut Random) -> Self {
        Self {
            latency_min: Duration::from_micros(100),
            latency_max: Duration::from_millis(1 + random.below(80)),
            ordered: true,
            loss_permille: 0,
            duplication_permille: 0,
            announced: true,
            detection_max: Duration::from_millis(1 + random.below(3_000)),
        }
    }

    /// Worse than the transport promises: sessions are announced, but messages go their own ways.
    #[must_use]
    pub fn lossy(random: &mut Random) -> Self {
        Self {
            latency_max: Duration::from_millis(1 + random.below(2_000)),
            ordered: false,
            loss_permille: u32::try_from(random.below(300)).unwrap_or(0),
            duplication_permille: u32::try_from(random.below(200)).unwrap_or(0),
            ..Self::sessions(random)
        }
    }

    /// Datagrams and nothing else: nobody is told of sessions.
    #[must_use]
    pub fn datagrams(random: &mut Random) -> Self {
        Self { announced: false, ..Self::lossy(random) }
    }
}

/// What a rule says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes its way, whatever later rules say.
    Pass,
    /// It is gone, and a session on that path ends.
    Cut,
}

/// One rule; of the rules of a world the first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Senders it is about.
    pub from: BTreeSet<usize>,
    /// Receivers it is about.
    pub to: BTreeSet<usize>,
    /// What it says.
    pub verdict: Verdict,
}

/// One session of a pair of nodes; side 0 is the node with the lower index.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    /// Whose session it is.
    pub(super) lives: [NodeInstance; 2],
    /// When each side learns of it.
    pub(super) up_at: [Duration; 2],
    pub(super) up: [bool; 2],
    /// Nothing can be sent in it, but what is under way may still arrive.
    pub(super) ended: bool,
    /// Whether each side knows of the end.
    pub(super) told: [bool; 2],
    /// When the last message towards each side arrives.
    pub(super) last_arrival: [Duration; 2],
}

impl Session {
    /// Whether `side` can send in it.
    fn is_open(&self, side: usize) -> bool {
        !self.ended && self.up.get(side) == Some(&true)
    }
}

/// The paths of a world.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) weather: Weather,
    pub(super) rules: Vec<Rule>,
    pub(super) sessions: BTreeMap<(usize, usize), Session>,
    pub(super) sessions_made: u64,
}

/// The pair's name, and on which side of it `of` is.
pub(super) fn pair(of: usize, other: usize) -> ((usize, usize), usize) {
    if of < other { ((of, other), 0) } else { ((other, of), 1) }
}

impl Paths {
    pub(super) fn new(weather: Weather) -> Self {
        Self { weather, rules: Vec::new(), sessions: BTreeMap::new(), sessions_made: 0 }
    }

    /// Whether a rule cuts the way from one node to another.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.rules
            .iter()
            .find(|rule| rule.from.contains(&from) && rule.to.contains(&to))
            .is_some_and(|rule| rule.verdict == Verdict::Cut)
    }

    /// Whether a session between the two can be made and kept.
    pub(super) fn is_whole(&self, (low, high): (usize, usize)) -> bool {
        !self.is_cut(low, high) && !self.is_cut(high, low)
    }

    /// When a message sent at `now` arrives: not at all, once, or twice.
    pub(super) fn arrivals(
        &mut self,
        now: Duration,
        (from, to): (usize, usize),
        random: &mut Random,
    ) -> Vec<(Duration, Option<u64>)> {
        let (least, most) = (self.weather.latency_min, self.weather.latency_max);
        let arrival = now + random.between(least, most);
        if !self.weather.ordered {
            let lost = random.chance(self.weather.loss_permille);
            let doubled = random.chance(self.weather.duplication_permille);
            let again = now + random.between(least, most * 4);
            return match (lost || self.is_cut(from, to), doubled) {
                (true, _) => Vec::new(),
                (false, false) => vec![(arrival, None)],
                (false, true) => vec![(arrival, None), (again, None)],
            };
        }
        let (key, side) = pair(to, from);
        let Some(session) = self.sessions.get_mut(&key).filter(|s| s.is_open(1 - side)) else {
            return Vec::new();
        };
        let [low, high] = &mut session.last_arrival;
        let last = if side == 0 { low } else { high };
        let [low_up, high_up] = session.up_at;
        let up_at = if side == 0 { low_up } else { high_up };
        *last = arrival.max(*last).max(up_at);
        vec![(*last, Some(session.number))]
    }
}
