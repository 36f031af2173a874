//! Moves the messages of a handshake over a connection. Reads not a byte beyond them: what follows
//! is for the reader of frames.

use std::io;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pipe::Connection;
use crate::wire::NONCE_BYTES;

/// Largest message of a handshake but for those with a greeting. Bytes. A larger one is refused
/// before anything is allocated for it. A hello with two of the longest node names has under 700.
pub const HANDSHAKE_BYTES_MAX: usize = 64 << 10;

/// Largest greeting. Bytes. It lists what a node can spawn; 1 MiB is thousands of types. A node
/// whose own greeting is larger cannot connect.
pub const GREETING_BYTES_MAX: usize = 1 << 20;

/// How long an accepted connection may take over its handshake. Afterwards it is closed.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How large the next message may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    Plain,
    Greeting,
}

impl Expect {
    const fn bytes_max(self) -> usize {
        match self {
            Self::Plain => HANDSHAKE_BYTES_MAX,
            Self::Greeting => HANDSHAKE_BYTES_MAX + GREETING_BYTES_MAX,
        }
    }
}

/// Reads the bytes of one message.
pub(crate) async fn receive(connection: &mut Connection, expect: Expect) -> io::Result<Vec<u8>> {
    let length = connection.read.read_u32_le().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > expect.bytes_max() {
        let why = format!("a message of {length} bytes in a handshake");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut bytes = vec![0; length];
    connection.read.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Writes one message.
pub(crate) async fn send(connection: &mut Connection, message: &impl Serialize) -> io::Result<()> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let body = postcard::to_allocvec(message).map_err(|error| invalid(error.to_string()))?;
    if body.len() > Expect::Greeting.bytes_max() {
        return Err(invalid(format!("our greeting makes {} bytes", body.len())));
    }
    let length = u32::try_from(body.len()).map_err(|error| invalid(error.to_string()))?;
    let bytes = [&length.to_le_bytes()[..], &body].concat();
    connection.write.write_all(&bytes).await?;
    connection.write.flush().await
}

/// A nonce from the system.
pub(crate) fn nonce() -> io::Result<[u8; NONCE_BYTES]> {
    let mut nonce = [0; NONCE_BYTES];
    SysRng.try_fill_bytes(&mut nonce).map_err(io::Error::other)?;
    Ok(nonce)
}

/// A random name for a session.
pub(crate) fn session_id() -> io::Result<u64> {
    SysRng.try_next_u64().map_err(io::Error::other)
}
