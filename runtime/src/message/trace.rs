//! The trace of a message: which chain of messages it belongs to, here and on other nodes.
//!
//! Only when a subscriber takes the target `starlings::trace` at level `TRACE`: then every message
//! carries a [`Trace`], its handler runs in a span with the fields `node pid kind trace span parent`,
//! and what the handler sends belongs to the same trace, also over the wire. Otherwise none of this
//! costs more than looking whether somebody listens.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};

use crate::node::Node;
use crate::pid::AnyPid;

/// The `tracing` target of the spans of handlers.
pub const TRACE_TARGET: &str = "starlings::trace";

/// A place in a trace: one message of a chain. Prints as `trace/span` in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trace {
    /// The chain. Made up by the node on which it began; as good as unique.
    pub trace: u64,
    /// This message.
    pub span: u64,
    /// The message whose handler sent it; 0 for the first.
    pub parent: u64,
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// What this thread is at.
#[derive(Clone, Copy)]
enum Current {
    /// It polls the handler of this message: what is sent follows from it.
    Handles(Trace),
    /// It delivers this message, which came from another node.
    Delivers(Trace),
}

impl Trace {
    /// The trace of the message that is being handled; `None` outside of handlers, and when nobody
    /// listens.
    #[must_use]
    pub fn current() -> Option<Self> {
        match CURRENT.get() {
            Some(Current::Handles(trace)) => Some(trace),
            Some(Current::Delivers(_)) | None => None,
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}/{:016x}", self.trace, self.span)
    }
}

/// Whether a subscriber wants traces.
pub(crate) fn is_wanted() -> bool {
    tracing::enabled!(target: TRACE_TARGET, tracing::Level::TRACE)
}

/// The trace of a message that is sent now: the next in the chain of the one being handled, or the
/// first of a new one.
pub(crate) fn outgoing(node: &Node) -> Trace {
    let span = node.unique();
    match CURRENT.get() {
        Some(Current::Delivers(trace)) => trace,
        Some(Current::Handles(Trace { trace, span: parent, .. })) => Trace { trace, span, parent },
        None => Trace { trace: span, span, parent: 0 },
    }
}

/// What a thread is at, until this is dropped.
pub(crate) struct Entered(Option<Current>);

/// This thread delivers a message that came over the wire.
pub(crate) fn deliver(trace: Trace) -> Entered {
    Entered(CURRENT.replace(Some(Current::Delivers(trace))))
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs a handler within the span of its message.
pub(crate) fn within<F: Future>(trace: Trace, pid: &AnyPid, kind: &str, handler: F) -> Within<F> {
    let Trace { trace: chain, span, parent } = trace;
    let node = pid.node();
    let entered: Span = tracing::trace_span!(
        target: TRACE_TARGET, "handle", %node, %pid, kind,
        trace = format_args!("{chain:016x}"),
        span = format_args!("{span:016x}"),
        parent = format_args!("{parent:016x}"),
    );
    Within { trace, handler: Box::pin(handler.instrument(entered)) }
}

pub(crate) struct Within<F> {
    trace: Trace,
    handler: Pin<Box<Instrumented<F>>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered(CURRENT.replace(Some(Current::Handles(self.trace))));
        self.handler.as_mut().poll(cx)
    }
}
