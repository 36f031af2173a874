//! Between the map's dots and those of a message, which share a table of replicas.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::Stamp;
use super::dots::{Context, Dot, Replica};
use super::map::{KeyDelta, Write};
use crate::wire::{Changes, DotRef, Dots, KeyChange, ReplicaId, Written};

/// The table of a message that is being built.
#[derive(Default)]
struct Table {
    indices: BTreeMap<Replica, u16>,
    replicas: Vec<ReplicaId>,
}

impl Table {
    /// Messages hold far fewer than 65,536 dots, so an index is always free.
    fn dot(&mut self, dot: &Dot) -> DotRef {
        if let Some(index) = self.indices.get(&dot.replica) {
            return (*index, dot.counter);
        }
        let index = u16::try_from(self.replicas.len()).unwrap_or(u16::MAX);
        self.replicas.push((*dot.replica).clone());
        self.indices.insert(Arc::clone(&dot.replica), index);
        (index, dot.counter)
    }
}

pub(super) fn to_dots<'a>(dots: impl IntoIterator<Item = &'a Dot>) -> Dots {
    let mut table = Table::default();
    let dots = dots.into_iter().map(|dot| table.dot(dot)).collect();
    Dots { replicas: table.replicas, dots }
}

/// Dots outside the table are left out.
pub(super) fn from_dots(dots: Dots, known: &Context) -> Vec<Dot> {
    let replicas: Vec<_> = dots.replicas.into_iter().map(|id| known.intern(id)).collect();
    dots.dots.into_iter().filter_map(|dot| lookup(&replicas, dot)).collect()
}

pub(super) fn to_changes(deltas: &[KeyDelta]) -> Changes {
    let mut table = Table::default();
    let keys = deltas.iter().map(|delta| KeyChange {
        key: Arc::clone(&delta.key),
        writes: delta
            .writes
            .iter()
            .map(|write| Written {
                dot: table.dot(&write.dot),
                stamp: write.stamp.0,
                expires_ms: write.expires_ms,
                value: Arc::clone(&write.value),
            })
            .collect(),
        gone: delta.gone.iter().map(|dot| table.dot(dot)).collect(),
    });
    let keys = keys.collect();
    Changes { replicas: table.replicas, keys }
}

/// Writes and removals with dots outside the table are left out.
pub(super) fn from_changes(changes: Changes, known: &Context) -> Vec<KeyDelta> {
    let replicas: Vec<_> = changes.replicas.into_iter().map(|id| known.intern(id)).collect();
    let delta = |change: KeyChange| KeyDelta {
        key: change.key,
        writes: change.writes.into_iter().filter_map(|written| write(&replicas, written)).collect(),
        gone: change.gone.into_iter().filter_map(|dot| lookup(&replicas, dot)).collect(),
    };
    changes.keys.into_iter().map(delta).collect()
}

fn write(replicas: &[Replica], written: Written) -> Option<Write> {
    let Written { dot, stamp, expires_ms, value } = written;
    Some(Write { dot: lookup(replicas, dot)?, stamp: Stamp(stamp), expires_ms, value })
}

fn lookup(replicas: &[Replica], (index, counter): DotRef) -> Option<Dot> {
    let replica = Arc::clone(replicas.get(usize::from(index))?);
    Some(Dot { replica, counter })
}
