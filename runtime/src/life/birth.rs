//! How a spawn ends: the bonds of the child are installed, and who asked for it is told.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::bond::signal::Signal;
use crate::error::SpawnError;
use crate::life::cell::AnyCell;
use crate::life::core::Core;
use crate::life::spawn::Options;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::reason::ExitReason;
use crate::remote::carrier::{LaneKey, Urgency};
use crate::remote::peer::Peer;
use crate::remote::wire::{CallRef, Header};

/// A child on its way to who asked for it. Dropped before it is claimed, the asker has given up: a
/// child that nobody knows of is not left behind, and its parent is not bound to it.
pub(crate) struct Newborn {
    node: Node,
    child: Option<(AnyPid, Options)>,
}

impl Newborn {
    pub(crate) fn new(node: &Node, pid: AnyPid, options: Options) -> Self {
        Self { node: node.clone(), child: Some((pid, options)) }
    }

    pub(crate) fn claim(mut self) -> AnyPid {
        match self.child.take() {
            Some((pid, _)) => pid,
            None => unreachable!("it is claimed once"),
        }
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if let Some((pid, options)) = self.child.take() {
            // First the parent is free, so that the end of the child is nothing to it.
            unbind_parent(&self.node, &options, &pid);
            self.node.signal(&pid, Signal::Kill);
        }
    }
}

/// Who hears how a spawn went, and the bonds to install when it went well.
pub(crate) struct Birth {
    /// Boxed: it is in the task of the actor until it is born, and that is kept small.
    pub(crate) options: Box<Options>,
    pub(crate) answer: Answer,
}

pub(crate) enum Answer {
    Here(oneshot::Sender<Result<Newborn, SpawnError>>),
    There { peer: Arc<Peer>, call: CallRef },
}

impl Birth {
    /// Whether who asked for it is on this node.
    pub(crate) fn is_asked_here(&self) -> bool {
        matches!(self.answer, Answer::Here(_))
    }

    /// Ready when who asked for it here has given up.
    pub(crate) fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.answer {
            Answer::Here(sender) => sender.poll_closed(cx),
            Answer::There { .. } => Poll::Pending,
        }
    }

    /// The child runs: both halves of its bonds are installed, then the asker is told.
    pub(crate) fn succeed(self, node: &Node, child: &dyn AnyCell) {
        let Self { options, answer } = self;
        let (pid, core) = (child.core().pid(), child.core());
        if let Some(parent) = &options.parent {
            if let Some(monitor) = options.monitor {
                let _ = core.with_bonds(|bonds| bonds.add_watcher(parent.clone(), monitor));
            }
            node.bond(pid, parent);
        }
        match answer {
            Answer::Here(sender) => {
                bind_parent(node, &options, pid);
                // If nobody waits any more, the newborn is dropped here, and killed.
                drop(sender.send(Ok(Newborn::new(node, pid.clone(), *options))));
            }
            Answer::There { peer, call } => {
                let header = Header::Spawned { call, serial: pid.serial() };
                let told = peer.send(core.lane(), Urgency::Forced, &header, &mut |_| Ok(()));
                if told.is_err() {
                    // The node of its parent is gone, and was before this child was noted there.
                    forget_parent(core, &options);
                }
            }
        }
    }

    /// There is no child.
    pub(crate) fn fail(self, error: SpawnError) {
        match self.answer {
            Answer::Here(sender) => drop(sender.send(Err(error))),
            Answer::There { peer, call } => {
                let header = Header::SpawnFailed { call, error };
                let lane = LaneKey::of_sender();
                let _ = peer.send(lane, Urgency::Forced, &header, &mut |_| Ok(()));
            }
        }
    }
}

/// The child's half of its bonds goes with the node of its parent.
fn forget_parent(core: &Core, options: &Options) {
    if options.link {
        core.kill(ExitReason::NoConnection);
    }
    if let Some((parent, monitor)) = options.parent.as_ref().zip(options.monitor) {
        let _ = core.with_bonds(|bonds| bonds.remove_watcher(parent.clone(), monitor));
    }
}

/// Takes the parent's half back, as if it had never been.
fn unbind_parent(node: &Node, options: &Options, child: &AnyPid) {
    let parent = options.parent.as_ref().filter(|parent| parent.is_local());
    if let Some(cell) = parent.and_then(|parent| node.cell(parent.serial())) {
        let _ = cell.core().with_bonds(|bonds| bonds.forget(child, options.monitor));
    }
}

/// The parent's half of the bonds asked for with a spawn.
pub(crate) fn bind_parent(node: &Node, options: &Options, child: &AnyPid) {
    let Some(parent) = &options.parent else {
        return;
    };
    let bound = node.cell(parent.serial()).filter(|_| parent.is_local()).map(|cell| {
        cell.core().with_bonds(|bonds| {
            if options.link {
                bonds.link(child.clone());
            }
            if options.supervised {
                bonds.hold(child.clone());
            }
            if let Some(monitor) = options.monitor {
                bonds.monitor(monitor, child.clone());
            }
        })
    });
    if matches!(bound, Some(Ok(()))) {
        node.bond(parent, child);
    } else if options.link {
        node.signal_by(LaneKey::of_actor(parent.serial()), child, Signal::no_proc_exit(parent));
    }
}
