//! How the lives of independent children begin and end.

use std::time::Duration;

use super::super::super::super::{AutoShutdown, Backoff, EndCause, Restart, Strategy};
use super::super::log::{Answered, Attempt, Go, Message, Name, Op, Outcome, Stop};
use super::super::losses::Why;
use super::{Apart, For, Life, calls};
use crate::reason::ExitReason;

impl Apart<'_> {
    /// It ended by itself.
    pub(super) fn ended(&mut self, name: Name, reason: &ExitReason, up: Duration) -> Go {
        let Some(child) = self.find(name) else { return Ok(()) };
        if child.spec.backoff.is_some_and(|backoff| up >= backoff.reset_after) {
            child.streak = 0;
        }
        let (restart, significant) = (child.spec.restart, child.spec.significant);
        // On another node nobody but that node asks for it.
        let asked = *reason == ExitReason::Shutdown && self.restarts.is_here(name);
        let normal = *reason == ExitReason::Normal || asked;
        let restarts = match restart {
            Restart::Permanent => true,
            Restart::Transient => !normal,
            Restart::Temporary => false,
        };
        if restarts {
            return self.restart(name, Why::of(reason));
        }
        self.put_down(name);
        let mut left = self.children.iter().filter(|child| child.life != Life::Down);
        let ends = match self.setup.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => {
                significant && !left.any(|child| child.spec.significant)
            }
        };
        if ends { Err(Stop::For(EndCause::AutoShutdown)) } else { Ok(()) }
    }

    pub(super) fn restart(&mut self, name: Name, why: Option<Why>) -> Go {
        let now = self.now;
        if self.restarts.is_too_often(now, name, why) {
            self.put_down(name);
            return Err(Stop::For(EndCause::Intensity));
        }
        let Some(child) = self.find(name) else { return Ok(()) };
        if let Some(Backoff { base, max, .. }) = child.spec.backoff {
            let delay = (0..child.streak).fold(base, |delay, _| (delay * 2).min(max)).min(max);
            child.streak += 1;
            child.life = Life::Waiting(now + delay);
        } else {
            self.start(name, For::Restart);
        }
        Ok(())
    }

    pub(super) fn start(&mut self, name: Name, what_for: For) {
        let attempt = self.restarts.next_life(name);
        self.report.ops.push(Op::Start(name, attempt));
        self.set_life(name, Life::Starting(attempt, what_for));
    }

    pub(super) fn started(
        &mut self,
        name: Name,
        attempt: Attempt,
        outcome: Outcome,
        what_for: For,
    ) -> Go {
        match outcome {
            Outcome::Up => self.set_life(name, Life::Up(attempt, self.now)),
            Outcome::Ignored => self.put_down(name),
            Outcome::Failed | Outcome::Lost => match what_for {
                For::Beginning => {
                    self.put_down(name);
                    return Err(Stop::For(EndCause::StartFailed));
                }
                For::Add(_) => self.children.retain(|child| child.spec.name != name),
                For::StartAgain(_) => self.set_life(name, Life::Down),
                For::Restart => {
                    self.set_life(name, Life::Restarting(outcome == Outcome::Lost));
                    let mailbox = self.mailboxes.entry(name).or_default();
                    mailbox.push_back(Message::TryAgain(name));
                }
            },
        }
        match what_for {
            For::Beginning => self.begin_next(),
            For::Restart => self.heed(name),
            For::Add(request) | For::StartAgain(request) => {
                self.report.answers.insert(request, calls::answer(outcome));
                self.heed(name)
            }
        }
    }

    pub(super) fn stopped(&mut self, name: Name, request: u64) -> Go {
        self.put_down(name);
        self.report.answers.insert(request, Answered::Done);
        self.heed(name)
    }

    /// It is not started again by itself: temporary and dynamic children are not kept.
    pub(super) fn put_down(&mut self, name: Name) {
        self.set_life(name, Life::Down);
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        self.children.retain(|child| {
            child.spec.name != name || !(dynamic || child.spec.restart == Restart::Temporary)
        });
    }
}
