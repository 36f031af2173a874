//! What the supervisor of a trace is made of.

use std::time::Duration;

use super::super::super::{
    AutoShutdown, Backoff, ChildRules, Intensity, Restart, Rules, Shutdown, Strategy,
};
use super::log::{Attempt, Name};
use super::random::Random;
use crate::identity::{Incarnation, NodeId, NodeInstance};
use crate::pid::AnyPid;

const SECOND: Duration = Duration::from_secs(1);

/// Ids that children of a trace have; dynamic ones have names without an end.
pub(super) const POOL: usize = 5;

/// Requests that may wait where few may.
pub(super) const REQUESTS_TIGHT: usize = 2;

/// Nodes of a trace: the supervisor's own, and others.
const NODES: [&str; 3] = ["a@h", "b@h", "c@h"];

#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: Name,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) significant: bool,
    pub(super) backoff: Option<Backoff>,
}

/// What a supervisor is made of, in a trace.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) strategy: Strategy,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) restarts: usize,
    pub(super) period: Duration,
    pub(super) children: Vec<Spec>,
    pool: Vec<Spec>,
    pub(super) fails_one_in: usize,
    /// Whether all that is under way is done before the next thing happens, under a strategy where
    /// it need not be.
    pub(super) one_by_one: bool,
    pub(super) children_max: Option<usize>,
    /// Requests that may wait.
    pub(super) requests_max: usize,
    /// Where children are started, the supervisor's own node first.
    pub(super) nodes: Vec<NodeInstance>,
    salt: u64,
}

impl Setup {
    pub(super) fn random(strategy: Strategy, random: &mut Random) -> Self {
        let never = AutoShutdown::Never;
        let all = [never, never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto_shutdown = random.pick(&all);
        let pool = (0..POOL as u64).map(|name| Spec {
            name,
            restart: random.pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]),
            shutdown: random.pick(&[Shutdown::Brutal, Shutdown::After(SECOND), Shutdown::Infinity]),
            significant: random.one_in(3),
            backoff: random
                .one_in(5)
                .then(|| Backoff::new(SECOND, 3 * SECOND).jitter(0.0).reset_after(2 * SECOND)),
        });
        let pool: Vec<_> = pool.collect();
        let dynamic = strategy == Strategy::Dynamic;
        let count = if dynamic { 0 } else { random.below(POOL) };
        let mut children = pool[..count].to_vec();
        for spec in &mut children {
            spec.significant &= auto_shutdown != never && spec.restart != Restart::Permanent;
        }
        let tight = random.one_in(2);
        let instance =
            |node: &&str| NodeInstance { node: node.parse().unwrap(), incarnation: Incarnation(1) };
        Self {
            strategy,
            auto_shutdown,
            children_max: random.one_in(3).then(|| count + random.below(3)),
            requests_max: if tight { random.below(REQUESTS_TIGHT + 1) } else { 1000 },
            nodes: NODES[..=random.below(NODES.len())].iter().map(instance).collect(),
            salt: random.next(),
            restarts: random.below(8),
            period: 5 * SECOND,
            children,
            pool,
            fails_one_in: 4 + random.below(16),
            one_by_one: !strategy.is_grouped() && random.one_in(2),
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let intensity = Intensity { restarts: self.restarts, period: self.period };
        let (strategy, auto_shutdown) = (self.strategy, self.auto_shutdown);
        Rules { strategy, intensity, auto_shutdown, children_max: self.children_max }
    }

    /// The place of the node on which this life of a child is started: 0 is the supervisor's own.
    pub(super) fn place(&self, name: Name, attempt: Attempt) -> usize {
        Random(self.salt ^ (name << 32) ^ u64::from(attempt)).below(self.nodes.len())
    }

    pub(super) fn node(&self, place: usize) -> NodeId {
        self.nodes[place].node.clone()
    }

    /// The pid of one life of a child.
    pub(super) fn life(&self, name: Name, attempt: Attempt) -> AnyPid {
        let instance = self.nodes[self.place(name, attempt)].clone();
        AnyPid::unbound(instance, 1000 * (name + 1) + u64::from(attempt))
    }

    /// What a child with this name is asked to be when it is added.
    pub(super) fn pool(&self, name: Name) -> Spec {
        Spec { name, ..self.pool[(name % POOL as u64) as usize].clone() }
    }
}

pub(super) fn rules(spec: &Spec, strategy: Strategy) -> ChildRules {
    ChildRules {
        id: (strategy != Strategy::Dynamic).then(|| spec.name.to_string().into()),
        restart: spec.restart,
        shutdown: spec.shutdown,
        significant: spec.significant,
        is_supervisor: false,
        backoff: spec.backoff.map(Box::new),
    }
}
