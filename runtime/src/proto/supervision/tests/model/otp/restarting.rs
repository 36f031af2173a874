//! Whether a child is restarted, and who with it: `do_restart` and `restart` of `supervisor`.

use std::time::Duration;

use super::super::super::super::{AutoShutdown, Backoff, EndCause, Restart, Strategy};
use super::super::log::{Go, Message, Name, Outcome, Stop};
use super::super::losses::Why;
use super::{Otp, Pid};
use crate::reason::ExitReason;

impl Otp<'_> {
    /// `supervisor:do_restart/3`.
    pub(super) fn do_restart(&mut self, name: Name, reason: &ExitReason, up: Duration) -> Go {
        let Some(child) = self.find(name) else { return Ok(()) };
        if child.spec.backoff.is_some_and(|backoff| up >= backoff.reset_after) {
            child.streak = 0;
        }
        let (restart, significant) = (child.spec.restart, child.spec.significant);
        // On another node nobody but that node asks for it.
        let asked = *reason == ExitReason::Shutdown && self.restarts.is_here(name);
        let normal = *reason == ExitReason::Normal || asked;
        if restart == Restart::Permanent || (restart == Restart::Transient && !normal) {
            return self.restart(name, Why::of(reason));
        }
        self.del_child(name);
        let others = self.children.iter().any(|child| {
            child.spec.significant && child.pid != Pid::Undefined && child.spec.name != name
        });
        let shuts_down = significant
            && match self.setup.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !others,
            };
        if shuts_down { Err(Stop::For(EndCause::AutoShutdown)) } else { Ok(()) }
    }

    /// `supervisor:restart/2`, with delays.
    pub(super) fn restart(&mut self, name: Name, why: Option<Why>) -> Go {
        let now = self.now;
        if self.restarts.is_too_often(now, name, why) {
            self.del_child(name);
            return Err(Stop::For(EndCause::Intensity));
        }
        let Some(child) = self.find(name) else { return Ok(()) };
        let Some(Backoff { base, max, .. }) = child.spec.backoff else {
            return self.restart_group(name);
        };
        let delay = (0..child.streak).fold(base, |delay, _| (delay * 2).min(max)).min(max);
        child.streak += 1;
        child.pid = Pid::Undefined;
        let others = self.group(name).into_iter().filter(|other| *other != name).collect();
        self.terminate_children(others)?;
        self.set_pid(name, Pid::Waiting(now + delay));
        Ok(())
    }

    pub(super) fn restart_group(&mut self, name: Name) -> Go {
        self.set_pid(name, Pid::Undefined);
        self.terminate_children(self.group(name))?;
        for member in self.group(name) {
            match self.start(member)? {
                Outcome::Up => {}
                Outcome::Ignored => self.del_child(member),
                outcome @ (Outcome::Failed | Outcome::Lost) => {
                    self.set_pid(member, Pid::Restarting(outcome == Outcome::Lost));
                    self.mailbox.push_back(Message::TryAgain(member));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub(super) fn group(&self, name: Name) -> Vec<Name> {
        let names = self.children.iter().map(|child| child.spec.name);
        match self.setup.strategy {
            Strategy::OneForAll => names.collect(),
            Strategy::RestForOne => names.skip_while(|other| *other != name).collect(),
            Strategy::OneForOne | Strategy::Dynamic => vec![name],
        }
    }
}
