//! QUIC: TLS and streams over UDP. Addresses have the form `host:port`, of UDP.
//!
//! ```text
//!   dialler                                   listener
//!     │ ── connect ──────────────────────────▶ │
//!     │ ◀───────────────── retry, with a token │   it has the address that it says
//!     │ ── connect, token ───────────────────▶ │
//!     │ ◀── certificates and keys, as TLS 1.3 ▶│
//!     │ ── stream, GREETING ─────────────────▶ │   QUIC shows a stream by its first byte only
//! ```
//!
//! One connection of ours is one connection of QUIC with one stream. There is nothing to gain from
//! more streams in one: each lane has one, and a lane that is lost ends its session anyway.
//!
//! What TCP leaves to the system stands here: a shutdown waits until the other end has everything,
//! since the connection ends with the value that has it (`quic/stream.rs`); and a dial asks by a
//! datagram of its own whether anybody has that port, since QUIC would wait until it gives up.

use std::any::Any;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, Endpoint, Incoming, RecvStream, SendStream};
use rustls::pki_types::{CertificateDer, ServerName};
use starlings_runtime::BoxFuture;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use self::stream::{Reader, Writer, write_error};
use super::credentials::{Credentials, channel, identity, server_name};
use super::handshakes::{Handshakes, PIPE_HANDSHAKES_MAX};
use super::{Connection, DialError, PeerIdentity, Pipe, PipeListener, tcp};

mod stream;
#[cfg(test)]
pub(super) mod tests;

/// The protocol within QUIC, which has to be named.
const ALPN: &[u8] = b"starlings/1";

/// The first byte of a stream, by which the other end sees it.
const GREETING: u8 = b'*';

/// After this long without a packet a connection is lost. Only for connections that no session watches
/// any more: heartbeats find silent peers earlier by default. Where a session is to outlive a longer
/// silence, this counts.
pub const QUIC_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a quiet connection says something, so that only a lost one becomes idle. A third of that
/// time: one may be lost.
const QUIC_PING_INTERVAL: Duration = Duration::from_secs(10);

/// What one connection holds that the other end has not confirmed, before its writer waits. Bytes;
/// what is under way at 100 Mbit/s over 160 ms.
const SEND_BYTES_MAX: u64 = 2 << 20;

/// What the other end may send that is not read yet. Bytes; as [`SEND_BYTES_MAX`].
const RECEIVE_BYTES_MAX: u32 = 2 << 20;

/// What is kept of a dialler whose handshake has not begun, and a sixteenth of that of all of them;
/// packets beyond it are dropped, and sent again. Bytes; a first flight is one or two packets of 1.2 KB.
const ARRIVAL_BYTES_MAX: u64 = 64 << 10;

/// How long a dial waits for the system's word that nobody has the port before it asks again. Far above
/// a round trip in one network, and asking costs one datagram.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// The network, by QUIC; both ends show a certificate.
///
/// ```no_run
/// use starlings_transport::pipe::{Credentials, QuicPipe};
///
/// # fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// let pipe = QuicPipe::new(Credentials::load("node.pem", "node.key", "ca.pem")?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct QuicPipe {
    credentials: Credentials,
}

