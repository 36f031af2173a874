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
    node: Node,
    cell: Arc<Watcher>,
    down: oneshot::Receiver<Down>,
    /// Of who made it: where it is dropped, perhaps by another, its end must not overtake it.
    lane: LaneKey,
}

impl Node {
    /// Watches an actor from outside of actors. Exactly one [`Down`] comes.
    /// Source: `erlang:monitor/2`.
    pub fn monitor(&self, pid: &impl AsRef<AnyPid>) -> Monitor {
        let (sender, down) = oneshot::channel();
        let slot = Mutex::new(Some(sender));
        let cell = self.add_endpoint(|pid| Watcher {
            core: Core::new(pid, "monitor", &Options::default()),
            slot,
        });
        let (target, monitor) = (self.bind(pid.as_ref()), self.next_monitor());
        let watcher = cell.core.pid().clone();
        let _ = cell.core.with_bonds(|bonds| bonds.monitor(monitor, target.clone()));
        self.bond(&watcher, &target);
        let lane = LaneKey::of_sender();
        self.signal_by(lane, &target, Signal::Monitor { watcher, monitor });
        Monitor { node: self.clone(), cell, down, lane }
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

impl Drop for Monitor {
    fn drop(&mut self) {
        self.node.bury(&*self.cell, self.lane, ExitReason::Normal);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(self.cell.core.pid()).finish()
    }
}

/// What stands in the pid table for a [`Monitor`].
#[derive(Debug)]
struct Watcher {
    core: Core,
    slot: Mutex<Option<oneshot::Sender<Down>>>,
}

impl AnyCell for Watcher {
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
        if let Ok(down) = info.downcast::<Down>()
            && let Some(sender) = self.slot.lock().take()
        {
            let _ = sender.send(down);
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
