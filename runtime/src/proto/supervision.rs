//! What a supervisor decides: pure, so that it can be held against OTP's rules.
//!
//! Inputs say what happened to children; outputs say what to do with them. The driver (the
//! `Supervisor` actor) starts and stops, and reports back. Source: OTP `supervisor`.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pid::AnyPid;
use crate::reason::ExitReason;

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// Always.
    Permanent,
    /// When it ended abnormally: not with `Normal` or `Shutdown`.
    Transient,
    /// Never.
    Temporary,
}

/// How long a child may take to stop before it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// It is killed at once.
    Brutal,
    /// It is asked to stop, and killed after so long.
    After(Duration),
    /// It is asked to stop, and waited for: for supervisors, whose children have their own times.
    Infinity,
}

/// Which children are restarted with the one that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Strategy {
    /// Only that one.
    OneForOne,
}

/// How often children may be restarted before the supervisor gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensity {
    /// More restarts than this ...
    pub restarts: usize,
    /// ... within this time end the supervisor with `Shutdown`.
    pub period: Duration,
}

impl Default for Intensity {
    /// 3 restarts in 5 s, as in Elixir.
    fn default() -> Self {
        Self { restarts: 3, period: Duration::from_secs(5) }
    }
}

/// What the decisions need to know of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildRules {
    pub(crate) id: String,
    pub(crate) restart: Restart,
}

#[derive(Debug)]
struct Child {
    rules: ChildRules,
    state: ChildState,
    restarts: u64,
    /// It has never been up: if its first start fails it is forgotten, as if never asked for.
    is_new: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChildState {
    Starting,
    /// A stop was asked for before its start was reported.
    Cancelled,
    Running(AnyPid),
    /// A stop was asked for; the exit ends it without a restart.
    Stopping(AnyPid),
    Stopped,
}

#[derive(Debug)]
pub(crate) enum Input {
    /// A child is added, behind those there are, and started.
    Add(ChildRules),
    /// A start that was asked for succeeded.
    Started { id: String, pid: AnyPid },
    /// A start that was asked for failed.
    StartFailed { id: String, reason: ExitReason },
    /// A linked actor ended.
    Exited { pid: AnyPid, reason: ExitReason },
    /// A child is to be stopped and not started again.
    Terminate { id: String },
    /// A stopped child is to be started again.
    StartAgain { id: String },
    /// A stopped child is to be forgotten.
    Delete { id: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Start {
        id: String,
    },
    Stop {
        id: String,
        pid: AnyPid,
    },
    /// The child will not be started again and its spec is gone.
    Forget {
        id: String,
    },
    /// More restarts than the intensity allows: stop all children and end with this reason.
    GiveUp(ExitReason),
}

/// Why a request about a child was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// There is a child with this id.
    #[error("there is a child {0:?} already")]
    AlreadyPresent(String),
    /// There is no child with this id.
    #[error("there is no child {0:?}")]
    NotFound(String),
    /// It runs, or is about to; the request is for stopped children.
    #[error("the child {0:?} is running")]
    Running(String),
}

/// A supervisor's children and their recent restarts.
#[derive(Debug)]
pub(crate) struct State {
    intensity: Intensity,
    children: Vec<Child>,
    /// When restarts happened, oldest first; never longer than `intensity.restarts + 1`.
    restarts: VecDeque<Duration>,
    early_exits: VecDeque<(AnyPid, ExitReason)>,
}

impl State {
    pub(crate) fn new(strategy: Strategy, intensity: Intensity) -> Self {
        match strategy {
            Strategy::OneForOne => {}
        }
        Self {
            intensity,
            children: Vec::new(),
            restarts: VecDeque::new(),
            early_exits: VecDeque::new(),
        }
    }

    /// Takes one event at `now`, a time that never goes back.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        input: Input,
        outbox: &mut Vec<Output>,
    ) -> Result<(), ChildError> {
        match input {
            Input::Add(rules) => self.on_add(rules, outbox),
            Input::Started { id, pid } => {
                self.on_started(now, &id, pid, outbox);
                Ok(())
            }
            Input::StartFailed { id, reason } => {
                match self.find(&id) {
                    Some(child) if child.is_new => self.forget(&id, outbox),
                    Some(_) | None => self.on_ended(now, &id, &reason, outbox),
                }
                Ok(())
            }
            Input::Exited { pid, reason } => {
                self.on_exited(now, pid, reason, outbox);
                Ok(())
            }
            Input::Terminate { id } => self.on_terminate(&id, outbox),
            Input::StartAgain { id } => self.on_start_again(&id, outbox),
            Input::Delete { id } => self.on_delete(&id, outbox),
        }
    }

    /// Ids, states and restart counts in start order.
    pub(crate) fn children(&self) -> impl DoubleEndedIterator<Item = (&str, &ChildState, u64)> {
        self.children.iter().map(|child| (&*child.rules.id, &child.state, child.restarts))
    }

    fn on_add(&mut self, rules: ChildRules, outbox: &mut Vec<Output>) -> Result<(), ChildError> {
        if self.find(&rules.id).is_some() {
            return Err(ChildError::AlreadyPresent(rules.id));
        }
        outbox.push(Output::Start { id: rules.id.clone() });
        self.children.push(Child { rules, state: ChildState::Starting, restarts: 0, is_new: true });
        Ok(())
    }

