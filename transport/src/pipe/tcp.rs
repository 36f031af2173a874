//! TCP. Addresses have the form `host:port`.

use std::io;
use std::net::SocketAddr;

use starlings_runtime::BoxFuture;
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::{Connection, DialError, Pipe, PipeListener};

/// The network, by TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpPipe;

impl Pipe for TcpPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        check(address)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let address = address.to_owned();
        Box::pin(async move {
            let (stream, remote) = connect(&address).await?;
            Ok(connection(stream, remote))
        })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let address = address.to_owned();
        Box::pin(async move {
            let listener = TcpListener::bind(&address).await?;
            let local_address = listener.local_addr()?.to_string();
            let listener = Listener { listener, local_address };
            Ok(Box::new(listener) as Box<dyn PipeListener>)
        })
    }
}

#[derive(Debug)]
struct Listener {
    listener: TcpListener,
    local_address: String,
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async {
            let (stream, remote) = accept(&self.listener).await?;
            Ok(connection(stream, remote))
        })
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

fn connection(stream: TcpStream, remote_address: String) -> Connection {
    let (read, write) = stream.into_split();
    Connection::new(read, write, remote_address)
}

/// Whether an address has the form `host:port`.
pub(super) fn check(address: &str) -> Result<(), String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err("it has the form host:port".to_owned());
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    match port.parse::<u16>() {
        Ok(0) | Err(_) => Err("the port is a number from 1 to 65535".to_owned()),
        Ok(_) => Ok(()),
    }
}

/// All addresses of a `host:port`, at least one.
pub(super) async fn resolve(address: &str) -> Result<Vec<SocketAddr>, DialError> {
    let found = lookup_host(address).await;
    let found: Vec<_> = found.map_err(|error| DialError::BadAddress(error.to_string()))?.collect();
    if found.is_empty() {
        return Err(DialError::BadAddress("the host has no address".to_owned()));
    }
    Ok(found)
}

/// Opens a stream to the first address that answers, which is told too.
pub(super) async fn connect(address: &str) -> Result<(TcpStream, String), DialError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in resolve(address).await? {
        match TcpStream::connect(candidate).await {
            Ok(stream) => return Ok((undelayed(stream)?, candidate.to_string())),
            Err(error) => last = error,
        }
    }
    Err(DialError::Unreachable(last))
}

/// The next stream, and from where.
///
/// # Cancel safety
/// No stream is lost when the future is dropped.
pub(super) async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, String)> {
    let (stream, remote) = listener.accept().await?;
    Ok((undelayed(stream)?, remote.to_string()))
}

/// Writers gather by themselves; waiting for more would only add delay.
fn undelayed(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
