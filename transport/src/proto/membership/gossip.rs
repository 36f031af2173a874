//! News that is still to be told, the least told first.

use std::collections::BTreeMap;

use starlings_runtime::NodeId;

use super::config::retransmits;
use super::wire::{self, Update};

/// Pieces of news that wait to be told. Beyond that, new ones are only told by the member that they
/// come from, and found by syncs. 8192: as many as a half of the largest cluster makes when it comes
/// back at once.
pub const NEWS_MAX: usize = 8192;

/// What a piece of news is about: a later one about the same replaces it.
type About = (NodeId, Option<NodeId>);

/// Told how often, and the later the lower.
type Rank = (u32, u64);

#[derive(Debug, Default)]
pub(super) struct News {
    by_rank: BTreeMap<Rank, (About, Vec<u8>)>,
    ranks: BTreeMap<About, Rank>,
    added: u64,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.by_rank.is_empty()
    }

    /// Tells this from now on. `false`: there is too much.
    pub(super) fn add(&mut self, update: &Update) -> bool {
        let about = match update {
            Update::Suspect { member, accuser, .. } => (member.node.clone(), Some(accuser.clone())),
            Update::Up(fact) | Update::Down { fact, .. } | Update::Left(fact) => {
                self.drop_all(&fact.member.node);
                (fact.member.node.clone(), None)
            }
        };
        self.remove(&about);
        if self.ranks.len() >= NEWS_MAX {
            return false;
        }
        self.added += 1;
        let rank = (0, u64::MAX - self.added);
        self.by_rank.insert(rank, (about.clone(), wire::encode(update)));
        self.ranks.insert(about, rank);
        true
    }

    pub(super) fn tells_of(&self, node: &NodeId) -> bool {
        self.ranks.contains_key(&(node.clone(), None))
    }

    /// Appends to a datagram what fits into it, and counts it as told.
    pub(super) fn fill(&mut self, datagram: &mut Vec<u8>, bytes_max: usize, members: usize) {
        let limit = retransmits(members);
        let mut told = Vec::new();
        for (rank, (_, bytes)) in &self.by_rank {
            // The shortest update has more bytes than this.
            if datagram.len() + 8 > bytes_max {
                break;
            }
            if datagram.len() + bytes.len() <= bytes_max {
                datagram.extend_from_slice(bytes);
                told.push(*rank);
            }
        }
        for rank in told {
            let Some((about, bytes)) = self.by_rank.remove(&rank) else { continue };
            let (told, number) = (rank.0 + 1, rank.1);
            if told < limit {
                self.ranks.insert(about.clone(), (told, number));
                self.by_rank.insert((told, number), (about, bytes));
            } else {
                self.ranks.remove(&about);
            }
        }
    }

    /// What was said of a node is out of date.
    fn drop_all(&mut self, node: &NodeId) {
        let first = (node.clone(), None);
        let abouts = self.ranks.range(first..).take_while(|((about, _), _)| about == node);
        let abouts: Vec<_> = abouts.map(|(about, _)| about.clone()).collect();
        for about in abouts {
            self.remove(&about);
        }
    }

    fn remove(&mut self, about: &About) {
        if let Some(rank) = self.ranks.remove(about) {
            self.by_rank.remove(&rank);
        }
    }
}
