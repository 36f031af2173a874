//! The two halves of a stream of QUIC.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use quinn::{ConnectionError, ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) struct Reader(pub(super) RecvStream);

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read_buf(context, buffer).map_err(read_error)
    }
}

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send>>;

/// A stream whose shutdown is over when the other end has everything.
pub(super) struct Writer {
    stream: SendStream,
    ended: Option<Stopped>,
}

impl Writer {
    pub(super) fn new(stream: SendStream) -> Self {
        Self { stream, ended: None }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes).map_err(write_error)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The driver of the connection sends at once.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, ended } = &mut *self;
        let ended = ended.get_or_insert_with(|| {
            // It fails if the other end wants no more, which the future tells too.
            let _ = stream.finish();
            Box::pin(stream.stopped())
        });
        Poll::Ready(match ready!(ended.as_mut().poll(context)) {
            // All is there, or the other end has read as much as it wants.
            Ok(_) | Err(StoppedError::ConnectionLost(ConnectionError::ApplicationClosed(_))) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        })
    }
}

/// With why the connection was lost, where quinn's own conversion only says that it was.
fn read_error(error: ReadError) -> io::Error {
    if let ReadError::ConnectionLost(why) = error { why.into() } else { error.into() }
}

pub(super) fn write_error(error: WriteError) -> io::Error {
    if let WriteError::ConnectionLost(why) = error { why.into() } else { error.into() }
}
