//! The task that reads one lane, and hands envelopes straight to the runtime.

use std::sync::Arc;

use tokio::io::AsyncRead;

use super::{Delivery, Session};
use crate::frame::{Frame, Frames};
use crate::proto::session::{Input, Sequence};
use crate::receiver::{Receiver, SessionReceiver};
use crate::wire::{self, CONTROL_LANE, FrameKind};

/// Bytes that a reader handles before it lets other tasks of its thread run.
const BURST_BYTES: usize = 1 << 20;

/// What follows a frame.
enum Next {
    Frame,
    /// That was the last one.
    End,
}

pub(super) async fn drive_reader<R: Receiver>(
    delivery: Arc<Delivery<R>>,
    lane: u8,
    mut from: impl AsyncRead + Unpin,
) {
    let session = &*delivery.session;
    let mut frames = Frames::default();
    let mut sequence = Sequence::default();
    let mut burst = 0;
    loop {
        match frames.fill(&mut from).await {
            Ok(0) => return session.handle(Input::LaneEnded { lane }),
            Ok(bytes) => burst += bytes,
            Err(error) => {
                tracing::debug!(peer = %delivery.peer.node, lane, %error, "reading failed");
                return session.handle(Input::LaneEnded { lane });
            }
        }
        session.handle(Input::Heard { lane });
        match deliver_all(&delivery, lane, &mut frames, &mut sequence) {
            Ok(Next::Frame) => {}
            Ok(Next::End) => return,
            Err(why) => {
                tracing::warn!(peer = %delivery.peer.node, lane, why, "protocol violated");
                return session.handle(Input::Violated(why));
            }
        }
        if burst >= BURST_BYTES {
            burst = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Handles all frames that are there.
fn deliver_all<R: Receiver>(
    delivery: &Delivery<R>,
    lane: u8,
    frames: &mut Frames,
    sequence: &mut Sequence,
) -> Result<Next, String> {
    let receiver = delivery.receiver.get();
    debug_assert!(receiver.is_some() || lane == CONTROL_LANE, "readers start with the session");
    let mut receive = receiver.map(SessionReceiver::batch);
    while let Some(frame) = frames.next().map_err(|error| error.to_string())? {
        sequence.take(frame.seq).map_err(|gap| gap.to_string())?;
        match frame.kind {
            FrameKind::Envelope if lane == CONTROL_LANE => {
                return Err("an envelope on the control lane".to_owned());
            }
            FrameKind::Envelope => {
                if let Some(receive) = &mut receive {
                    receive(frame.body).map_err(|violation| violation.to_string())?;
                }
            }
            FrameKind::Heartbeat if frame.body.is_empty() => {}
            FrameKind::Heartbeat => return Err("a heartbeat with a body".to_owned()),
            FrameKind::Goodbye => return on_goodbye(&delivery.session, lane, &frame),
        }
    }
    Ok(Next::Frame)
}

fn on_goodbye(session: &Session, lane: u8, frame: &Frame<'_>) -> Result<Next, String> {
    let goodbye = wire::decode(frame.body).ok_or("a goodbye that does not decode")?;
    session.handle(Input::GoodbyeHeard { lane, goodbye });
    Ok(Next::End)
}
