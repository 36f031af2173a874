//! WebSocket: through HTTP proxies to the outside, and behind a reverse proxy. Addresses are URLs,
//! `ws://host:port/path` and `wss://host:port/path`.
//!
//! ```text
//!   WebSocketPipe ─▶ Url           websocket/url.rs
//!        │       ─▶ Proxy          CONNECT: websocket/proxy.rs
//!        ▼
//!      Bytes                       binary messages as a byte stream: websocket/bytes.rs
//! ```
//!
//! With credentials, `wss://` is TLS as that of `TlsPipe`, and nothing else is dialled.

use std::io;

use starlings_runtime::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::{accept_hdr_async_with_config, client_async_with_config};

use self::bytes::Bytes;
use self::proxy::Proxy;
use self::url::Url;
#[cfg(feature = "tls")]
use super::credentials::{Binding, Credentials, server_name};
use super::handshakes::Handshakes;
use super::{Connection, DialError, PeerIdentity, Pipe, PipeListener, tcp};

mod bytes;
mod proxy;
#[cfg(test)]
mod tests;
mod url;

pub use bytes::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_READ_MAX};

/// The protocol within WebSocket, so that a listener for something else is told at once.
const SUBPROTOCOL: &str = "starlings";

/// The network, by WebSocket.
///
/// ```
/// use starlings_transport::pipe::{Pipe, WebSocketPipe};
///
/// # fn doc() -> Result<(), String> {
/// let pipe = WebSocketPipe::new().proxy("proxy.example.org:3128");
/// pipe.check("ws://a.example.org/cluster/a")?;
/// # Ok(()) }
/// # doc().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct WebSocketPipe {
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    credentials: Option<Credentials>,
}

impl WebSocketPipe {
    /// For `ws://` addresses.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these credentials: dials `wss://` only. It listens at `wss://`, and, for a reverse proxy
    /// that ends TLS before this node, at `ws://`, unless the certificates are bound to names of nodes:
    /// those of others would stay unseen.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn secure(credentials: Credentials) -> Self {
        Self { proxy: None, credentials: Some(credentials) }
    }

    /// Dials through this HTTP proxy, `host:port`, by its `CONNECT`.
    #[must_use]
    pub fn proxy(mut self, address: impl Into<String>) -> Self {
        self.proxy = Some(Proxy::new(address.into()));
        self
    }

    /// Shows this name and password to the proxy, as HTTP's basic authentication: the proxy and
    /// whoever can read the network before it can read them. Nothing without a proxy.
    #[must_use]
    pub fn proxy_login(mut self, user: &str, password: &str) -> Self {
        self.proxy = self.proxy.map(|proxy| proxy.login(user, password));
        self
    }

    /// Whether this may be dialled.
    fn target(&self, address: &str) -> Result<Url, String> {
        let url = Url::parse(address)?;
        tcp::check(&url.place)?;
        if let Some(proxy) = &self.proxy {
            proxy.check()?;
        }
        #[cfg(feature = "tls")]
        match (&self.credentials, url.is_secure) {
            (Some(_), true) => return server_name(&url.place).map(|_| url),
            (Some(_), false) => return Err("with credentials, it has to be wss://".to_owned()),
            (None, _) => {}
        }
        if url.is_secure {
            return Err("wss:// needs credentials".to_owned());
        }
        Ok(url)
    }

    /// Whether this may be listened at.
    fn entrance(&self, address: &str) -> Result<Url, String> {
        let url = Url::parse(address)?;
        #[cfg(feature = "tls")]
        match self.credentials.as_ref().map(Credentials::binding) {
            Some(_) if url.is_secure => return Ok(url),
            Some(Binding::Host | Binding::Node) => {
                return Err("certificates bound to nodes need wss://".to_owned());
            }
            Some(Binding::Authority | Binding::Address) | None => {}
        }
        if url.is_secure {
            return Err("wss:// needs credentials".to_owned());
        }
        Ok(url)
    }

    async fn open(&self, url: &Url) -> Result<Connection, DialError> {
        let place = self.proxy.as_ref().map_or(&*url.place, Proxy::address);
        let (mut stream, remote) = tcp::connect(place).await?;
        if let Some(proxy) = &self.proxy {
            proxy.connect(&mut stream, &url.place).await?;
        }
        let (stream, identity) = self.secured(url, stream).await?;
        let uri = url.uri.clone();
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
        let upgraded = client_async_with_config(request, stream, Some(bytes::config())).await;
        let (socket, _) = upgraded.map_err(|error| DialError::Handshake(error.to_string()))?;
        Ok(connection(Bytes::new(socket), remote, identity))
    }

    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_async, reason = "TLS waits"))]
    async fn secured(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> Result<(Box<dyn Stream>, Option<PeerIdentity>), DialError> {
        #[cfg(feature = "tls")]
        if let Some(credentials) = &self.credentials {
            let name = server_name(&url.place).map_err(DialError::BadAddress)?;
            let (stream, identity) = super::tls::connect(credentials, name, stream).await?;
            return Ok((Box::new(stream), identity));
        }
        debug_assert!(!url.is_secure, "refused before");
        Ok((Box::new(stream), None))
    }
}

