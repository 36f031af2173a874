//! The task that writes one lane: always all that has gathered; on the bulk lane, one piece of a long
//! message after the other in between.

use std::io;
use std::sync::Arc;

use bytes::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Session, Way};
use crate::frame;
use crate::lane::{Lane, Work};
use crate::pack::pack;
use crate::proto::bulk::Piece;
use crate::proto::session::Input;
use crate::wire::FrameKind;

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
    let way = session.way(lane);
    let mut batch = Vec::new();
    let mut piece = None;
    loop {
        match out.take(&mut batch) {
            Some(Work::Write) => {
                if let Some(above) = session.pack_above {
                    pack(&mut batch, above);
                }
                to.write_all(&batch).await?;
            }
            Some(Work::Finish | Work::Stop) => return to.shutdown().await,
            None if way == Way::Bulk => {
                piece = piece.or_else(|| session.bulk.next_piece());
                match piece.take() {
                    None => {
                        session.finish_bulk(out);
                        out.has_work().await;
                        continue;
                    }
                    Some(next) => match out.next_seq() {
                        Some(seq) => write_piece(&next, seq, session.pack_above, to).await?,
                        // Something is to be said first, or the end has come.
                        None => {
                            piece = Some(next);
                            continue;
                        }
                    },
                }
            }
            None => {
                out.has_work().await;
                continue;
            }
        }
        to.flush().await?;
        // A pipe that takes everything at once must not keep other lanes waiting.
        tokio::task::coop::consume_budget().await;
        out.written();
        if way == Way::Control {
            session.handle(Input::Sent);
        }
    }
}

async fn write_piece(
    piece: &Piece,
    seq: u32,
    pack_above: Option<usize>,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let head = postcard::to_allocvec(&piece.head).map_err(io::Error::other)?;
    let part = piece.message.get(piece.range.clone()).unwrap_or_default();
    let header = frame::header(head.len() + part.len(), seq, FrameKind::Fragment);
    if let Some(above) = pack_above {
        let mut frame = [&header[..], &head, part].concat();
        pack(&mut frame, above);
        return to.write_all(&frame).await;
    }
    to.write_all_buf(&mut header.chain(&head[..]).chain(part)).await
}
