//! A stream of bytes over binary messages.
//!
//! How the bytes are cut into messages means nothing, but for one: an empty message ends the
//! direction that it goes in. WebSocket's own close ends both at once, so it is never sent, and one
//! that comes breaks the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error, Message};

use super::Stream;

/// Largest message that is sent. Bytes. Larger ones would cost fewer headers of 14 bytes, and more
/// memory on both ends.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Largest message that is read; a larger one breaks the connection before it is held. Bytes. Room for
/// peers that send larger ones than we do.
pub const MESSAGE_BYTES_READ_MAX: usize = 1 << 20;

/// What gathers before it is written without a flush. Bytes.
const WRITE_BYTES: usize = 64 << 10;

pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(MESSAGE_BYTES_MAX)
        .write_buffer_size(WRITE_BYTES)
        // What gathers, a message, its header, and answers to pings.
        .max_write_buffer_size(WRITE_BYTES + 2 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_READ_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_READ_MAX))
}

pub(super) struct Bytes {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// What is left of the last message.
    received: tungstenite::Bytes,
    read_ended: bool,
    write_ended: bool,
}

impl Bytes {
    pub(super) fn new(socket: WebSocketStream<Box<dyn Stream>>) -> Self {
        let received = tungstenite::Bytes::new();
        Self { socket, received, read_ended: false, write_ended: false }
    }

    fn socket(&mut self) -> Pin<&mut WebSocketStream<Box<dyn Stream>>> {
        Pin::new(&mut self.socket)
    }
}

impl AsyncRead for Bytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.received.is_empty() && !self.read_ended {
            match ready!(self.socket().poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => {
                    self.read_ended = bytes.is_empty();
                    self.received = bytes;
                }
                // Pings are answered below us.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                    let why = "a message that is not binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Some(Ok(Message::Close(_))) | None => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let count = self.received.len().min(buffer.remaining());
        buffer.put_slice(&self.received.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Some(message) = bytes.chunks(MESSAGE_BYTES_MAX).next() else {
            // An empty message would be the end.
            return Poll::Ready(Ok(0));
        };
        ready!(self.socket().poll_ready(context)).map_err(io_error)?;
        let copy = tungstenite::Bytes::copy_from_slice(message);
        self.socket().start_send(Message::Binary(copy)).map_err(io_error)?;
        Poll::Ready(Ok(message.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(context).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_ended {
            ready!(self.socket().poll_ready(context)).map_err(io_error)?;
            let end = Message::Binary(tungstenite::Bytes::new());
            self.socket().start_send(end).map_err(io_error)?;
            self.write_ended = true;
        }
        self.poll_flush(context)
    }
}

pub(super) fn io_error(error: Error) -> io::Error {
    if matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
        return io::ErrorKind::UnexpectedEof.into();
    }
    if let Error::Io(error) = error {
        return error;
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}
