//! Monitors for code outside of actors: a future that resolves to the one `Down`.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::actor::info::{Down, Info};
use crate::bond::signal::Signal;
use crate::error::CallError;
use crate::life::arrival::Cast;
use crate::life::cell::AnyCell;
use crate::life::core::Core;
use crate::life::spawn::Options;
use crate::message::mailbox::{Fill, Verdict};
use crate::message::reply::CallBack;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::reason::ExitReason;
use crate::remote::carrier::LaneKey;
use crate::remote::decoding::Source;
use crate::remote::pause::ReceiverKey;

/// Resolves when the watched actor has ended, or can no longer be seen. Dropping it demonitors.
///
/// Cancel safe: it may be polled again after any number of timeouts.
#[must_use = "it does nothing but resolve"]
pub struct Monitor {
    ear: Ear,
    down: oneshot::Receiver<Down>,
}

impl Node {
    /// Watches an actor from outside of actors. Exactly one [`Down`] comes.
    /// Source: `erlang:monitor/2`.
    pub fn monitor(&self, pid: &impl AsRef<AnyPid>) -> Monitor {
        let (sender, down) = oneshot::channel();
        let slot = Mutex::new(Some(sender));
        let ear = Ear::new(self, move |down| {
            if let Some(sender) = slot.lock().take() {
                let _ = sender.send(down);
            }
        });
        ear.monitor(pid.as_ref());
        Monitor { ear, down }
    }
}

/// Hears of the ends of actors, any number of them. Dropping it demonitors.
pub(crate) struct Ear {
    node: Node,
    cell: Arc<dyn AnyCell>,
    /// Of who made it: where it is dropped, perhaps by another, its end must not overtake it.
    lane: LaneKey,
}

impl Ear {
    /// `hear` is called on the thread that tells of an end, and must not block.
    pub(crate) fn new(node: &Node, hear: impl Fn(Down) + Send + Sync + 'static) -> Self {
        let core = |pid| Core::new(pid, "monitor", &Options::default());
        let cell = node.add_endpoint(|pid| Watcher { core: core(pid), hear });
        Self { node: node.clone(), cell, lane: LaneKey::of_sender() }
    }

    /// Watches one more actor: exactly one [`Down`] comes.
    pub(crate) fn monitor(&self, pid: &AnyPid) {
        let (target, monitor) = (self.node.bind(pid), self.node.next_monitor());
        let core = self.cell.core();
        let watcher = core.pid().clone();
        let _ = core.with_bonds(|bonds| bonds.monitor(monitor, target.clone()));
        self.node.bond(&watcher, &target);
        self.node.signal_by(self.lane, &target, Signal::Monitor { watcher, monitor });
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.node.bury(&*self.cell, self.lane, ExitReason::Normal);
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ear").field(self.cell.core().pid()).finish()
    }
}

impl Future for Monitor {
    type Output = Down;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Down> {
        match Pin::new(&mut self.get_mut().down).poll(cx) {
            Poll::Ready(Ok(down)) => Poll::Ready(down),
            // The sender lives in the cell, which this holds: it cannot have been dropped unsent.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(self.ear.cell.core().pid()).finish()
    }
}

/// What stands in the pid table for an [`Ear`].
struct Watcher<F> {
    core: Core,
    hear: F,
}

impl<F> fmt::Debug for Watcher<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.core).finish()
    }
}

impl<F: Fn(Down) + Send + Sync + 'static> AnyCell for Watcher<F> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn deliver_call(
        &self,
        _: Source<'_>,
        _: ReceiverKey,
        _: Cast<'_>,
        back: Arc<CallBack>,
    ) -> Verdict {
        back.refuse(CallError::NoProc);
        Verdict::Go
    }

    fn deliver_casts(&self, _: Source<'_>, _: ReceiverKey, _: &[Cast<'_>]) -> Verdict {
        Verdict::Go
    }

    fn deliver_here(&self, _: Source<'_>, _: Cast<'_>) {}

    fn push_info(&self, info: Info) {
        if let Ok(down) = info.downcast::<Down>() {
            let _ = self.core.with_bonds(|bonds| bonds.take_down(down.monitor));
            (self.hear)(down);
        }
    }

    fn is_actor(&self) -> bool {
        false
    }

    fn stop(&self, _: ExitReason) {}

    fn close_mailbox(&self) {}

    fn drain(&self, _: ExitReason) {}

    fn fill(&self) -> Fill {
        Fill { len: 0, handled: 0, postponed: 0, dropped: 0, capacity: 0, oldest: None }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
