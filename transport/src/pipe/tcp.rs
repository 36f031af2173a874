//! TCP. Addresses have the form `host:port`.

use std::any::Any;
use std::io;
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

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let address = address.to_owned();
        Box::pin(async move {
            let found = lookup_host(&address).await;
            let found = found.map_err(|error| DialError::BadAddress(error.to_string()))?;
            let mut last = None;
            for candidate in found {
                match TcpStream::connect(candidate).await {
                    Ok(stream) => return Ok(connection(stream, candidate.to_string())?),
                    Err(error) => last = Some(error),
                }
            }
            Err(match last {
                Some(error) => DialError::Unreachable(error),
                None => DialError::BadAddress("the host has no address".to_owned()),
            })
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
            let (stream, remote) = self.listener.accept().await?;
            connection(stream, remote.to_string())
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

fn connection(stream: TcpStream, remote_address: String) -> io::Result<Connection> {
    // Writers gather by themselves; waiting for more would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    let (read, write) = stream.into_split();
    Ok(Connection { read: Box::new(read), write: Box::new(write), remote_address })
}
