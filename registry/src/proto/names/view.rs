//! Which of the claims to each name is the greatest.

use std::collections::BTreeMap;

use starlings_runtime::{AnyPid, NodeInstance};

use crate::key::{Key, Metadata};
use crate::proto::replication::Changed;
use crate::wire::Claim;

/// Who has a name.
///
/// Ordered claims: the greater `order` wins, and between equals the greater pid (node name, then
/// incarnation, then serial). No clock takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The pid.
    pub pid: AnyPid,
    /// The order of its claim.
    pub order: u64,
    /// Whom it was taken from on purpose.
    pub replaces: Option<AnyPid>,
    /// What the owner has attached.
    pub metadata: Metadata,
}

impl Owner {
    fn new(node: NodeInstance, claim: Claim) -> Self {
        let Claim { order, serial, replaces, metadata } = claim;
        Self { pid: AnyPid::unbound(node, serial), order, replaces, metadata }
    }

    fn beats(&self, other: &Self) -> bool {
        (self.order, &self.pid) > (other.order, &other.pid)
    }
}

/// The claims of all connected nodes.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Of each name the greatest claim first, and then those it beats: seldom any.
    claims: BTreeMap<Key, (Owner, Vec<Owner>)>,
}

impl View {
    pub(super) fn owner(&self, name: &Key) -> Option<&Owner> {
        self.claims.get(name).map(|(owner, _)| owner)
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = (&Key, &Owner)> {
        self.claims.iter().map(|(name, (owner, _))| (name, owner))
    }

    /// Takes a change of a claim, and returns the owner before and after if they differ.
    pub(super) fn apply(
        &mut self,
        changed: Changed<Key, Claim>,
    ) -> Option<(Option<Owner>, Option<Owner>)> {
        let Changed { owner: node, key: name, after, .. } = changed;
        let (before, mut claims) = match self.claims.remove(&name) {
            None => (None, Vec::new()),
            Some((owner, mut others)) => {
                let before = owner.clone();
                others.push(owner);
                (Some(before), others)
            }
        };
        claims.retain(|claim| *claim.pid.instance() != node);
        claims.extend(after.map(|claim| Owner::new(node, claim)));
        let mut greatest: Option<Owner> = None;
        let mut others = Vec::new();
        for claim in claims {
            match greatest.take() {
                Some(owner) if owner.beats(&claim) => {
                    others.push(claim);
                    greatest = Some(owner);
                }
                Some(owner) => {
                    others.push(owner);
                    greatest = Some(claim);
                }
                None => greatest = Some(claim),
            }
        }
        if let Some(owner) = greatest.clone() {
            self.claims.insert(name, (owner, others));
        }
        (before != greatest).then_some((before, greatest))
    }
}
