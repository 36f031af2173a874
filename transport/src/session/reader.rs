//! The task that reads one lane, and hands envelopes straight to the runtime.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::io::AsyncRead;

use super::{Delivery, Session, Way};
use crate::frame::{Envelopes, Frame, Frames};
use crate::proto::bulk::{Incoming, READ_AHEAD_BYTES, Whole};
use crate::proto::session::{Input, Sequence};
use crate::receiver::{Receiver, SessionReceiver};
use crate::wire::{self, Fragment, FrameKind, NewPulse};

/// Bytes that a reader handles before it lets other tasks of its thread run.
const BURST_BYTES: usize = 1 << 20;

/// Bytes of long messages that a reader reads before it lets other threads run: see D44.
const TURN_BYTES: usize = 256 << 10;

/// What follows the frames that were there.
enum Next {
    /// More of them.
    Frames,
    /// More of them, after others had their turn.
    Pause,
    /// A message of the bulk lane, which may have to wait for others, and then more.
    Whole(Whole),
    /// The rest of a part of a message of the bulk lane, which is read to where it belongs.
    Part { message: u32 },
    /// Nothing: that was the last one.
    End,
}

/// What was read of one lane.
#[derive(Default)]
struct Inflow {
    frames: Frames,
    sequence: Sequence,
    incoming: Incoming,
    unpacked: Vec<u8>,
    /// Bytes handled since other tasks had their turn.
    burst: usize,
    /// Bytes of long messages read since other threads had theirs.
    turn: usize,
}

pub(super) async fn drive_reader<R: Receiver>(
    delivery: Arc<Delivery<R>>,
    lane: u8,
    mut from: impl AsyncRead + Unpin,
) {
    let session = &*delivery.session;
    let mut inflow = Inflow::default();
    loop {
        match inflow.frames.fill(&mut from).await {
            Ok(0) => return session.handle(Input::LaneEnded { lane }),
            Ok(_) => {}
            Err(error) => return on_failed(&delivery, lane, &error),
        }
        if session.way(lane) == Way::Control {
            session.handle(Input::Heard);
        }
        match deliver_all(&delivery, lane, &mut inflow, &mut from).await {
            Ok(ControlFlow::Break(())) => return,
            Ok(ControlFlow::Continue(())) => {}
            Err(why) => {
                tracing::warn!(peer = %delivery.peer.node, lane, why, "protocol violated");
                return session.handle(Input::Violated(why));
            }
        }
    }
}

fn on_failed<R: Receiver>(delivery: &Delivery<R>, lane: u8, error: &io::Error) {
    tracing::debug!(peer = %delivery.peer.node, lane, %error, "reading failed");
    delivery.session.handle(Input::LaneEnded { lane });
}

/// Handles all frames that are there. A break: that were the last ones of the lane.
async fn deliver_all<R: Receiver>(
    delivery: &Delivery<R>,
    lane: u8,
    inflow: &mut Inflow,
    from: &mut (impl AsyncRead + Unpin),
) -> Result<ControlFlow<()>, String> {
    loop {
        match deliver_some(delivery, lane, inflow)? {
            Next::Whole(whole) => deliver_whole(delivery, whole).await?,
            Next::Part { message } => {
                if let Err(error) = inflow.read_part(from, message).await {
                    on_failed(delivery, lane, &error);
                    return Ok(ControlFlow::Break(()));
                }
                delivery.session.note_delivered(lane);
                if let Some(whole) = inflow.incoming.finish(message) {
                    deliver_whole(delivery, whole).await?;
                }
            }
            Next::Pause => {}
            Next::Frames => return Ok(ControlFlow::Continue(())),
            Next::End => return Ok(ControlFlow::Break(())),
        }
        if inflow.burst >= BURST_BYTES {
            inflow.burst = 0;
            tokio::task::yield_now().await;
        } else if inflow.turn >= TURN_BYTES {
            inflow.turn = 0;
            std::thread::yield_now();
        }
    }
}

