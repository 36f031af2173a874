//! What can be asked of a supervisor. Source: `supervisor:start_child/2` and its siblings.

use std::collections::VecDeque;
use std::time::Duration;

use super::children::{ChildKey, Life};
use super::rules::{ChildError, ChildRules, Strategy};
use super::tracks::{Purpose, Request, RequestId, Work};
use super::{Answer, Outbox, Output, State};

impl State {
    pub(super) fn on_asked(
        &mut self,
        now: Duration,
        request: RequestId,
        what: Request,
        outbox: &mut Outbox,
    ) {
        if self.phase.is_over() {
            return refuse(request, &what, ChildError::Ending, outbox);
        }
        let arrived = self.tracks.arrival();
        let work = Work::Asked(request, what);
        let Work::Asked(_, what) = &work else { return };
        if self.tracks.is_busy(self.track_for(&work)) && !self.tracks.has_room() {
            return refuse(request, what, ChildError::Busy, outbox);
        }
        self.cancel_start_for(what, outbox);
        self.take(now, arrived, work, outbox);
    }

    /// Who is to be stopped need not come up first.
    fn cancel_start_for(&self, what: &Request, outbox: &mut Outbox) {
        let Request::Terminate(whom) = what else { return };
        if self.is_beginning() {
            return;
        }
        let Some(key) = self.find(whom) else { return };
        if let Some(child) = self.children.get(key).filter(|child| child.life == Life::Starting) {
            outbox.push(Output::Cancel { key, shutdown: child.rules.shutdown });
        }
    }

    /// Carries out a request whose turn has come.
    pub(super) fn carry_out(
        &mut self,
        now: Duration,
        request: RequestId,
        what: Request,
        outbox: &mut Outbox,
    ) {
        let begun = match &what {
            Request::Add(key, rules) => {
                self.add(*key, rules.clone()).map(|()| Some((*key, Purpose::Add(request))))
            }
            Request::Terminate(whom) => {
                let missing = || match whom {
                    super::Whom::Id(id) => ChildError::NotFound(id.clone()),
                    super::Whom::Pid(pid) => ChildError::NotFound(pid.to_string()),
                };
                let found = self.find(whom).ok_or_else(missing);
                found.map(|key| Some((key, Purpose::Terminate(request))))
            }
            Request::StartAgain(id) => {
                self.stopped_child(id).map(|key| Some((key, Purpose::StartAgain(request))))
            }
            Request::Delete(id) => self.stopped_child(id).map(|key| {
                self.forget(key, outbox);
                None
            }),
        };
        match begun {
            Err(error) => refuse(request, &what, error, outbox),
            Ok(None) => outbox.push(Output::Answer { request, answer: Answer::Done }),
            Ok(Some((key, purpose @ Purpose::Terminate(_)))) => {
                let track = self.track_of(key);
                self.operate(now, track, purpose, vec![key], VecDeque::new(), outbox);
            }
            Ok(Some((key, purpose))) => {
                let track = self.track_of(key);
                self.operate(now, track, purpose, Vec::new(), VecDeque::from([key]), outbox);
            }
        }
    }

    fn add(&mut self, key: ChildKey, rules: ChildRules) -> Result<(), ChildError> {
        self.rules.check_child(&rules)?;
        if let Some(most) = self.rules.children_max.filter(|most| self.children.len() >= *most) {
            return Err(ChildError::MaxChildren(most));
        }
        if let Some(id) = rules.id.as_deref().filter(|id| self.children.by_id(id).is_some()) {
            return Err(ChildError::AlreadyPresent(id.to_owned()));
        }
        self.children.add(key, rules);
        Ok(())
    }

    fn stopped_child(&self, id: &str) -> Result<ChildKey, ChildError> {
        if self.rules.strategy == Strategy::Dynamic {
            return Err(ChildError::Dynamic);
        }
        let key = self.children.by_id(id);
        let found = key.and_then(|key| Some((key, self.children.get(key)?)));
        let (key, child) = found.ok_or_else(|| ChildError::NotFound(id.to_owned()))?;
        match child.life {
            Life::Stopped => Ok(key),
            Life::Retrying | Life::Waiting { .. } => Err(ChildError::Restarting(child.label())),
            Life::Starting | Life::Running { .. } | Life::Ended { .. } | Life::Stopping { .. } => {
                Err(ChildError::Running(child.label()))
            }
        }
    }
}

/// Answers that a request is not carried out; what was to be added is forgotten.
pub(super) fn refuse(request: RequestId, what: &Request, error: ChildError, outbox: &mut Outbox) {
    if let Request::Add(key, _) = what {
        outbox.push(Output::Forget { key: *key });
    }
    outbox.push(Output::Answer { request, answer: Answer::Refused(error) });
}
