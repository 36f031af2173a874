//! The words of supervision: what a child and a supervisor are told, and which of it is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::Backoff;

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// Always.
    Permanent,
    /// When it ended abnormally: not with `Normal`, nor with `Shutdown` on the supervisor's own node.
    /// On another one it is that node that asked it to stop.
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

/// Which children are restarted with the one that ended. Source: OTP `supervisor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Strategy {
    /// Only that one.
    OneForOne,
    /// All: the others are stopped in reverse order, then all are started in order.
    OneForAll,
    /// That one and those after it, as with `OneForAll`; those before it are left alone.
    RestForOne,
    /// Only that one; children have no ids, are known by their pids, forgotten when they have ended
    /// and are not restarted, and stopped all at once. Source: OTP `simple_one_for_one`, Elixir's
    /// `DynamicSupervisor`.
    Dynamic,
}

impl Strategy {
    /// Whether the end of one child concerns others.
    pub(super) fn is_grouped(self) -> bool {
        match self {
            Self::OneForAll | Self::RestForOne => true,
            Self::OneForOne | Self::Dynamic => false,
        }
    }
}

/// Whether a supervisor ends with its significant children. Source: OTP `auto_shutdown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AutoShutdown {
    /// It does not; no child can be significant.
    #[default]
    Never,
    /// When one of them has ended by itself and is not restarted.
    AnySignificant,
    /// When the last of them has.
    AllSignificant,
}

/// How often children may be restarted before the supervisor gives up. The going of a node counts
/// once, whatever children were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensity {
    /// More restarts than this ...
    pub restarts: usize,
    /// ... within this time end the supervisor with `Shutdown`. Greater than zero.
    pub period: Duration,
}

impl Default for Intensity {
    /// 3 restarts in 5 s, as in Elixir.
    fn default() -> Self {
        Self { restarts: 3, period: Duration::from_secs(5) }
    }
}

/// What the decisions need to know of a child.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChildRules {
    /// None under a dynamic supervisor.
    pub(crate) id: Option<Box<str>>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) is_supervisor: bool,
    pub(crate) backoff: Option<Box<Backoff>>,
}

/// What a child without an id is called in errors.
pub(super) const NAMELESS: &str = "without an id";

/// What the decisions need to know of a supervisor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    /// Children there may be at once.
    pub(crate) children_max: Option<usize>,
}

impl Rules {
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        if self.intensity.period.is_zero() { Err(SpecError::ZeroPeriod) } else { Ok(()) }
    }

    /// Whether a supervisor can begin with these children.
    pub(crate) fn check_all(&self, children: &[&ChildRules]) -> Result<(), SpecError> {
        self.check()?;
        let mut ids = BTreeSet::new();
        for child in children {
            self.check_child(child)?;
            if self.strategy == Strategy::Dynamic {
                return Err(SpecError::ChildOfDynamic);
            }
            let id = child.id.as_deref().unwrap_or(NAMELESS);
            if !ids.insert(id) {
                return Err(SpecError::DuplicateId(id.to_owned()));
            }
        }
        match self.children_max {
            Some(most) if children.len() > most => Err(SpecError::MaxChildren(most)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a child fits under this supervisor, whatever the others.
    pub(crate) fn check_child(&self, child: &ChildRules) -> Result<(), SpecError> {
        let name = || child.id.as_deref().unwrap_or(NAMELESS).to_owned();
        if child.significant && self.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantUnderNever(name()));
        }
        if child.significant && child.restart == Restart::Permanent {
            return Err(SpecError::SignificantPermanent(name()));
        }
        match &child.backoff {
            Some(backoff) if !backoff.is_valid() => Err(SpecError::BadBackoff(name())),
            Some(_) | None => Ok(()),
        }
    }
}

/// Why a spec cannot be. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The period of the intensity is zero.
    #[error("the period of the restart intensity is zero")]
    ZeroPeriod,
    /// Two children have this id.
    #[error("two children have the id {0:?}")]
    DuplicateId(String),
    /// A dynamic supervisor begins without children.
    #[error("a dynamic supervisor begins without children")]
    ChildOfDynamic,
    /// More children than `max_children`.
    #[error("more than {0} children")]
    MaxChildren(usize),
    /// A child is significant, and the supervisor's auto-shutdown is `Never`.
    #[error("the child {0:?} is significant, and auto-shutdown is never")]
    SignificantUnderNever(String),
    /// A permanent child cannot be significant: it never ends for good.
    #[error("the child {0:?} is permanent and significant")]
    SignificantPermanent(String),
    /// Its backoff has a zero base, a maximum below the base, or a jitter outside of 0 to 1.
    #[error("the backoff of the child {0:?} is out of bounds")]
    BadBackoff(String),
}

/// Why a request about a child was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// There is a child with this id.
    #[error("there is a child {0:?} already")]
    AlreadyPresent(String),
    /// There is no child with this id, or this pid.
    #[error("there is no child {0:?}")]
    NotFound(String),
    /// It runs, or is about to; the request is for stopped children.
    #[error("the child {0:?} is running")]
    Running(String),
    /// It is between two lives; the request is for stopped children.
    #[error("the child {0:?} is restarting")]
    Restarting(String),
    /// The spec does not fit.
    #[error(transparent)]
    BadSpec(#[from] SpecError),
    /// A dynamic supervisor has as many children as it may.
    #[error("there are {0} children already")]
    MaxChildren(usize),
    /// Children of a dynamic supervisor have no ids, and no life after they were stopped.
    #[error("a dynamic supervisor knows its children by their pids")]
    Dynamic,
    /// Too many requests wait for a child to start or stop.
    #[error("too many requests wait")]
    Busy,
    /// The supervisor is ending.
    #[error("the supervisor is ending")]
    Ending,
}
