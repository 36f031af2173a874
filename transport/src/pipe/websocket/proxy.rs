//! Through an HTTP proxy, by `CONNECT` (RFC 9110, 9.3.6).

use std::fmt;
use std::io;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::pipe::{DialError, tcp};

/// Longest answer of a proxy, without what follows its headers. Bytes. Real ones have some hundred; a
/// longer one fails the dial.
pub(super) const PROXY_ANSWER_BYTES_MAX: usize = 8 << 10;

#[derive(Clone)]
pub(super) struct Proxy {
    address: String,
    authorization: Option<String>,
}

impl Proxy {
    pub(super) fn new(address: String) -> Self {
        Self { address, authorization: None }
    }

    pub(super) fn login(self, user: &str, password: &str) -> Self {
        let login = BASE64.encode(format!("{user}:{password}").as_bytes());
        Self { authorization: Some(format!("Basic {login}")), ..self }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn check(&self) -> Result<(), String> {
        tcp::check(&self.address).map_err(|why| format!("the proxy {:?}: {why}", self.address))
    }

    /// Lets the proxy connect to `place`, a `host:port`. What follows goes there and comes from there.
    pub(super) async fn connect(
        &self,
        stream: &mut TcpStream,
        place: &str,
    ) -> Result<(), DialError> {
        let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
        if let Some(authorization) = &self.authorization {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        let answer = async {
            stream.write_all(request.as_bytes()).await?;
            answer(stream).await
        };
        let failed = |why: String| DialError::Handshake(format!("the proxy: {why}"));
        let answer = answer.await.map_err(|error| failed(error.to_string()))?;
        let first =
            String::from_utf8_lossy(answer.split(|&byte| byte == b'\r').next().unwrap_or(&[]));
        let mut words = first.split(' ');
        let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
        match words.next() {
            Some(status) if is_http && status.len() == 3 && status.starts_with('2') => Ok(()),
            Some(_) | None => Err(failed(format!("it answered {first:?}"))),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Reads to the end of the headers, and not a byte more: what follows is not the proxy's.
async fn answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == PROXY_ANSWER_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer does not end"));
        }
        answer.push(stream.read_u8().await?);
    }
    Ok(answer)
}
