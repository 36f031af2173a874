//! One lane's outgoing buffer: senders append to it, its writer takes all of it at once.
//!
//! While a write is in flight, what is sent gathers; the next write carries all of it. So a busy
//! lane writes in large pieces without any timer, and an idle one writes at once. A sender wakes the
//! writer only when it is idle. Envelopes that gather share frames. A writer that is woken where
//! several senders are at work, or one that sends a stream of them, lets them go first: the first envelope
//! woke it, and it would write one after the other.
//!
//! Senders do not write to the socket themselves, though that would save a wake-up: every send on
//! an idle lane would then cost its sender a system call, and nothing would ever gather.

use parking_lot::Mutex;
use starlings_runtime::{LaneKey, Urgency};
use tokio::sync::Notify;

use crate::frame::{self, FRAME_BYTES_FULL, FRAME_BYTES_MAX, HEADER_BYTES, VARINT_BYTES_MAX};
use crate::until::until;
use crate::wire::FrameKind;

#[cfg(test)]
mod tests;

/// Above this, envelopes that may be refused are. Bytes that wait for the writer; what it is writing
/// comes on top, so that the next batch gathers meanwhile. 512 KiB: what waits and what is written fit
/// into the cache of one core together; small casts were a tenth faster than with 1 MiB.
pub const LANE_BYTES_SOFT: usize = 512 << 10;

/// Above this the session ends with `Overflow`. Bytes not yet written to the socket. Signals and
/// replies cannot be refused; a peer that lets 64 MiB of them pile up is not keeping up.
pub const LANE_BYTES_HARD: usize = 64 << 20;

/// What a lane's buffer holds as it grows: as much as an idle lane needs, one that is used, and one at its
/// soft limit. Bytes. Three steps, for growing by doubles touches as much memory again; and the first
/// touch of a piece of memory can take longer than the casts that go into it.
const GROWTH: [usize; 3] = [4 << 10, 64 << 10, LANE_BYTES_SOFT + FRAME_BYTES_MAX];

/// The sending side of one lane.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    out: Mutex<Out>,
    /// The writer is idle and there is work, or the end has come.
    work: Notify,
    /// The lane has fallen below its soft limit, or the end has come.
    room: Notify,
}

#[derive(Debug, Default)]
struct Out {
    bytes: Vec<u8>,
    /// Where the frame begins that envelopes are being appended to, which is the last one.
    begun: Option<usize>,
    traffic: Traffic,
    /// Taken by the writer, and not written yet.
    in_flight: usize,
    /// Of the next frame; of the one that is begun, if one is.
    seq: u32,
    is_writer_idle: bool,
    /// Whether no envelope is let in, for the time being or since the end.
    is_frozen: bool,
    phase: Phase,
}

/// Who has sent what waits.
#[derive(Debug, Default)]
struct Traffic {
    envelopes: u32,
    sender: Option<LaneKey>,
    is_shared: bool,
}

/// Envelopes that one sender sends at once, without waiting for what comes of them: from so many on it is
/// taken for a stream of them. Count.
const STREAM: u32 = 8;

impl Traffic {
    fn add(&mut self, sender: LaneKey) {
        self.is_shared |= *self.sender.get_or_insert(sender) != sender;
        self.envelopes += 1;
    }

    fn is_busy(&self) -> bool {
        self.is_shared || self.envelopes >= STREAM
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// The last frame is in the buffer.
    Finishing,
    Closed,
}

/// Why nothing was appended: the lane is unchanged. Small, as it is handed on with each envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendError {
    /// See [`Overloaded`](starlings_runtime::OutletError::Overloaded).
    Overloaded,
    /// See [`Closed`](starlings_runtime::OutletError::Closed).
    Closed,
    /// See [`Idle`](starlings_runtime::OutletError::Idle).
    Idle,
    /// See [`TooLarge`](starlings_runtime::OutletError::TooLarge). Its bytes.
    TooLarge(usize),
    /// See [`Encode`](starlings_runtime::OutletError::Encode).
    Encode(postcard::Error),
    /// The hard limit is passed: the session is to be ended.
    Overflowed,
}

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Write this batch, then say [`Lane::written`].
    Write {
        /// Whether several senders or a stream of envelopes are in it, so that the next one is worth waiting
        /// for.
        is_busy: bool,
    },
    /// All is written: end the stream.
    Finish,
    /// Stop at once.
    Stop,
}

