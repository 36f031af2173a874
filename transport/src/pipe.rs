//! The port to the network: byte pipes, dialled and accepted.
//!
//! A pipe carries bytes in order, and ends. Everything else (who is there, frames, liveness) is the
//! business of sessions. What every pipe has to keep is pinned by `pipe/tests.rs`, which runs over
//! all of them.

use std::any::Any;
use std::fmt;
use std::io;

use starlings_runtime::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

mod memory;
mod tcp;
#[cfg(test)]
mod tests;

pub use memory::{MemoryNetwork, MemoryPipe};
pub use tcp::TcpPipe;

/// A way to other nodes.
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

/// Where others dial in.
pub trait PipeListener: Send + Sync + fmt::Debug + 'static {
    /// The next connection.
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
}

impl Connection {
    /// Has the runtime that it is called in watch it from now on, if that matters to its pipe; any
    /// other goes on to be watched by the one it was opened in.
    pub(crate) fn rehome(self) -> io::Result<Self> {
        let Self { read, write, remote_address } = self;
        let (read, write) = tcp::rehome(read, write)?;
        Ok(Self { read, write, remote_address })
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
}
