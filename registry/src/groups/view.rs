//! The members of all groups, to be read by anyone without an actor.

use std::collections::BTreeSet;
use std::sync::Arc;

use dashmap::DashMap;
use starlings_runtime::AnyPid;

use crate::key::Key;

#[derive(Debug, Default)]
pub(super) struct View(DashMap<Key, Group, foldhash::fast::RandomState>);

#[derive(Debug, Default)]
struct Group {
    pids: BTreeSet<AnyPid>,
    /// The same as a list, made by the first read after a change.
    list: Option<Arc<[AnyPid]>>,
}

impl View {
    pub(super) fn insert(&self, group: &Key, pid: AnyPid) {
        let mut entry = self.0.entry(group.clone()).or_default();
        entry.pids.insert(pid);
        entry.list = None;
    }

    pub(super) fn remove(&self, group: &Key, pid: &AnyPid) {
        if let Some(mut entry) = self.0.get_mut(group) {
            entry.pids.remove(pid);
            entry.list = None;
        }
        self.0.remove_if(group, |_, entry| entry.pids.is_empty());
    }

    pub(super) fn members(&self, group: &str) -> Arc<[AnyPid]> {
        let Ok(group) = Key::new(group) else {
            return Arc::default();
        };
        if let Some(entry) = self.0.get(&group)
            && let Some(list) = &entry.list
        {
            return Arc::clone(list);
        }
        match self.0.get_mut(&group) {
            Some(mut entry) => {
                let list: Arc<[AnyPid]> = entry.pids.iter().cloned().collect();
                entry.list = Some(Arc::clone(&list));
                list
            }
            None => Arc::default(),
        }
    }
}