impl QuicPipe {
    /// With these credentials.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Pipe for QuicPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        server_name(address).map(drop)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let checked = server_name(address);
        let (address, credentials) = (address.to_owned(), self.credentials.clone());
        Box::pin(async move {
            let name = checked.map_err(DialError::BadAddress)?;
            let connection = connect(&credentials, &address, &name).await?;
            let opened = open(&credentials, &connection).await;
            opened.map_err(|error| DialError::Handshake(error.to_string()))
        })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let (address, credentials) = (address.to_owned(), self.credentials.clone());
        Box::pin(async move {
            let candidates = tokio::net::lookup_host(&address).await?;
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for candidate in candidates {
                match Endpoint::server(server_config(&credentials)?, candidate) {
                    Ok(endpoint) => return Listener::boxed(endpoint, credentials),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

/// Its drop lets nobody in any more; the port is free once the connections that came in are gone.
#[derive(Debug)]
struct Listener {
    endpoint: Endpoint,
    local_address: String,
    credentials: Credentials,
    handshakes: Handshakes,
}

impl Listener {
    fn boxed(endpoint: Endpoint, credentials: Credentials) -> io::Result<Box<dyn PipeListener>> {
        let local_address = endpoint.local_addr()?.to_string();
        let handshakes = Handshakes::default();
        Ok(Box::new(Self { endpoint, local_address, credentials, handshakes }))
    }

    /// The next one who has the address that it says.
    async fn arrival(&self) -> io::Result<(Incoming, String)> {
        while let Some(incoming) = self.endpoint.accept().await {
            if incoming.remote_address_validated() {
                let remote = incoming.remote_address().to_string();
                return Ok((incoming, remote));
            }
            // Who is told to try again and does not comes to nothing, and costs nothing.
            let _ = incoming.retry();
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        let handshake = |incoming: Incoming, _| {
            let credentials = self.credentials.clone();
            async move { admit(&credentials, incoming).await }
        };
        Box::pin(self.handshakes.next(|| self.arrival(), handshake))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.endpoint.set_server_config(None);
    }
}

/// The handshake of the end that dialled, with the first address where it succeeds.
async fn connect(
    credentials: &Credentials,
    address: &str,
    name: &ServerName<'_>,
) -> Result<quinn::Connection, DialError> {
    let config = client_config(credentials)?;
    let mut last = DialError::BadAddress("the host has no address".to_owned());
    for candidate in tcp::resolve(address).await? {
        let any: SocketAddr = match candidate {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        // Each dial has a socket of its own, as with TCP: no state is shared, and none is left.
        let endpoint = Endpoint::client(any)?;
        let connecting = endpoint.connect_with(config.clone(), candidate, &name.to_str());
        let connecting = connecting.map_err(|error| DialError::BadAddress(error.to_string()))?;
        let connected = tokio::select! {
            connected = connecting => connected.map_err(dial_error),
            error = unreachable(any, candidate) => Err(DialError::Unreachable(error)),
        };
        match connected {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Ends when the system says that nothing is to be reached there. What it asks with is too short for a
/// packet of QUIC, and is dropped by whoever is there.
async fn unreachable(from: SocketAddr, there: SocketAddr) -> io::Error {
    let probe = async {
        let socket = UdpSocket::bind(from).await?;
        socket.connect(there).await?;
        loop {
            socket.send(&[0]).await?;
            if let Ok(Err(error)) = timeout(PROBE_INTERVAL, socket.recv(&mut [0])).await {
                return Err(error);
            }
        }
    };
    let Err::<std::convert::Infallible, _>(error) = probe.await;
    error
}

fn dial_error(error: ConnectionError) -> DialError {
    if error == ConnectionError::TimedOut {
        return DialError::Unreachable(io::ErrorKind::TimedOut.into());
    }
    DialError::Handshake(error.to_string())
}

/// The stream of the end that dialled.
async fn open(credentials: &Credentials, connection: &quinn::Connection) -> io::Result<Connection> {
    let (mut write, read) = connection.open_bi().await?;
    write.write_all(&[GREETING]).await.map_err(write_error)?;
    made(credentials, connection, write, read)
}

/// The handshake and the stream of the end that listened.
async fn admit(credentials: &Credentials, incoming: Incoming) -> io::Result<Connection> {
    let config = Arc::new(server_config(credentials)?);
    let connection = incoming.accept_with(config)?.await?;
    let (write, mut read) = connection.accept_bi().await?;
    let mut greeting = [0];
    let read_it = read.read_exact(&mut greeting).await;
    read_it.map_err(|error| invalid(error.to_string()))?;
    if greeting != [GREETING] {
        return Err(invalid("it greets in another way".to_owned()));
    }
    made(credentials, &connection, write, read)
}

fn made(
    credentials: &Credentials,
    connection: &quinn::Connection,
    write: SendStream,
    read: RecvStream,
) -> io::Result<Connection> {
    let identity = peer(credentials, connection.peer_identity())?;
    let (read, write) = (Reader(read), Writer::new(write));
    let remote = connection.remote_address().to_string();
    let channel = channel(|channel, label| {
        let exported = connection.export_keying_material(channel, label, &[]);
        exported.map_err(|error| format!("{error:?}"))
    })?;
    Ok(Connection { identity, channel: Some(channel), ..Connection::new(read, write, remote) })
}

fn peer(
    credentials: &Credentials,
    certificates: Option<Box<dyn Any>>,
) -> io::Result<Option<PeerIdentity>> {
    let certificates = certificates.and_then(|it| it.downcast::<Vec<CertificateDer<'_>>>().ok());
    match certificates.as_ref().and_then(|certificates| certificates.first()) {
        Some(certificate) => identity(credentials.binding(), certificate).map_err(invalid),
        None => Err(invalid("it showed no certificate".to_owned())),
    }
}

fn client_config(credentials: &Credentials) -> io::Result<quinn::ClientConfig> {
    let mut tls = (*credentials.client()).clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto: Result<QuicClientConfig, NoInitialCipherSuite> = tls.try_into();
    let mut config = quinn::ClientConfig::new(Arc::new(crypto.map_err(io::Error::other)?));
    config.transport_config(Arc::new(transport_config(0)?));
    Ok(config)
}

fn server_config(credentials: &Credentials) -> io::Result<quinn::ServerConfig> {
    let mut tls = (*credentials.server()).clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto: Result<QuicServerConfig, NoInitialCipherSuite> = tls.try_into();
    let crypto = Arc::new(crypto.map_err(io::Error::other)?);
    let mut config = quinn::ServerConfig::with_crypto(crypto);
    config
        .transport_config(Arc::new(transport_config(1)?))
        .max_incoming(PIPE_HANDSHAKES_MAX)
        .incoming_buffer_size(ARRIVAL_BYTES_MAX)
        .incoming_buffer_size_total(ARRIVAL_BYTES_MAX.saturating_mul(16));
    Ok(config)
}

/// For an end at which the other one may open this many streams.
fn transport_config(streams_max: u32) -> io::Result<quinn::TransportConfig> {
    let mut config = quinn::TransportConfig::default();
    config
        .max_concurrent_bidi_streams(streams_max.into())
        .max_concurrent_uni_streams(0_u32.into())
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(QUIC_IDLE_TIMEOUT.try_into().map_err(io::Error::other)?))
        .keep_alive_interval(Some(QUIC_PING_INTERVAL))
        .send_window(SEND_BYTES_MAX)
        .stream_receive_window(RECEIVE_BYTES_MAX.into());
    Ok(config)
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
