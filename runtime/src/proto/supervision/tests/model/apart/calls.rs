//! What independent children are asked: as the calls of `supervisor`, without waiting.

use super::super::super::super::{AutoShutdown, Restart};
use super::super::log::{Answered, Asked, Attempt, Name, Op, Outcome};
use super::{Apart, Child, For, Life};

impl Apart<'_> {
    /// The answer; none yet if something has to be waited for.
    pub(super) fn call(&mut self, request: u64, asked: Asked) -> Option<Answered> {
        let name = asked.name();
        let is_there = self.find(name).is_some();
        match (asked, self.life(name)) {
            (Asked::Add(_), _) => self.add(request, name),
            (Asked::TerminatePid(_, attempt), Life::Up(up, _)) if up == attempt => {
                self.terminate(request, name, Some(up))
            }
            (Asked::TerminatePid(..), _) => Some(Answered::NotFound),
            _ if !is_there => Some(Answered::NotFound),
            (Asked::Terminate(_), Life::Up(up, _)) => self.terminate(request, name, Some(up)),
            (Asked::Terminate(_), _) => self.terminate(request, name, None),
            (_, Life::Up(..) | Life::Starting(..) | Life::Stopping(..)) => Some(Answered::Running),
            (_, Life::Restarting(_) | Life::Waiting(_)) => Some(Answered::Restarting),
            (Asked::StartAgain(_), Life::Down) => {
                self.start(name, For::StartAgain(request));
                None
            }
            (Asked::Delete(_), Life::Down) => {
                self.children.retain(|child| child.spec.name != name);
                Some(Answered::Done)
            }
        }
    }

    fn add(&mut self, request: u64, name: Name) -> Option<Answered> {
        let spec = self.setup.pool(name);
        let never = self.setup.auto_shutdown == AutoShutdown::Never;
        if spec.significant && (never || spec.restart == Restart::Permanent) {
            return Some(Answered::BadSpec);
        }
        // Whoever is there has a place, also while it starts or does not live.
        if self.setup.children_max.is_some_and(|most| self.children.len() >= most) {
            return Some(Answered::MaxChildren);
        }
        if self.find(name).is_some() {
            return Some(Answered::AlreadyPresent);
        }
        let before = self.children.iter().filter(|child| child.asked < request).count();
        let child = Child { spec, asked: request, life: Life::Down, streak: 0 };
        self.children.insert(before, child);
        self.start(name, For::Add(request));
        None
    }

    fn terminate(&mut self, request: u64, name: Name, up: Option<Attempt>) -> Option<Answered> {
        if let Some(attempt) = up.filter(|attempt| !self.has_exited(name, *attempt)) {
            self.report.ops.push(Op::Stop(name, attempt));
            self.set_life(name, Life::Stopping(attempt, request));
            return None;
        }
        self.put_down(name);
        Some(Answered::Done)
    }
}

pub(super) fn answer(outcome: Outcome) -> Answered {
    match outcome {
        Outcome::Up => Answered::Started,
        Outcome::Ignored => Answered::Ignored,
        Outcome::Failed | Outcome::Lost => Answered::Failed,
    }
}
