//! The task that writes one lane: always all that has gathered.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Session;
use crate::lane::{Lane, Work};
use crate::proto::session::Input;

pub(super) async fn drive_writer(session: Arc<Session>, lane: u8, mut to: impl AsyncWrite + Unpin) {
    let Some(out) = session.lanes.get(usize::from(lane)) else {
        debug_assert!(false, "a lane too many");
        return;
    };
    match write_all(&session, lane, out, &mut to).await {
        Ok(()) => session.handle(Input::Flushed { lane }),
        Err(error) => {
            tracing::debug!(lane, %error, "writing failed");
            session.handle(Input::LaneEnded { lane });
        }
    }
}

/// Writes until the lane is at its end, and ends the stream.
async fn write_all(
    session: &Session,
    lane: u8,
    out: &Lane,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        match out.take(&mut batch).await {
            Work::Write => {
                to.write_all(&batch).await?;
                to.flush().await?;
                out.written();
                session.handle(Input::Sent { lane });
            }
            Work::Finish | Work::Stop => return to.shutdown().await,
        }
    }
}
