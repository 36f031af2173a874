//! On which node a child is started.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::error::SpawnError;
use crate::identity::{NodeId, NodeInstance};
use crate::node::Node;
use crate::panics::spared;

/// Where a child is started. It is asked at each start, so when the node of a child goes, the child
/// is restarted where its placement then says.
#[derive(Clone)]
#[non_exhaustive]
pub enum Placement {
    /// On the supervisor's own node.
    Here,
    /// On the first of these that is connected and not shutting down, or is the supervisor's own. If
    /// none is, the first that is not known to shut down is tried, and then the first.
    FirstOf(Vec<NodeId>),
    /// On any connected node, the supervisor's own included, that knows the type: the one with the
    /// fewest children of this supervisor; of several the supervisor's own, then the first by name.
    Spread,
    /// On the node that a function chooses among those that know the type: see
    /// [`Placement::choose`].
    Choose(Choice),
}

/// A node that could hold a child: connected and not known to shut down, or the supervisor's own, and
/// it knows the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which node.
    pub node: NodeId,
    /// Whether it is the supervisor's own.
    pub is_own: bool,
    /// How many placed children of the supervisor are there.
    pub children: usize,
}

/// A function that chooses a node.
#[derive(Clone)]
pub struct Choice(Arc<Choose>);

type Choose = dyn Fn(&[Candidate]) -> Option<NodeId> + Send + Sync;

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("Here"),
            Self::FirstOf(nodes) => f.debug_tuple("FirstOf").field(nodes).finish(),
            Self::Spread => f.write_str("Spread"),
            Self::Choose(_) => f.write_str("Choose"),
        }
    }
}

impl Placement {
    /// A placement by a function of the candidates, which come by name. `None`, or a panic in it, is
    /// a start that fails with `NoPlace`. It is called by the supervisor and should be quick.
    pub fn choose(
        function: impl Fn(&[Candidate]) -> Option<NodeId> + Send + Sync + 'static,
    ) -> Self {
        Self::Choose(Choice(Arc::new(function)))
    }

    /// The node for the next start of a child of type `type_name`.
    pub(super) fn find(
        &self,
        node: &Node,
        type_name: &str,
        placed: &Placed,
    ) -> Result<NodeId, SpawnError> {
        let own = node.name();
        let none = || SpawnError::NoPlace { name: type_name.to_owned() };
        let found = match self {
            Self::Here => Some(own.clone()),
            Self::FirstOf(places) => {
                let stays = |place: &&NodeId| !placed.is_leaving(node, place);
                let reachable = |place: &&NodeId| {
                    *place == own || (node.connected_instance(place).is_some() && stays(place))
                };
                let found = places.iter().find(reachable).or_else(|| places.iter().find(stays));
                found.or_else(|| places.first()).cloned()
            }
            Self::Spread => {
                let candidates = candidates(node, type_name, placed);
                let fewest = candidates.iter().min_by_key(|one| (one.children, !one.is_own));
                fewest.map(|one| one.node.clone())
            }
            Self::Choose(Choice(function)) => {
                let candidates = candidates(node, type_name, placed);
                spared(|| function(&candidates)).unwrap_or_default()
            }
        };
        found.ok_or_else(none)
    }
}

fn candidates(node: &Node, type_name: &str, placed: &Placed) -> Vec<Candidate> {
    let own = node.name();
    let mut nodes = node.nodes();
    nodes.push(own.clone());
    nodes.sort();
    let knows = |place: &NodeId| {
        node.types_of(place).is_some_and(|types| types.iter().any(|known| known == type_name))
    };
    nodes.retain(|place| knows(place) && !placed.is_leaving(node, place));
    let candidate = |place: NodeId| Candidate {
        is_own: place == *own,
        children: placed.count(&place),
        node: place,
    };
    nodes.into_iter().map(candidate).collect()
}

/// Where a child is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) node: NodeId,
    /// Which life of that node, if it was connected when the child was started.
    pub(super) instance: Option<NodeInstance>,
}

/// How many children of a supervisor are on each node, and which nodes take no more.
#[derive(Debug, Default)]
pub(super) struct Placed {
    counts: BTreeMap<NodeId, usize>,
    /// Who said that it is shutting down: no more than are connected.
    leaving: BTreeSet<NodeInstance>,
}

impl Placed {
    pub(super) fn count(&self, node: &NodeId) -> usize {
        self.counts.get(node).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, node: NodeId) {
        *self.counts.entry(node).or_default() += 1;
    }

    pub(super) fn remove(&mut self, node: &NodeId) {
        if let Some(count) = self.counts.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(node);
            }
        }
    }

    /// A node said that it is shutting down. That holds until it is gone, or is another instance.
    pub(super) fn note_leaving(&mut self, node: &Node, instance: NodeInstance) {
        let is_connected =
            |one: &NodeInstance| node.connected_instance(&one.node).as_ref() == Some(one);
        self.leaving.retain(is_connected);
        self.leaving.insert(instance);
    }

    pub(super) fn is_leaving(&self, node: &Node, place: &NodeId) -> bool {
        let instance = || node.connected_instance(place);
        !self.leaving.is_empty() && instance().is_some_and(|one| self.leaving.contains(&one))
    }
}