    fn on_started(&mut self, now: Duration, id: &str, pid: AnyPid, outbox: &mut Vec<Output>) {
        let early = self.early_exits.iter().position(|(exited, _)| *exited == pid);
        let early = early.and_then(|at| self.early_exits.remove(at));
        let Some(child) = self.find(id) else {
            // Deleted while it started.
            return outbox.push(Output::Stop { id: id.to_owned(), pid });
        };
        child.is_new = false;
        match (&child.state, early) {
            (ChildState::Starting, None) => child.state = ChildState::Running(pid),
            (ChildState::Starting, Some((_, reason))) => self.on_ended(now, id, &reason, outbox),
            (ChildState::Cancelled, None) => {
                child.state = ChildState::Stopping(pid.clone());
                outbox.push(Output::Stop { id: id.to_owned(), pid });
            }
            (ChildState::Cancelled, Some(_)) => self.on_stopped(id, outbox),
            (ChildState::Running(_) | ChildState::Stopping(_) | ChildState::Stopped, _) => {}
        }
    }

    fn on_exited(
        &mut self,
        now: Duration,
        pid: AnyPid,
        reason: ExitReason,
        outbox: &mut Vec<Output>,
    ) {
        let owner = self.children.iter_mut().find(|child| {
            matches!(&child.state, ChildState::Running(p) | ChildState::Stopping(p) if *p == pid)
        });
        let Some(child) = owner else {
            // Only children that are starting can end before they are known: there are never more.
            if self.early_exits.len() < self.starting_count() {
                self.early_exits.push_back((pid, reason));
            }
            return;
        };
        let id = child.rules.id.clone();
        if matches!(child.state, ChildState::Stopping(_)) {
            self.on_stopped(&id, outbox);
        } else {
            self.on_ended(now, &id, &reason, outbox);
        }
    }

    fn starting_count(&self) -> usize {
        let starting =
            |child: &&Child| matches!(child.state, ChildState::Starting | ChildState::Cancelled);
        self.children.iter().filter(starting).count()
    }

    /// A child that was to be stopped has stopped.
    fn on_stopped(&mut self, id: &str, outbox: &mut Vec<Output>) {
        let Some(child) = self.find(id) else { return };
        child.state = ChildState::Stopped;
        if child.rules.restart == Restart::Temporary {
            self.forget(id, outbox);
        }
    }

    /// A child ended, or did not start: restart it, leave it, or give up.
    fn on_ended(&mut self, now: Duration, id: &str, reason: &ExitReason, outbox: &mut Vec<Output>) {
        let Some(child) = self.find(id) else { return };
        if child.state == ChildState::Cancelled {
            return self.on_stopped(id, outbox);
        }
        let abnormal = !matches!(reason, ExitReason::Normal | ExitReason::Shutdown);
        match child.rules.restart {
            Restart::Permanent => {}
            Restart::Transient if abnormal => {}
            Restart::Transient => {
                child.state = ChildState::Stopped;
                return;
            }
            Restart::Temporary => return self.forget(id, outbox),
        }
        child.state = ChildState::Starting;
        child.restarts += 1;
        if self.allows_restart(now) {
            outbox.push(Output::Start { id: id.to_owned() });
        } else {
            outbox.push(Output::GiveUp(ExitReason::Shutdown));
        }
    }

    fn allows_restart(&mut self, now: Duration) -> bool {
        let Intensity { restarts, period } = self.intensity;
        self.restarts.push_back(now);
        while self.restarts.front().is_some_and(|at| now.saturating_sub(*at) > period) {
            self.restarts.pop_front();
        }
        self.restarts.len() <= restarts
    }

    fn on_terminate(&mut self, id: &str, outbox: &mut Vec<Output>) -> Result<(), ChildError> {
        let child = self.find(id).ok_or_else(|| ChildError::NotFound(id.to_owned()))?;
        match child.state.clone() {
            ChildState::Running(pid) => {
                child.state = ChildState::Stopping(pid.clone());
                outbox.push(Output::Stop { id: id.to_owned(), pid });
            }
            // What is starting is stopped as soon as it reports.
            ChildState::Starting => child.state = ChildState::Cancelled,
            ChildState::Cancelled | ChildState::Stopping(_) | ChildState::Stopped => {}
        }
        Ok(())
    }

    fn on_start_again(&mut self, id: &str, outbox: &mut Vec<Output>) -> Result<(), ChildError> {
        let child = self.find(id).ok_or_else(|| ChildError::NotFound(id.to_owned()))?;
        if child.state != ChildState::Stopped {
            return Err(ChildError::Running(id.to_owned()));
        }
        child.state = ChildState::Starting;
        outbox.push(Output::Start { id: id.to_owned() });
        Ok(())
    }

    fn on_delete(&mut self, id: &str, outbox: &mut Vec<Output>) -> Result<(), ChildError> {
        let child = self.find(id).ok_or_else(|| ChildError::NotFound(id.to_owned()))?;
        if child.state != ChildState::Stopped {
            return Err(ChildError::Running(id.to_owned()));
        }
        self.forget(id, outbox);
        Ok(())
    }

    fn forget(&mut self, id: &str, outbox: &mut Vec<Output>) {
        self.children.retain(|child| child.rules.id != id);
        outbox.push(Output::Forget { id: id.to_owned() });
    }

    fn find(&mut self, id: &str) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.rules.id == id)
    }
}

#[cfg(test)]
mod tests;
