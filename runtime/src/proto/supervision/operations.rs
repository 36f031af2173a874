//! Operations: series of stops and starts, one after another, on the track of a child or of all.

use std::collections::VecDeque;
use std::time::Duration;

use super::children::{ChildKey, Life};
use super::departures::lost_with;
use super::ending::{EndCause, Phase};
use super::rules::{ChildRules, Strategy};
use super::tracks::{Operation, Purpose, Request, TrackKey, Whom, Work};
use super::{Answer, Outbox, Output, State};
use crate::error::SpawnError;
use crate::pid::AnyPid;
use crate::reason::ExitReason;

impl State {
    pub(super) fn on_begin(
        &mut self,
        now: Duration,
        children: Vec<(ChildKey, ChildRules)>,
        outbox: &mut Outbox,
    ) {
        let rules: Vec<_> = children.iter().map(|(_, rules)| rules).collect();
        if let Err(error) = self.rules.check_all(&rules) {
            return self.end(ExitReason::error(error), EndCause::BadSpec, outbox);
        }
        let starts: VecDeque<_> = children.iter().map(|(key, _)| *key).collect();
        children.into_iter().for_each(|(key, rules)| self.children.add(key, rules));
        self.operate(now, None, Purpose::Begin, Vec::new(), starts, outbox);
    }

    /// Begins an operation on a track that is free.
    pub(super) fn operate(
        &mut self,
        now: Duration,
        track: TrackKey,
        purpose: Purpose,
        stops: Vec<ChildKey>,
        starts: VecDeque<ChildKey>,
        outbox: &mut Outbox,
    ) {
        self.tracks.occupy(track, Operation { purpose, stops, starts });
        self.advance(now, track, outbox);
    }

    /// Does what comes next on a track, up to the next stop or start that has to be waited for.
    fn advance(&mut self, now: Duration, track: TrackKey, outbox: &mut Outbox) {
        while let Some(operation) = self.tracks.operation_mut(track) {
            if let Some(key) = operation.stops.pop() {
                if self.begin_stop(key, outbox) {
                    return;
                }
                self.settle(key, outbox);
            } else if let Some(key) = operation.starts.pop_front() {
                // A temporary child of a group is gone once it was stopped.
                let began = self.tracks.arrival();
                if let Some(child) = self.children.get_mut(key) {
                    child.began = began;
                    self.children.set_life(key, Life::Starting);
                    return outbox.push(Output::Start { key });
                }
            } else {
                return self.finish(now, track, outbox);
            }
        }
    }

    /// Asks for the stop of a child that runs; `false` if it does not.
    pub(super) fn begin_stop(&mut self, key: ChildKey, outbox: &mut Outbox) -> bool {
        let Some(child) = self.children.get(key) else { return false };
        let Life::Running { pid, .. } = child.life.clone() else { return false };
        let shutdown = child.rules.shutdown;
        self.children.set_life(key, Life::Stopping { pid: pid.clone() });
        outbox.push(Output::Stop { key, pid, shutdown });
        true
    }

    /// A child has ended, or was stopped, and is not to be started: its spec stays, unless it is one
    /// that is known by its pid only, or was to live once.
    pub(super) fn settle(&mut self, key: ChildKey, outbox: &mut Outbox) {
        let Some(child) = self.children.get(key) else { return };
        if let Life::Waiting { at } = child.life {
            self.alarms.remove(&(at, key));
        }
        if child.is_temporary() || self.rules.strategy == Strategy::Dynamic {
            return self.forget(key, outbox);
        }
        self.children.set_life(key, Life::Stopped);
    }

    pub(super) fn forget(&mut self, key: ChildKey, outbox: &mut Outbox) {
        self.children.remove(key);
        outbox.push(Output::Forget { key });
    }

    pub(super) fn on_started(
        &mut self,
        now: Duration,
        key: ChildKey,
        pid: AnyPid,
        outbox: &mut Outbox,
    ) {
        if !self.is_starting(key) {
            return;
        }
        self.children.set_life(key, Life::Running { pid: pid.clone(), since: now });
        if self.phase.is_over() {
            return self.end_next(Some(key), outbox);
        }
        let track = self.track_of(key);
        self.answer(track, Answer::Started(pid), outbox);
        self.advance(now, track, outbox);
    }

