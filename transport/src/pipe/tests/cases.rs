//! Each pipe, with an address to listen on and what it needs there.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use tempfile::TempDir;

use crate::pipe::{MemoryNetwork, Pipe, TcpPipe};

pub(in crate::pipe) struct Case {
    pub(in crate::pipe) pipe: Arc<dyn Pipe>,
    pub(in crate::pipe) address: String,
    handshake: Handshake,
    /// Removed with the case.
    _folder: Option<TempDir>,
}

/// What the handshake of a pipe goes over.
#[derive(Debug)]
enum Handshake {
    None,
    #[cfg(any(feature = "tls", feature = "websocket"))]
    Tcp,
    #[cfg(feature = "quic")]
    Quic(crate::pipe::Credentials),
}

impl Case {
    fn new(pipe: impl Pipe, address: impl Into<String>, handshake: Handshake) -> Self {
        Self { pipe: Arc::new(pipe), address: address.into(), handshake, _folder: None }
    }

    /// Connects somebody who says nothing; nobody, where that is a connection like all others.
    pub(in crate::pipe) async fn stall(&self, address: &str) -> Option<Box<dyn Any>> {
        match &self.handshake {
            Handshake::None => None,
            #[cfg(any(feature = "tls", feature = "websocket"))]
            Handshake::Tcp => {
                Some(Box::new(tokio::net::TcpStream::connect(place(address)).await.unwrap()))
            }
            #[cfg(feature = "quic")]
            Handshake::Quic(credentials) => {
                let (credentials, address) = (credentials.clone(), address.to_owned());
                // It comes as far as it comes: the listener has to take part.
                let stalled = async move {
                    let _connection = crate::pipe::quic::tests::stall(&credentials, &address).await;
                    std::future::pending::<()>().await;
                };
                let mut task = tokio::task::JoinSet::new();
                task.spawn(stalled);
                Some(Box::new(task))
            }
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipe.fmt(f)
    }
}

/// The `host:port` in an address.
pub(in crate::pipe) fn place(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

pub(in crate::pipe) fn cases() -> Vec<Case> {
    vec![
        Case::new(TcpPipe, "127.0.0.1:0", Handshake::None),
        Case::new(MemoryNetwork::default().pipe("a"), "memory:a", Handshake::None),
        #[cfg(unix)]
        unix(),
        #[cfg(feature = "tls")]
        Case::new(crate::pipe::TlsPipe::new(credentials()), "127.0.0.1:0", Handshake::Tcp),
        #[cfg(feature = "quic")]
        quic(),
        #[cfg(feature = "websocket")]
        Case::new(crate::pipe::WebSocketPipe::new(), "ws://127.0.0.1:0/path?query", Handshake::Tcp),
        #[cfg(all(feature = "websocket", feature = "tls"))]
        Case::new(
            crate::pipe::WebSocketPipe::secure(credentials()),
            "wss://127.0.0.1:0",
            Handshake::Tcp,
        ),
    ]
}

#[cfg(unix)]
fn unix() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("a.sock").display());
    let case = Case::new(crate::pipe::UnixPipe, address, Handshake::None);
    Case { _folder: Some(folder), ..case }
}

#[cfg(feature = "quic")]
fn quic() -> Case {
    let credentials = credentials();
    let pipe = crate::pipe::QuicPipe::new(credentials.clone());
    Case::new(pipe, "127.0.0.1:0", Handshake::Quic(credentials))
}

#[cfg(feature = "tls")]
fn credentials() -> crate::pipe::Credentials {
    use super::authority::{Authority, localhost};
    localhost(&Authority::new(), "node")
}
