//! Who goes on with its handshake when more connect than there are places for.
//!
//! Whoever reaches the port takes a place before it has proven anything, so all of them can be taken by
//! strangers that say nothing, or little. When they are, a new one takes the place of another: of the
//! source that has most places, the one that has had its own for longest. A node that dials has one at
//! a time, so a single source keeps nobody out; many sources keep others out only by connecting faster
//! than all places can be had for [`SPARED`].
//!
//! Nobody gives way at once: a cluster that comes back all together is more than the places too, and
//! each of its nodes is through in a few milliseconds if it may stay. Who has proven itself stays.
//!
//! Invariant: at most as many places are held as there are. What this does not do: close connections,
//! or end handshakes that take too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How long a place is kept at least by a source with one. Two round trips to the other side of the
/// world.
pub const SPARED: Duration = Duration::from_millis(500);

/// How long it is kept at least by a source with several. A handshake within a data centre takes a
/// tenth of it; 256 places are then given to 12,800 strangers a second.
pub const SPARED_OF_MANY: Duration = Duration::from_millis(20);

/// The places of one listener.
#[derive(Debug)]
pub struct Places {
    places_max: usize,
    /// In the order in which they came.
    held: BTreeMap<u64, Held>,
    /// Of each source, those that have not proven themselves.
    sources: BTreeMap<String, BTreeSet<u64>>,
    entered: u64,
}

#[derive(Debug)]
struct Held {
    source: String,
    since: Duration,
}

/// Whether there is room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Somebody may enter.
    Now,
    /// From then on, by the time alone.
    At(Duration),
    /// Only when somebody has left: all have proven themselves.
    None,
}

/// A place that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Of the place.
    pub number: u64,
    /// Whose place it was. That one is to be closed, and has left.
    pub gives_way: Option<u64>,
}

impl Places {
    /// So many places, which nobody has.
    #[must_use]
    pub const fn new(places_max: usize) -> Self {
        Self { places_max, held: BTreeMap::new(), sources: BTreeMap::new(), entered: 0 }
    }

    /// How many places are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether this place is held.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        self.held.contains_key(&number)
    }

    /// Whether somebody may enter.
    #[must_use]
    pub fn room(&self, now: Duration) -> Room {
        if self.held.len() < self.places_max {
            return Room::Now;
        }
        match self.next_to_go() {
            Some((at, _)) if at <= now => Room::Now,
            Some((at, _)) => Room::At(at),
            None => Room::None,
        }
    }

    /// Somebody comes. `None` if there is no room now.
    pub fn enter(&mut self, now: Duration, source: &str) -> Option<Entered> {
        let mut gives_way = None;
        if self.held.len() >= self.places_max {
            let (_, number) = self.next_to_go().filter(|(at, _)| *at <= now)?;
            self.leave(number);
            gives_way = Some(number);
        }
        let number = self.entered;
        self.entered += 1;
        self.held.insert(number, Held { source: source.to_owned(), since: now });
        self.sources.entry(source.to_owned()).or_default().insert(number);
        Some(Entered { number, gives_way })
    }

    /// Who has this place has proven itself, and gives way to nobody. Of no effect if it has left.
    pub fn prove(&mut self, number: u64) {
        if let Some(held) = self.held.get(&number)
            && let Some(unproven) = self.sources.get_mut(&held.source)
        {
            unproven.remove(&number);
            if unproven.is_empty() {
                self.sources.remove(&held.source);
            }
        }
    }

    /// Who had this place is through, or gone. Of no effect if it has left.
    pub fn leave(&mut self, number: u64) {
        self.prove(number);
        self.held.remove(&number);
    }

    /// Who gives way first, and from when on.
    fn next_to_go(&self) -> Option<(Duration, u64)> {
        let oldest = |of: &BTreeSet<u64>| Some((of.len(), std::cmp::Reverse(*of.first()?)));
        let (len, oldest) = self.sources.values().filter_map(oldest).max()?;
        let spared = if len > 1 { SPARED_OF_MANY } else { SPARED };
        Some((self.held.get(&oldest.0)?.since + spared, oldest.0))
    }
}
