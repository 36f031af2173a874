//! The actor that monitors actors of the other node.

use std::collections::{BTreeMap, BTreeSet};

use starlings::prelude::*;
use starlings::{AnyPid, MonitorRef};
use starlings_tests::faults::{TieEnd, TieId, WatchLog};

/// What it is registered as.
pub(crate) const WATCHER: &str = "watcher";

/// Of monitors that are open, so many are named. Count.
const NAMED_MAX: usize = 10;

/// Monitors what it is told to, and is told by the ends of pairs what they see.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    /// Whom, and whether the session that it was made in is known to have been there afterwards.
    open: BTreeMap<MonitorRef, (AnyPid, bool)>,
    ended: BTreeSet<MonitorRef>,
    ties: BTreeMap<(TieId, bool), TieEnd>,
    log: WatchLog,
}

#[actor]
impl Watcher {
    fn init(cx: &mut Cx<Self>) -> Self {
        cx.monitor_nodes();
        Self::default()
    }

    /// Monitors each of these once.
    #[call]
    fn watch(&mut self, pids: Vec<AnyPid>, cx: &mut Cx<Self>) -> Vec<MonitorRef> {
        self.log.made += pids.len() as u64;
        let mut made = Vec::new();
        for pid in pids {
            made.push(cx.monitor(&pid));
            self.open.extend(made.last().map(|monitor| (*monitor, (pid, false))));
        }
        made
    }

    /// The other node has answered since these were made. A monitor that is made when the session has
    /// ended, and its `NodeDown` waits here already, ends after that.
    #[call]
    fn settle(&mut self, made: Vec<MonitorRef>) {
        for monitor in made {
            if let Some((_, is_settled)) = self.open.get_mut(&monitor) {
                *is_settled = true;
            }
        }
    }

    #[call]
    fn log(&self) -> WatchLog {
        let ties = self.ties.iter().map(|((tie, _), end)| (*tie, end.clone()));
        let open = self.open.iter().take(NAMED_MAX);
        let open = open.map(|(monitor, (pid, _))| format!("{monitor:?} of {pid:?}"));
        WatchLog { ties: ties.collect(), open: open.collect(), ..self.log.clone() }
    }

    /// What one end of a pair has seen so far.
    #[cast]
    fn saw(&mut self, tie: TieId, end: TieEnd) {
        self.ties.insert((tie, end.is_maker), end);
    }

    #[info]
    fn down(&mut self, down: Down) {
        if self.open.remove(&down.monitor).is_none() {
            let again = if self.ended.contains(&down.monitor) { "again" } else { "of nobody's" };
            self.log.broken.push(format!("{down:?} {again}"));
            return;
        }
        self.ended.insert(down.monitor);
        self.log.ended += 1;
        *self.log.reasons.entry(format!("{:?}", down.reason)).or_default() += 1;
    }

    #[info]
    fn node(&mut self, event: NodeEvent) {
        let NodeEvent::Down { peer, reason, .. } = event else { return };
        let is_settled =
            |(pid, is_settled): &&(AnyPid, bool)| *is_settled && *pid.instance() == peer;
        let open: Vec<_> = self.open.values().filter(is_settled).map(|(pid, _)| pid).collect();
        if !open.is_empty() {
            let (count, named) = (open.len(), open.iter().take(NAMED_MAX).collect::<Vec<_>>());
            let what = format!("{peer:?} is down before {count} monitors have ended: of {named:?}");
            self.log.broken.push(what);
        }
        self.log.nodes_down.push(format!("{reason:?}"));
    }
}
