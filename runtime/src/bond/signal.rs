//! Signals: what passes between actors beside messages, the same for local and remote ones.

use crate::actor::info::MonitorRef;
use crate::pid::AnyPid;
use crate::reason::ExitReason;
use crate::remote::wire::Header;

/// A signal to one actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    Link {
        from: AnyPid,
    },
    /// The receiver acknowledges the ref.
    Unlink {
        from: AnyPid,
        unlink: u64,
    },
    UnlinkAck {
        from: AnyPid,
        unlink: u64,
    },
    /// `linked`: because of a link, not by hand.
    Exit {
        from: AnyPid,
        reason: ExitReason,
        linked: bool,
    },
    Stop {
        reason: ExitReason,
    },
    /// Stop when what is queued has been handled.
    Drain {
        reason: ExitReason,
    },
    Kill,
    Monitor {
        watcher: AnyPid,
        monitor: MonitorRef,
    },
    Demonitor {
        watcher: AnyPid,
        monitor: MonitorRef,
    },
    Down {
        monitor: MonitorRef,
        target: AnyPid,
        reason: ExitReason,
    },
}

impl Signal {
    /// What someone who links to the dead actor `pid` gets.
    pub(crate) fn no_proc_exit(pid: &AnyPid) -> Self {
        Self::Exit { from: pid.clone(), reason: ExitReason::NoProc, linked: true }
    }

    /// The same as the header of an envelope to the actor with serial `to`. What the signal names
    /// beside the receiver is an actor of the sending node.
    pub(crate) fn header(self, to: u64) -> Header {
        match self {
            Self::Link { from } => Header::Link { from: from.serial(), to },
            Self::Unlink { from, unlink } => Header::Unlink { from: from.serial(), to, unlink },
            Self::UnlinkAck { from, unlink } => {
                Header::UnlinkAck { from: from.serial(), to, unlink }
            }
            Self::Exit { from, reason, linked } => {
                Header::Exit { from: from.serial(), to, reason, linked }
            }
            Self::Stop { reason } => Header::Stop { to, reason },
            Self::Drain { reason } => Header::Drain { to, reason },
            Self::Kill => Header::Kill { to },
            Self::Monitor { watcher, monitor } => {
                Header::Monitor { watcher: watcher.serial(), monitor, to }
            }
            Self::Demonitor { watcher, monitor } => {
                Header::Demonitor { watcher: watcher.serial(), monitor, to }
            }
            Self::Down { monitor, target, reason } => {
                Header::Down { watcher: to, monitor, from: target.serial(), reason }
            }
        }
    }

    /// What the sender gets back when there is no such actor, or no way to it.
    pub(crate) fn bounced(self, to: &AnyPid, reason: ExitReason) -> Option<(AnyPid, Self)> {
        match self {
            Self::Link { from } => {
                Some((from, Self::Exit { from: to.clone(), reason, linked: true }))
            }
            Self::Monitor { watcher, monitor } => {
                Some((watcher, Self::Down { monitor, target: to.clone(), reason }))
            }
            Self::Unlink { from, unlink } => {
                Some((from, Self::UnlinkAck { from: to.clone(), unlink }))
            }
            Self::UnlinkAck { .. }
            | Self::Exit { .. }
            | Self::Stop { .. }
            | Self::Drain { .. }
            | Self::Kill
            | Self::Demonitor { .. }
            | Self::Down { .. } => None,
        }
    }
}
