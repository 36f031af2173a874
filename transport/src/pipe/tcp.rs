//! TCP. Addresses have the form `host:port`.

use std::io;

use starlings_runtime::BoxFuture;
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::{Connection, DialError, Pipe, PipeListener};

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

fn connection(stream: TcpStream, remote_address: String) -> io::Result<Connection> {
    // Writers gather by themselves; waiting for more would only add delay.
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    Ok(Connection { read: Box::new(read), write: Box::new(write), remote_address })
}
