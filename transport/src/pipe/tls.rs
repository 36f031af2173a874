//! TLS over TCP. Addresses have the form `host:port`.
//!
//! A listener learns whether it accepts the dialler's certificate after the dialler is done: so a
//! dialler that is refused sees it when it reads, and then as the alert of TLS, which says why.

use std::io;

use rustls::ConnectionCommon;
use rustls::pki_types::{CertificateDer, ServerName};
use starlings_runtime::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::credentials::{Credentials, channel, identity, server_name};
use super::handshakes::Handshakes;
use super::{Connection, DialError, PeerIdentity, Pipe, PipeListener, tcp};
use crate::wire::ChannelBinding;

#[cfg(test)]
mod tests;

/// What a listener still reads of a dialler that it refuses. Bytes; more than a dialler sends before it
/// hears of it.
const LINGER_BYTES_MAX: u64 = 64 << 10;

/// The network, by TLS 1.3; both ends show a certificate.
///
/// ```no_run
/// use starlings_transport::pipe::{Binding, Credentials, TlsPipe};
///
/// # fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = Credentials::load("node.pem", "node.key", "ca.pem")?.bind(Binding::Node);
/// let pipe = TlsPipe::new(credentials.clone());
/// // Whenever the files have changed:
/// credentials.reload()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TlsPipe {
    credentials: Credentials,
}

impl TlsPipe {
    /// With these credentials.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Pipe for TlsPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        server_name(address).map(drop)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let checked = server_name(address);
        let (address, credentials) = (address.to_owned(), self.credentials.clone());
        Box::pin(async move {
            let name = checked.map_err(DialError::BadAddress)?;
            let (stream, remote) = tcp::connect(&address).await?;
            let (stream, identity) = connect(&credentials, name, stream).await?;
            let channel = Some(channel_of(stream.get_ref().1)?);
            let (read, write) = tokio::io::split(stream);
            Ok(Connection { identity, channel, ..Connection::new(read, write, remote) })
        })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let (address, credentials) = (address.to_owned(), self.credentials.clone());
        Box::pin(async move {
            let listener = TcpListener::bind(&address).await?;
            let local_address = listener.local_addr()?.to_string();
            let handshakes = Handshakes::default();
            let listener = Listener { listener, local_address, credentials, handshakes };
            Ok(Box::new(listener) as Box<dyn PipeListener>)
        })
    }
}

#[derive(Debug)]
struct Listener {
    listener: TcpListener,
    local_address: String,
    credentials: Credentials,
    handshakes: Handshakes,
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        let handshake = |stream, remote| {
            let credentials = self.credentials.clone();
            async move {
                let (stream, identity) = accept(&credentials, stream).await?;
                let channel = Some(channel_of(stream.get_ref().1)?);
                let (read, write) = tokio::io::split(stream);
                Ok(Connection { identity, channel, ..Connection::new(read, write, remote) })
            }
        };
        Box::pin(self.handshakes.next(|| tcp::accept(&self.listener), handshake))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

fn channel_of<Side>(connection: &ConnectionCommon<Side>) -> io::Result<ChannelBinding> {
    // Without a context, which TLS 1.3 takes for an empty one, as it should be.
    channel(|channel, label| connection.export_keying_material(channel, label, None).map(drop))
}

/// The handshake of the end that dialled.
pub(super) async fn connect(
    credentials: &Credentials,
    name: ServerName<'static>,
    stream: TcpStream,
) -> Result<(client::TlsStream<TcpStream>, Option<PeerIdentity>), DialError> {
    let failed = |error: io::Error| DialError::Handshake(error.to_string());
    let connector = TlsConnector::from(credentials.client());
    let stream = connector.connect(name, stream).await.map_err(failed)?;
    let identity = peer(credentials, stream.get_ref().1.peer_certificates()).map_err(failed)?;
    Ok((stream, identity))
}

/// The handshake of the end that listened.
pub(super) async fn accept(
    credentials: &Credentials,
    stream: TcpStream,
) -> io::Result<(server::TlsStream<TcpStream>, Option<PeerIdentity>)> {
    let acceptor = TlsAcceptor::from(credentials.server());
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => {
            let identity = peer(credentials, stream.get_ref().1.peer_certificates())?;
            Ok((stream, identity))
        }
        Err((error, stream)) => {
            linger(stream).await;
            Err(error)
        }
    }
}

fn peer(
    credentials: &Credentials,
    certificates: Option<&[CertificateDer<'_>]>,
) -> io::Result<Option<PeerIdentity>> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    match certificates.and_then(<[_]>::first) {
        Some(certificate) => identity(credentials.binding(), certificate).map_err(invalid),
        None => Err(invalid("it showed no certificate".to_owned())),
    }
}

/// Reads on until the other end closes. A close with bytes unread is a reset, and what a reset
/// overtakes is lost: the alert that says why.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await;
    }
}