impl Lane {
    /// Appends an envelope to the frame that is begun, or to a new one.
    pub(crate) fn append(
        &self,
        sender: LaneKey,
        urgency: Urgency,
        envelope: &[u8],
    ) -> Result<(), AppendError> {
        let mut out = self.out.lock();
        if out.is_frozen {
            return Err(AppendError::Idle);
        }
        out.admit(urgency, envelope.len())?;
        out.make_room(envelope.len());
        let start = match out.begun {
            Some(start) => start,
            None => {
                let start = frame::begin(&mut out.bytes);
                *out.begun.insert(start)
            }
        };
        frame::put_envelope(envelope, &mut out.bytes);
        out.traffic.add(sender);
        if out.bytes.len() - start >= FRAME_BYTES_FULL {
            out.end_frame();
        }
        let wakes = std::mem::take(&mut out.is_writer_idle);
        drop(out);
        if wakes {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Appends a frame of what sessions say to each other. Lost if the lane is full or at its end.
    pub(crate) fn say(&self, kind: FrameKind, body: &[u8]) -> Result<(), AppendError> {
        let mut out = self.out.lock();
        out.admit(Urgency::Forced, body.len())?;
        out.put_frame(kind, body);
        drop(out);
        self.work.notify_one();
        Ok(())
    }

    /// Lets no envelope in, or lets them in again. What was let in before is written.
    pub(crate) fn freeze(&self, is_frozen: bool) {
        self.out.lock().is_frozen = is_frozen;
    }

    /// Appends a goodbye with this body as the last frame; the writer ends once all is written.
    pub(crate) fn finish(&self, goodbye: &[u8]) {
        let mut out = self.out.lock();
        if out.phase == Phase::Open {
            out.put_frame(FrameKind::Goodbye, goodbye);
            out.phase = Phase::Finishing;
        }
        drop(out);
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Drops what there is, and stops the writer.
    pub(crate) fn close(&self) {
        let mut out = self.out.lock();
        out.phase = Phase::Closed;
        out.bytes = Vec::new();
        out.begun = None;
        drop(out);
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Wakes the writer, for work that it finds elsewhere.
    pub(crate) fn nudge(&self) {
        self.work.notify_one();
    }

    /// How many frames hold what was sent until now; modulo 2^32.
    pub(crate) fn frames_so_far(&self) -> u32 {
        let mut out = self.out.lock();
        out.end_frame();
        out.seq
    }

    /// The number of a frame that is written by the writer itself, when it has written all that it
    /// took before. `None` if the lane is at its end.
    pub(crate) fn next_seq(&self) -> Option<u32> {
        let mut out = self.out.lock();
        if out.phase != Phase::Open || !out.bytes.is_empty() {
            return None;
        }
        let seq = out.seq;
        out.seq = seq.wrapping_add(1);
        Some(seq)
    }

    /// Waits until the lane is below its soft limit, or closed.
    pub(crate) async fn ready(&self) {
        until(&self.room, || self.has_room()).await;
    }

    /// Waits until there may be work.
    pub(crate) async fn has_work(&self) {
        self.work.notified().await;
    }

    /// The batch taken last is on its way.
    pub(crate) fn written(&self) {
        self.out.lock().in_flight = 0;
    }

    /// Moves all that waits into `batch`; `None` if nothing does.
    pub(crate) fn take(&self, batch: &mut Vec<u8>) -> Option<Work> {
        batch.clear();
        // A burst does not keep its memory for ever; a busy lane, whose batches end a little above the
        // soft limit, keeps what it needs.
        batch.shrink_to(2 * LANE_BYTES_SOFT);
        let mut out = self.out.lock();
        if out.phase == Phase::Closed {
            return Some(Work::Stop);
        }
        if !out.bytes.is_empty() {
            out.end_frame();
            std::mem::swap(&mut out.bytes, batch);
            out.in_flight = batch.len();
            let is_busy = std::mem::take(&mut out.traffic).is_busy();
            drop(out);
            self.room.notify_waiters();
            return Some(Work::Write { is_busy });
        }
        if out.phase == Phase::Finishing {
            return Some(Work::Finish);
        }
        out.is_writer_idle = true;
        None
    }

    fn has_room(&self) -> bool {
        let out = self.out.lock();
        out.phase != Phase::Open || out.bytes.len() < LANE_BYTES_SOFT
    }
}

impl Out {
    fn admit(&self, urgency: Urgency, bytes: usize) -> Result<(), AppendError> {
        if self.phase != Phase::Open {
            return Err(AppendError::Closed);
        }
        if urgency == Urgency::Refusable && self.bytes.len() >= LANE_BYTES_SOFT {
            return Err(AppendError::Overloaded);
        }
        if self.bytes.len() + self.in_flight + HEADER_BYTES + bytes > LANE_BYTES_HARD {
            return Err(AppendError::Overflowed);
        }
        Ok(())
    }

    /// Makes room for a frame with so many bytes in it.
    fn make_room(&mut self, bytes: usize) {
        let needed = self.bytes.len() + HEADER_BYTES + VARINT_BYTES_MAX + bytes;
        if needed > self.bytes.capacity() {
            self.grow(needed);
        }
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let len = self.bytes.len();
        match GROWTH.into_iter().find(|step| *step >= needed) {
            Some(step) => self.bytes.reserve_exact(step - len),
            None => self.bytes.reserve(needed - len),
        }
    }

    fn end_frame(&mut self) {
        if let Some(start) = self.begun.take() {
            frame::finish(&mut self.bytes, start, self.seq, FrameKind::Envelopes);
            self.seq = self.seq.wrapping_add(1);
        }
    }

    fn put_frame(&mut self, kind: FrameKind, body: &[u8]) {
        self.end_frame();
        self.make_room(body.len());
        self.bytes.extend_from_slice(&frame::header(body.len(), self.seq, kind));
        self.bytes.extend_from_slice(body);
        self.seq = self.seq.wrapping_add(1);
    }
}
