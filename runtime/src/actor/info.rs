//! What comes to an actor beside its messages: downs, exits it traps, node events, and whatever the
//! services of the node send (group, name and cache events).

use std::any::Any;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::identity::{NodeId, NodeInstance};
use crate::pid::AnyPid;
use crate::reason::{DownReason, ExitReason};

/// Names one monitor. Unique on the node that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonitorRef(pub u64);

impl fmt::Display for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A monitored actor has ended, or can no longer be seen. Comes once for each monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The monitor that this ends.
    pub monitor: MonitorRef,
    /// Whom it watched.
    pub pid: AnyPid,
    /// The true reason; `NoProc` if it was dead already; `NoConnection` if its node was lost.
    pub reason: ExitReason,
}

/// A linked actor has ended, or someone sent an exit, to an actor that traps exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Who ended, or who sent the exit.
    pub pid: AnyPid,
    /// Why.
    pub reason: ExitReason,
    /// Whether it came by a link; if not, someone sent it by hand.
    pub linked: bool,
}

/// A node has come or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// A session is made. Seen before any signal from that node.
    Up {
        /// Who.
        peer: NodeInstance,
        /// Whether the session is hidden: not in `nodes()`.
        hidden: bool,
    },
    /// The session has ended. Seen after all signals from that node.
    Down {
        /// Who.
        peer: NodeInstance,
        /// Whether the session was hidden.
        hidden: bool,
        /// Why.
        reason: DownReason,
    },
}

impl NodeEvent {
    /// Whom it is about.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        match self {
            Self::Up { peer, .. } | Self::Down { peer, .. } => &peer.node,
        }
    }
}

/// Any event for an actor, by its type: `#[info]` methods take them by the type of their argument.
pub struct Info(Box<Content>);

/// One word for both, as an info lies in a mailbox beside messages, which are often small.
enum Content {
    /// By far the most frequent one, in bursts: it has no box of its own.
    Down(Down),
    Other(Box<dyn Event>),
}

/// What can be an info: any `Debug` value that may move between threads.
pub trait Event: Any + Send + fmt::Debug {
    #[doc(hidden)]
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;

    #[doc(hidden)]
    fn type_name(&self) -> &'static str;
}

impl<T: Any + Send + fmt::Debug> Event for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
    }
}

impl Info {
    /// The name of the event's type, for logs: what the event says is nobody's business there.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.event().type_name()
    }

    /// Wraps an event.
    pub fn new(event: impl Event) -> Self {
        Self(Box::new(Content::Other(Box::new(event))))
    }

    fn event(&self) -> &dyn Event {
        match &*self.0 {
            Content::Down(down) => down,
            Content::Other(event) => &**event,
        }
    }

    /// As [`Info::new`].
    pub(crate) fn down(down: Down) -> Self {
        Self(Box::new(Content::Down(down)))
    }

    /// The event, if it is a `T`; itself otherwise.
    ///
    /// # Errors
    /// Gives itself back when the event is of another type.
    pub fn downcast<T: Event>(self) -> Result<T, Self> {
        if !self.is::<T>() {
            return Err(self);
        }
        let event = match *self.0 {
            Content::Down(down) => {
                let (mut down, mut event) = (Some(down), None::<T>);
                let same: &mut dyn Any = &mut event;
                if let Some(same) = same.downcast_mut() {
                    std::mem::swap(&mut down, same);
                }
                event
            }
            Content::Other(event) => event.into_any().downcast().ok().map(|event| *event),
        };
        match event {
            Some(event) => Ok(event),
            None => unreachable!("the type was looked at"),
        }
    }

    /// Whether the event is a `T`.
    #[must_use]
    pub fn is<T: Event>(&self) -> bool {
        let event: &dyn Any = self.event();
        event.is::<T>()
    }

    /// The event, if it is a `T`.
    #[must_use]
    pub fn get<T: Event>(&self) -> Option<&T> {
        let event: &dyn Any = self.event();
        event.downcast_ref()
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt(f)
    }
}