    pub(super) fn on_ignored(&mut self, now: Duration, key: ChildKey, outbox: &mut Outbox) {
        if !self.is_starting(key) {
            return;
        }
        let track = self.track_of(key);
        self.settle(key, outbox);
        if self.phase.is_over() {
            return self.end_next(Some(key), outbox);
        }
        self.answer(track, Answer::Ignored, outbox);
        self.advance(now, track, outbox);
    }

    pub(super) fn on_start_failed(
        &mut self,
        now: Duration,
        key: ChildKey,
        error: SpawnError,
        outbox: &mut Outbox,
    ) {
        if !self.is_starting(key) {
            return;
        }
        self.children.set_life(key, Life::Stopped);
        if self.phase.is_over() {
            return self.end_next(Some(key), outbox);
        }
        let track = self.track_of(key);
        let Some(operation) = self.tracks.operation_mut(track) else { return };
        match operation.purpose {
            Purpose::Begin => {
                return self.end(ExitReason::error(error), EndCause::StartFailed, outbox);
            }
            Purpose::Add(_) => {
                self.answer(track, Answer::Failed(error), outbox);
                self.forget(key, outbox);
            }
            Purpose::StartAgain(_) => self.answer(track, Answer::Failed(error), outbox),
            Purpose::Restart | Purpose::Delay(..) | Purpose::Terminate(_) => {
                operation.starts.clear();
                self.children.set_life(key, Life::Retrying);
                if let Some(child) = self.children.get_mut(key) {
                    child.lost_with = lost_with(error).filter(|node| *node != self.own);
                }
                let arrived = self.tracks.arrival();
                self.tracks.wait(track, arrived, Work::TryAgain(key));
            }
        }
        self.advance(now, track, outbox);
    }

    pub(super) fn on_stopped(
        &mut self,
        now: Duration,
        key: ChildKey,
        pid: &AnyPid,
        outbox: &mut Outbox,
    ) {
        // Its exit may have come first, and the child may be in another life.
        let stopping = Life::Stopping { pid: pid.clone() };
        if self.children.get(key).is_none_or(|child| child.life != stopping) {
            return;
        }
        let track = self.track_of(key);
        self.settle(key, outbox);
        if self.phase.is_over() {
            return self.end_next(None, outbox);
        }
        self.advance(now, track, outbox);
    }

    /// An operation is done: what waited for it comes next.
    fn finish(&mut self, now: Duration, track: TrackKey, outbox: &mut Outbox) {
        let Some(done) = self.tracks.clear(track) else { return };
        match done.operation.purpose {
            Purpose::Begin => self.phase = Phase::Running,
            Purpose::Delay(key, at) => {
                self.children.set_life(key, Life::Waiting { at });
                self.alarms.insert((at, key));
            }
            Purpose::Terminate(request) => {
                outbox.push(Output::Answer { request, answer: Answer::Done });
            }
            Purpose::Restart | Purpose::Add(_) | Purpose::StartAgain(_) => {}
        }
        for (arrived, work) in done.into_waiting() {
            self.take(now, arrived, work, outbox);
        }
    }

    fn answer(&mut self, track: TrackKey, answer: Answer, outbox: &mut Outbox) {
        let purpose = self.tracks.operation(track).map(|operation| operation.purpose);
        if let Some(request) = purpose.and_then(Purpose::request) {
            outbox.push(Output::Answer { request, answer });
        }
    }

    pub(super) fn is_starting(&self, key: ChildKey) -> bool {
        self.children.get(key).is_some_and(|child| child.life == Life::Starting)
    }

    pub(super) fn track_of(&self, key: ChildKey) -> TrackKey {
        let shared = self.rules.strategy.is_grouped() || self.is_beginning();
        if shared { None } else { Some(key) }
    }

    pub(super) fn track_for(&self, work: &Work) -> TrackKey {
        let key = match work {
            Work::Ended(key, _) | Work::TryAgain(key) | Work::Due(key, _) => Some(*key),
            Work::Asked(_, Request::Add(key, rules)) => {
                let same_id = rules.id.as_deref().and_then(|id| self.children.by_id(id));
                Some(same_id.unwrap_or(*key))
            }
            Work::Asked(_, Request::Terminate(whom)) => self.find(whom),
            Work::Asked(_, Request::StartAgain(id) | Request::Delete(id)) => {
                self.children.by_id(id)
            }
        };
        key.and_then(|key| self.track_of(key))
    }

    pub(super) fn find(&self, whom: &Whom) -> Option<ChildKey> {
        match whom {
            Whom::Id(id) => self.children.by_id(id),
            Whom::Pid(pid) => self.children.by_pid(pid),
        }
    }
}
