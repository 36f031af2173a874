//! The port to other nodes: what the runtime asks of a transport, and what it offers it.
//!
//! ```text
//!   runtime                                  transport (or a simulator)
//!   ───────                                  ──────────────────────────
//!   Carrier::connect, disconnect   ───────▶  dial, handshake, close
//!   Outlet::send                   ───────▶  one envelope into a lane's buffer
//!   Ingress::session_up            ◀───────  a session is made
//!   SessionIngress::deliver        ◀───────  one envelope came in
//!   SessionIngress::is_needed      ◀───────  may the session be closed for want of use?
//!   SessionIngress::resumed        ◀───────  it is not: what was kept goes on
//!   SessionIngress::down           ◀───────  the session ended, once
//! ```
//!
//! The runtime decides what envelopes mean; the transport only moves them, in order per lane, and
//! says when it no longer can. An envelope is opaque to the transport, and so is the greeting that
//! both sides exchange when a session opens.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::identity::{NodeId, NodeInstance};
use crate::reason::DownReason;

/// A boxed future, as the object-safe methods of the port return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a node reaches other nodes.
pub trait Carrier: Send + Sync + fmt::Debug + 'static {
    /// Makes a session with `node`, or finds the one there is.
    ///
    /// Resolves after [`Ingress::session_up`](crate::Ingress::session_up) has returned for it.
    /// `address` is remembered for later automatic connects; without one, an address heard of
    /// earlier is used.
    ///
    /// # Errors
    /// Any [`ConnectError`]; there is then no session and no `NodeUp` was seen.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the dial: the session may still come up.
    fn connect(
        &self,
        node: NodeId,
        address: Option<String>,
    ) -> BoxFuture<'static, Result<(), ConnectError>>;

    /// Ends the session with `node` for [`DownReason::Disconnected`]; `false` if there is none.
    fn disconnect(&self, node: &NodeId) -> bool;

    /// Whether [`Carrier::connect`] without an address could find `node`.
    fn knows(&self, node: &NodeId) -> bool;

    /// Whether what is sent to `node` may have it connected to: its address is known, and the node's
    /// rules allow it.
    fn may_connect(&self, node: &NodeId) -> bool;

    /// Ends all sessions for [`DownReason::Shutdown`], flushed first, and stops listening.
    fn shutdown(&self) -> BoxFuture<'static, ()>;
}

/// The sending side of one session.
pub trait Outlet: Send + Sync + fmt::Debug + 'static {
    /// Appends one envelope to a lane, written by `encode` straight into the outgoing buffer.
    ///
    /// Never waits. Envelopes with the same [`LaneKey`] arrive in the order sent. When `encode`
    /// fails, what it wrote is taken back.
    ///
    /// # Errors
    /// Any [`OutletError`]; the envelope is then not sent.
    fn send(
        &self,
        lane: LaneKey,
        urgency: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>,
    ) -> Result<(), OutletError>;

    /// Waits until the lane of this key is below its soft limit, or the session is closed.
    fn ready(self: Arc<Self>, lane: LaneKey) -> BoxFuture<'static, ()>;

    /// Ends the session. [`SessionIngress::down`](crate::SessionIngress::down) follows.
    fn close(&self, reason: DownReason);
}

/// Who sends an envelope: all with the same key arrive in the order sent, whatever their size and whomever
/// they are for. So a session lets them take one lane, always the same; and what follows a long one
/// waits for it. Keys that differ promise nothing to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneKey(pub u64);

/// What may be done with an envelope when its lane is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Above the soft limit it is refused with [`OutletError::Overloaded`]: casts and calls.
    Refusable,
    /// Only the hard limit, which ends the session, stops it: signals and replies.
    Forced,
}

/// Why an envelope was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutletError {
    /// The payload could not be encoded. The lane is unchanged.
    #[error("the message cannot be encoded: {0}")]
    Encode(String),
    /// The envelope is larger than a frame may be. The lane is unchanged.
    #[error("{bytes} bytes are more than the {bytes_max} of a message between nodes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The lane is above its soft limit. The lane is unchanged.
    #[error("the lane is full")]
    Overloaded,
    /// The session has ended.
    #[error("the session is closed")]
    Closed,
    /// The session is being closed for want of use. The envelope is to be kept, with all that follows it,
    /// until [`SessionIngress::resumed`](crate::SessionIngress::resumed), or for the session after this
    /// one, if its [`down`](crate::SessionIngress::down) is for [`DownReason::Idle`].
    #[error("the session is being closed for want of use")]
    Idle,
}

/// Why a session could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No address of that node is known, and none was given.
    #[error("no address of {0} is known")]
    NoAddress(NodeId),
    /// The address is not one, or cannot be resolved.
    #[error("{address:?} is not an address: {why}")]
    BadAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answered there.
    #[error("{node} cannot be reached at {address}: {why}")]
    Unreachable {
        /// Whom we wanted.
        node: NodeId,
        /// Where.
        address: String,
        /// What the system said.
        why: String,
    },
    /// It answered, but the two sides did not agree to talk.
    #[error("the handshake with {node} failed: {why}")]
    HandshakeFailed {
        /// Whom we wanted.
        node: NodeId,
        /// Why not.
        why: String,
    },
    /// It took longer than the connect timeout (5 s by default).
    #[error("connecting to {0} took too long")]
    Timeout(NodeId),
    /// A node does not connect to itself.
    #[error("{0} is this node")]
    SelfConnect(NodeId),
    /// This node was started without a transport, or is shutting down.
    #[error("this node has no transport")]
    NoTransport,
    /// This node does not talk to that one: see its list of peers.
    #[error("{0} is not allowed here")]
    NotAllowed(NodeId),
    /// There is no session, and this node does not make one unasked.
    #[error("{0} is not connected, and is connected to only when asked for")]
    NotAutomatic(NodeId),
}

/// What a transport says of the other side when a session is made.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// Who is at the other end.
    pub peer: NodeInstance,
    /// Whether it is hidden, or we are: such sessions are not in `nodes()`.
    pub hidden: bool,
    /// The other side's [`Ingress::greeting`](crate::Ingress::greeting).
    pub greeting: Vec<u8>,
}