impl Pipe for WebSocketPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        self.target(address).map(drop)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let (pipe, url) = (self.clone(), self.target(address));
        Box::pin(async move { pipe.open(&url.map_err(DialError::BadAddress)?).await })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let (pipe, url) = (self.clone(), self.entrance(address));
        Box::pin(async move {
            let url = url.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
            let listener = TcpListener::bind(&url.place).await?;
            let local_address = url.at(&listener.local_addr()?.to_string());
            let handshakes = Handshakes::default();
            let listener = Listener { listener, local_address, url, pipe, handshakes };
            Ok(Box::new(listener) as Box<dyn PipeListener>)
        })
    }
}

#[derive(Debug)]
struct Listener {
    listener: TcpListener,
    local_address: String,
    url: Url,
    pipe: WebSocketPipe,
    handshakes: Handshakes,
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        let handshake = |stream, remote| {
            let (pipe, url) = (self.pipe.clone(), self.url.clone());
            async move { admit(&pipe, url, stream, remote).await }
        };
        Box::pin(self.handshakes.next(|| tcp::accept(&self.listener), handshake))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

/// The handshake of the end that listened.
async fn admit(
    pipe: &WebSocketPipe,
    url: Url,
    stream: TcpStream,
    remote: String,
) -> io::Result<Connection> {
    let entrance = Entrance(url);
    #[cfg(feature = "tls")]
    if let Some(credentials) = pipe.credentials.as_ref().filter(|_| entrance.0.is_secure) {
        let (stream, identity) = super::tls::accept(credentials, stream).await?;
        return upgrade(entrance, Box::new(stream), remote, identity).await;
    }
    debug_assert!(!entrance.0.is_secure, "{pipe:?}");
    upgrade(entrance, Box::new(stream), remote, None).await
}

async fn upgrade(
    entrance: Entrance,
    stream: Box<dyn Stream>,
    remote: String,
    identity: Option<PeerIdentity>,
) -> io::Result<Connection> {
    let upgraded = accept_hdr_async_with_config(stream, entrance, Some(bytes::config())).await;
    Ok(connection(Bytes::new(upgraded.map_err(bytes::io_error)?), remote, identity))
}

fn connection(bytes: Bytes, remote: String, identity: Option<PeerIdentity>) -> Connection {
    let (read, write) = tokio::io::split(bytes);
    Connection { identity, ..Connection::new(read, write, remote) }
}

/// What WebSocket goes over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Looks at the request of who wants in.
struct Entrance(Url);

impl Callback for Entrance {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        if !self.0.admits(request.uri()) {
            return Err(refusal(StatusCode::NOT_FOUND, "nothing is here"));
        }
        let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
        let mut offered = offered.iter().filter_map(|value| value.to_str().ok());
        if !offered.any(|list| list.split(',').any(|name| name.trim() == SUBPROTOCOL)) {
            return Err(refusal(StatusCode::BAD_REQUEST, "this is for nodes of Starlings"));
        }
        let chosen = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
        Ok(response)
    }
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.to_owned()));
    *refusal.status_mut() = status;
    refusal
}