/// Handles frames up to the last one, or one that may have to wait.
fn deliver_some<R: Receiver>(
    delivery: &Delivery<R>,
    lane: u8,
    inflow: &mut Inflow,
) -> Result<Next, String> {
    let session = &*delivery.session;
    let way = session.way(lane);
    let receiver = delivery.receiver.get().ok_or("readers start with the session")?;
    let mut receive = (way == Way::User).then(|| receiver.batch());
    while let Some(frame) = inflow.frames.next().map_err(|error| error.to_string())? {
        check(session, &mut inflow.sequence, &frame)?;
        let body = if frame.is_packed {
            session.unpack(frame.body, &mut inflow.unpacked).map_err(|error| error.to_string())?;
            &inflow.unpacked[..]
        } else {
            frame.body
        };
        inflow.burst += body.len();
        match (frame.kind, &mut receive) {
            (FrameKind::Envelopes, Some(receive)) => {
                let mut envelopes = Envelopes::new(body);
                receive(&mut envelopes).map_err(|violation| violation.to_string())?;
                if envelopes.is_broken() {
                    return Err("an envelope that ends outside of its frame".to_owned());
                }
            }
            (FrameKind::Fragment, None) if way == Way::Bulk => {
                let (head, part) = postcard::take_from_bytes::<Fragment>(body)
                    .map_err(|error| error.to_string())?;
                let whole = inflow.incoming.take(head, part).map_err(|error| error.to_string())?;
                if let Some(whole) = whole {
                    session.note_delivered(lane);
                    return Ok(Next::Whole(whole));
                }
            }
            (FrameKind::Delivered | FrameKind::Pulse | FrameKind::Idle, None)
                if way == Way::Control =>
            {
                hear(session, frame.kind, body)?;
            }
            (FrameKind::Heartbeat, _) if body.is_empty() => {}
            (FrameKind::Heartbeat, _) => return Err("a heartbeat with a body".to_owned()),
            (FrameKind::Goodbye, _) => return on_goodbye(session, lane, body),
            (
                FrameKind::Envelopes
                | FrameKind::Fragment
                | FrameKind::Delivered
                | FrameKind::Pulse
                | FrameKind::Idle,
                _,
            ) => {
                return Err(format!("{:?} on lane {lane}", frame.kind));
            }
        }
        session.note_delivered(lane);
        if inflow.burst >= BURST_BYTES {
            return Ok(Next::Pause);
        }
    }
    if way == Way::Bulk { begin_part(session, inflow) } else { Ok(Next::Frames) }
}

/// Whether a frame comes in its turn, and is known to the session's version.
fn check(session: &Session, sequence: &mut Sequence, frame: &Frame<'_>) -> Result<(), String> {
    sequence.take(frame.seq).map_err(|gap| gap.to_string())?;
    if frame.kind.since() > session.version {
        return Err(format!("{:?} in a session of version {}", frame.kind, session.version));
    }
    Ok(())
}

/// Where the begun frame is a part of a long message, and its head is there: takes what there is of it.
/// The rest is read straight into the message, which spares a copy or two of each byte.
fn begin_part(session: &Session, inflow: &mut Inflow) -> Result<Next, String> {
    let begun = inflow.frames.begun().map_err(|error| error.to_string())?;
    let Some((frame, missing)) = begun else {
        return Ok(Next::Frames);
    };
    if frame.kind != FrameKind::Fragment || frame.is_packed {
        return Ok(Next::Frames);
    }
    // One that does not decode may do so with more of it.
    let Ok((head, part)) = postcard::take_from_bytes::<Fragment>(frame.body) else {
        return Ok(Next::Frames);
    };
    check(session, &mut inflow.sequence, &frame)?;
    let part_bytes = part.len() + missing;
    inflow.incoming.begin_part(head, part_bytes).map_err(|error| error.to_string())?;
    let whole = inflow.incoming.take_bytes(head.message, part);
    debug_assert!(whole.is_none(), "a part of it is missing");
    inflow.burst += part_bytes;
    inflow.turn += part_bytes;
    Ok(Next::Part { message: head.message })
}

impl Inflow {
    /// Reads the rest of the part that was begun.
    async fn read_part(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        message: u32,
    ) -> io::Result<()> {
        while let Some((bytes, missing)) = self.incoming.room(message).filter(|room| room.1 > 0) {
            if self.frames.fill_into(from, bytes, missing, READ_AHEAD_BYTES).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

/// Delivers a message of the bulk lane, once what was sent before it by its user lane is.
async fn deliver_whole<R: Receiver>(delivery: &Delivery<R>, whole: Whole) -> Result<(), String> {
    let session = &*delivery.session;
    if let Some(after) = whole.after {
        if session.way(after.lane) != Way::User {
            return Err(format!("a message that waits for lane {}", after.lane));
        }
        session.delivered(after.lane, after.frames).await;
    }
    let receiver = delivery.receiver.get().ok_or("readers start with the session")?;
    receiver.one(&whole.bytes).map_err(|violation| violation.to_string())?;
    session.confirm(whole.message);
    Ok(())
}

/// What the other end says about the session, on the control lane.
fn hear(session: &Session, kind: FrameKind, body: &[u8]) -> Result<(), String> {
    match kind {
        FrameKind::Delivered => {
            let message = wire::decode(body).ok_or("a number that does not decode")?;
            if !session.bulk.on_delivered(message) {
                return Err(format!("message {message} was never sent"));
            }
        }
        FrameKind::Pulse => {
            let new: NewPulse = wire::decode(body).ok_or("times that do not decode")?;
            if !new.pulse.is_possible() {
                return Err("times that cannot be".to_owned());
            }
            session.handle(Input::PulseHeard(new));
        }
        FrameKind::Idle => {
            let said = wire::decode(body).ok_or("a word about its end that does not decode")?;
            session.hear_idle(said);
        }
        FrameKind::Envelopes | FrameKind::Heartbeat | FrameKind::Goodbye | FrameKind::Fragment => {}
    }
    Ok(())
}

fn on_goodbye(session: &Session, lane: u8, body: &[u8]) -> Result<Next, String> {
    let goodbye = wire::decode(body).ok_or("a goodbye that does not decode")?;
    session.handle(Input::GoodbyeHeard { lane, goodbye });
    Ok(Next::End)
}
