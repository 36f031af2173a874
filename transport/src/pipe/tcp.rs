//! TCP. Addresses have the form `host:port`.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use starlings_runtime::BoxFuture;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::{Connection, DialError, Pipe, PipeListener, ReadHalf, WriteHalf};

/// How long a connection is idle before the system looks whether the other end is there. Heartbeats
/// find a dead peer long before; this finds one dead connection among several of a session.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// How long the system waits for an answer before it looks again.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// How long what was written may go unacknowledged, or meet a full buffer at the other end, before the
/// system ends the connection. A program that reads nothing for a minute is not busy, but stuck.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);

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

/// Moves the halves of a TCP connection to the runtime that this is called in; others stay as they are.
pub(super) fn rehome(
    read: Box<dyn ReadHalf>,
    write: Box<dyn WriteHalf>,
) -> io::Result<(Box<dyn ReadHalf>, Box<dyn WriteHalf>)> {
    if !(&*read as &dyn Any).is::<OwnedReadHalf>() {
        return Ok((read, write));
    }
    let halves = (read.into_any().downcast(), write.into_any().downcast());
    let (Ok(read), Ok(write)) = halves else {
        return Err(io::Error::other("halves of different connections"));
    };
    let (read, write): (Box<OwnedReadHalf>, Box<OwnedWriteHalf>) = (read, write);
    let stream = read.reunite(*write).map_err(io::Error::other)?;
    let (read, write) = TcpStream::from_std(stream.into_std()?)?.into_split();
    Ok((Box::new(read), Box::new(write)))
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
            Ok(stream) => return Ok((prepared(stream)?, candidate.to_string())),
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
    Ok((prepared(stream)?, remote.to_string()))
}

/// With its options set.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    // Writers gather by themselves; waiting for more would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(stream)
}
