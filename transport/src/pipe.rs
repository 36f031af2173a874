//! The port to the network: byte pipes, dialled and accepted.
//!
//! A pipe carries bytes in order, and ends. Everything else (who is there, frames, liveness) is the
//! business of sessions. What every pipe has to keep is pinned by `pipe/tests.rs`, which runs over
//! all of them.
//!
//! | Pipe | Addresses | Feature | Who is at the other end |
//! |---|---|---|---|
//! | [`TcpPipe`] | `host:port` | | whoever knows the cookie |
//! | `UnixPipe` | `unix:PATH` | | whoever may open the file, and knows the cookie |
//! | `TlsPipe` | `host:port` | `tls` | whoever has a certificate, and knows the cookie |
//! | `QuicPipe` | `host:port`, UDP | `quic` | whoever has a certificate, and knows the cookie |
//! | `WebSocketPipe` | `ws://host:port/path` | `websocket` | whoever knows the cookie |
//! | | `wss://host:port/path` | and `tls` | whoever has a certificate, and knows the cookie |
//! | [`MemoryPipe`] | `memory:NAME` | | tests |

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use starlings_runtime::{BoxFuture, NodeId};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::ChannelBinding;

#[cfg(feature = "tls")]
mod credentials;
#[cfg(any(feature = "tls", feature = "websocket"))]
mod handshakes;
mod identity;
mod memory;
#[cfg(feature = "quic")]
mod quic;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "tls")]
pub use credentials::{Binding, Credentials, CredentialsError};
#[cfg(any(feature = "tls", feature = "websocket"))]
pub use handshakes::PIPE_HANDSHAKES_MAX;
pub use identity::PeerIdentity;
pub use memory::{MemoryNetwork, MemoryPipe};
#[cfg(feature = "quic")]
pub use quic::{QUIC_IDLE_TIMEOUT, QuicPipe};
pub use tcp::TcpPipe;
#[cfg(feature = "tls")]
pub use tls::TlsPipe;
#[cfg(unix)]
pub use unix::UnixPipe;
#[cfg(feature = "websocket")]
pub use websocket::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_READ_MAX, WebSocketPipe};

/// A way to other nodes. An `Arc` of one is one too.
pub trait Pipe: Send + Sync + fmt::Debug + 'static {
    /// Whether this may be dialled, without trying.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, address: &str) -> Result<(), String>;

    /// Opens a connection. The caller bounds how long it may take.
    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>>;

    /// Listens; afterwards others can dial [`PipeListener::local_address`].
    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>>;
}

impl<P: Pipe + ?Sized> Pipe for Arc<P> {
    fn check(&self, address: &str) -> Result<(), String> {
        (**self).check(address)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        (**self).dial(address)
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        (**self).listen(address)
    }
}

/// Where others dial in. Dropping it frees the address; connections live on.
pub trait PipeListener: Send + Sync + fmt::Debug + 'static {
    /// The next connection. If the pipe has a handshake of its own, it is over: one that stalls holds
    /// up no other connection, and one that fails is logged and no error of this.
    ///
    /// # Errors
    /// What the system said; the next call may succeed.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>>;

    /// What others dial.
    fn local_address(&self) -> String;
}

/// One open connection. Dropping both halves closes it.
pub struct Connection {
    /// What comes in.
    pub read: Box<dyn ReadHalf>,
    /// What goes out. Shutting it down ends what the other end reads.
    pub write: Box<dyn WriteHalf>,
    /// Who is at the other end, for logs.
    pub remote_address: String,
    /// Which nodes the other end may be, if the pipe can tell: see [`Connection::allows`].
    pub identity: Option<PeerIdentity>,
    /// What both ends know of the encrypted channel between them, if it goes from one to the other: with it
    /// the session finds out whether there is somebody in between.
    pub channel: Option<ChannelBinding>,
}

impl Connection {
    /// Of two halves, to an end that may be any node, over no channel.
    pub fn new(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
        remote_address: String,
    ) -> Self {
        let (read, write) = (Box::new(read), Box::new(write));
        Self { read, write, remote_address, identity: None, channel: None }
    }

    /// Whether the other end may be this node, as far as the pipe can tell. It may be any node if the
    /// pipe knows nothing of it; what it has to prove by the cookie is left to the session.
    #[must_use]
    pub fn allows(&self, node: &NodeId) -> bool {
        self.mismatch(node).is_none()
    }

    /// Has the runtime that it is called in watch it from now on, if that matters to its pipe; any
    /// other goes on to be watched by the one it was opened in.
    pub(crate) fn rehome(self) -> io::Result<Self> {
        let (read, write) = tcp::rehome(self.read, self.write)?;
        Ok(Self { read, write, ..self })
    }

    /// What is wrong, if the other end cannot be this node.
    pub(crate) fn mismatch(&self, node: &NodeId) -> Option<String> {
        let identity = self.identity.as_ref().filter(|identity| !identity.allows(node))?;
        Some(format!("it proved to be {:?}, not {node}", identity.names()))
    }
}

/// The reading half of a connection.
pub trait ReadHalf: AsyncRead + Send + Unpin + Any {
    /// Itself, whatever it is.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// The writing half of a connection.
pub trait WriteHalf: AsyncWrite + Send + Unpin + Any {
    /// Itself, whatever it is.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: AsyncRead + Send + Unpin + Any> ReadHalf for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl<T: AsyncWrite + Send + Unpin + Any> WriteHalf for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("remote_address", &self.remote_address)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// This is not an address, or its host is not known.
    #[error("it cannot be resolved: {0}")]
    BadAddress(String),
    /// Nobody answers there.
    #[error(transparent)]
    Unreachable(#[from] io::Error),
    /// Somebody answers there, and the handshake of the pipe fails: another protocol is spoken, or one
    /// end does not trust the other.
    #[error("{0}")]
    Handshake(String),
}
