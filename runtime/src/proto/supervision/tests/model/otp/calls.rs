//! The calls of `supervisor`: `start_child`, `terminate_child`, `restart_child`, `delete_child`.

use super::super::super::super::{AutoShutdown, Restart, Strategy};
use super::super::log::{Answered, Asked, Name, Outcome, Stop};
use super::{Child, Otp, Pid};

impl Otp<'_> {
    pub(super) fn handle_call(&mut self, asked: Asked) -> Result<Answered, Stop> {
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        match asked {
            Asked::Add(name) => self.start_child(name),
            Asked::Terminate(name) if self.find(name).is_some() => self.terminate_child(name),
            Asked::TerminatePid(name, attempt) => match self.find(name).map(|child| child.pid) {
                Some(Pid::Up(up, _)) if up == attempt => self.terminate_child(name),
                Some(_) | None => Ok(Answered::NotFound),
            },
            Asked::StartAgain(_) | Asked::Delete(_) if dynamic => Ok(Answered::Dynamic),
            Asked::Terminate(name) | Asked::StartAgain(name) | Asked::Delete(name) => {
                match self.find(name).map(|child| child.pid) {
                    None => Ok(Answered::NotFound),
                    Some(Pid::Up(..)) => Ok(Answered::Running),
                    Some(Pid::Restarting(_) | Pid::Waiting(_)) => Ok(Answered::Restarting),
                    Some(Pid::Undefined) if asked == Asked::Delete(name) => {
                        self.children.retain(|child| child.spec.name != name);
                        Ok(Answered::Done)
                    }
                    Some(Pid::Undefined) => Ok(answer(self.start(name)?)),
                }
            }
        }
    }

    fn start_child(&mut self, name: Name) -> Result<Answered, Stop> {
        let spec = self.setup.pool(name);
        let never = self.setup.auto_shutdown == AutoShutdown::Never;
        if spec.significant && (never || spec.restart == Restart::Permanent) {
            return Ok(Answered::BadSpec);
        }
        if self.setup.children_max.is_some_and(|most| self.children.len() >= most) {
            return Ok(Answered::MaxChildren);
        }
        if self.find(name).is_some() {
            return Ok(Answered::AlreadyPresent);
        }
        self.children.push(Child { spec, pid: Pid::Undefined, streak: 0 });
        let outcome = self.start(name)?;
        match outcome {
            Outcome::Up => {}
            Outcome::Ignored => self.del_child(name),
            Outcome::Failed | Outcome::Lost => {
                self.children.retain(|child| child.spec.name != name);
            }
        }
        Ok(answer(outcome))
    }

    fn terminate_child(&mut self, name: Name) -> Result<Answered, Stop> {
        self.do_terminate(name)?;
        self.del_child(name);
        Ok(Answered::Done)
    }
}

pub(in super::super) fn answer(outcome: Outcome) -> Answered {
    match outcome {
        Outcome::Up => Answered::Started,
        Outcome::Ignored => Answered::Ignored,
        Outcome::Failed | Outcome::Lost => Answered::Failed,
    }
}
