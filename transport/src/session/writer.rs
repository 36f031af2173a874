//! The task that writes one lane: always all that has gathered; on the bulk lane, one piece of a long
//! message after the other in between.

use std::io::{self, IoSlice};
use std::sync::Arc;

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

/// For so many writes after a busy one, a lane counts as busy. Count.
const BUSY_FOR: u32 = 16;

/// Writes until the lane is at its end, and ends the stream.
async fn write_all(
    session: &Session,
    lane: u8,
    out: &Lane,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let way = session.way(lane);
    let above = session.packs_above(way);
    let mut batch = Vec::new();
    let mut waiting = None;
    let mut busy_for = 0;
    loop {
        match out.take(&mut batch) {
            Some(Work::Write { is_busy }) => {
                busy_for = if is_busy { BUSY_FOR } else { busy_for.saturating_sub(1) };
                if let Some(above) = above {
                    pack(&mut batch, above);
                }
                to.write_all(&batch).await?;
            }
            Some(Work::Finish | Work::Stop) => return to.shutdown().await,
            None if way == Way::Bulk => {
                let frames = gather(session, out, &mut waiting)?;
                if frames.is_empty() {
                    // A piece that waits has something before it that is to be said first, or the end.
                    if waiting.is_none() {
                        session.finish_bulk(out);
                        out.has_work().await;
                    }
                    continue;
                }
                match above {
                    Some(above) => write_packed(&frames, above, to).await?,
                    None => write_pieces(&frames, to).await?,
                }
                // Other threads have their turn: see D44.
                std::thread::yield_now();
            }
            None => {
                out.has_work().await;
                // Each wake-up would else write the one envelope of who woke it: with 64 callers, 1.8
                // calls a write, and three times the processor time. A lone sender does not wait.
                if busy_for > 0 {
                    tokio::task::yield_now().await;
                }
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

/// Pieces of long messages that are written at once, so that the other end is not woken for each. Count;
/// of 64 KiB at most.
const PIECES_AT_ONCE: usize = 16;

/// A piece of a long message, as a frame.
struct Frame {
    /// What stands before the part of the message.
    head: Vec<u8>,
    piece: Piece,
}

impl Frame {
    fn part(&self) -> &[u8] {
        self.piece.message.get(self.piece.range.clone()).unwrap_or_default()
    }
}

/// The next pieces, in turns. `waiting` is a piece whose turn it is, and for which there was no number
/// yet.
fn gather(session: &Session, out: &Lane, waiting: &mut Option<Piece>) -> io::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    while frames.len() < PIECES_AT_ONCE {
        let Some(piece) = waiting.take().or_else(|| session.bulk.next_piece()) else {
            break;
        };
        let Some(seq) = out.next_seq() else {
            *waiting = Some(piece);
            break;
        };
        let fragment = postcard::to_allocvec(&piece.head).map_err(io::Error::other)?;
        let header = frame::header(fragment.len() + piece.range.len(), seq, FrameKind::Fragment);
        frames.push(Frame { head: [&header[..], &fragment].concat(), piece });
    }
    Ok(frames)
}

async fn write_pieces(frames: &[Frame], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let slices = frames.iter().flat_map(|frame| [&frame.head[..], frame.part()]);
    let mut slices: Vec<IoSlice<'_>> = slices.map(IoSlice::new).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match to.write_vectored(rest).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut rest, written),
        }
    }
    Ok(())
}

async fn write_packed(
    frames: &[Frame],
    above: usize,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    for frame in frames {
        let mut frame = [&frame.head[..], frame.part()].concat();
        pack(&mut frame, above);
        to.write_all(&frame).await?;
    }
    Ok(())
}
