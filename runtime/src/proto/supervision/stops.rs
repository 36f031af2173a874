//! Stops that are under way: who is asked to stop, who is killed for being late, and who is waited for
//! no longer.
//!
//! However many children are stopped at once, there is one deadline to ring at, and for each child an
//! entry here. That a child has ended is told by the driver, which watches it from before it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::children::ChildKey;
use super::rules::Shutdown;
use crate::pid::AnyPid;

/// How long a killed child is waited for: one that never awaits cannot be killed, and must not keep
/// its supervisor from stopping the others.
const KILL_TIME: Duration = Duration::from_secs(1);

/// Children whose time is up that are dealt with for one `Elapsed`; the deadline stays where it is while
/// there are more. Count. 1024: what comes out stays below 100 KiB.
const DUE_AT_ONCE: usize = 1024;

#[derive(Debug)]
pub(crate) enum StopInput {
    /// This child is to stop. It is watched, and its end will be told.
    Asked { key: ChildKey, pid: AnyPid, shutdown: Shutdown },
    /// Somebody who is watched has ended.
    Ended(AnyPid),
    /// The deadline has come.
    Elapsed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopOutput {
    /// It is asked to stop, with `Shutdown`.
    Ask { pid: AnyPid },
    /// It is killed; late if it was asked before.
    Kill { key: ChildKey, pid: AnyPid, is_late: bool },
    /// It has ended, or is waited for no longer.
    Over { key: ChildKey, pid: AnyPid },
}

/// The stops of one supervisor: one for each child that it is stopping.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    under_way: BTreeMap<AnyPid, UnderWay>,
    /// Whose time is up when: of those that have not all the time they want.
    due: BTreeSet<(Duration, AnyPid)>,
}

#[derive(Debug)]
struct UnderWay {
    key: ChildKey,
    due: Option<Duration>,
    is_killed: bool,
}

impl Stops {
    /// Takes one event at `now`, a time that never goes back.
    pub(crate) fn handle(&mut self, now: Duration, input: StopInput, outbox: &mut Vec<StopOutput>) {
        match input {
            StopInput::Asked { key, pid, shutdown } => {
                self.on_asked(now, key, pid, shutdown, outbox);
            }
            StopInput::Ended(pid) => self.on_ended(pid, outbox),
            StopInput::Elapsed => self.on_elapsed(now, outbox),
        }
    }

    /// When `Elapsed` is to be said.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    fn on_asked(
        &mut self,
        now: Duration,
        key: ChildKey,
        pid: AnyPid,
        shutdown: Shutdown,
        outbox: &mut Vec<StopOutput>,
    ) {
        let is_killed = shutdown == Shutdown::Brutal;
        let due = match shutdown {
            Shutdown::Brutal => Some(now.saturating_add(KILL_TIME)),
            Shutdown::After(time) => Some(now.saturating_add(time)),
            Shutdown::Infinity => None,
        };
        outbox.push(if is_killed {
            StopOutput::Kill { key, pid: pid.clone(), is_late: false }
        } else {
            StopOutput::Ask { pid: pid.clone() }
        });
        self.due.extend(due.map(|at| (at, pid.clone())));
        self.under_way.insert(pid, UnderWay { key, due, is_killed });
    }

    fn on_ended(&mut self, pid: AnyPid, outbox: &mut Vec<StopOutput>) {
        // One that could not be killed may end at last when nobody waits for it.
        let Some((pid, UnderWay { key, due, .. })) = self.under_way.remove_entry(&pid) else {
            return;
        };
        if let Some(at) = due {
            self.due.remove(&(at, pid.clone()));
        }
        outbox.push(StopOutput::Over { key, pid });
    }

    fn on_elapsed(&mut self, now: Duration, outbox: &mut Vec<StopOutput>) {
        for _ in 0..DUE_AT_ONCE {
            if self.deadline().is_none_or(|at| at > now) {
                return;
            }
            let Some((_, pid)) = self.due.pop_first() else { return };
            match self.under_way.get_mut(&pid) {
                Some(UnderWay { key, due, is_killed: is_killed @ false }) => {
                    let at = now.saturating_add(KILL_TIME);
                    (*due, *is_killed) = (Some(at), true);
                    outbox.push(StopOutput::Kill { key: *key, pid: pid.clone(), is_late: true });
                    self.due.insert((at, pid));
                }
                Some(UnderWay { due, .. }) => {
                    *due = None;
                    self.on_ended(pid, outbox);
                }
                None => {}
            }
        }
    }
}
