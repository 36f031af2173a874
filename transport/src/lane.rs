//! One lane's outgoing buffer: senders append to it, its writer takes all of it at once.
//!
//! While a write is in flight, what is sent gathers; the next write carries all of it. So a busy
//! lane writes in large pieces without any timer, and an idle one writes at once. A sender wakes the
//! writer only when it is idle.
//!
//! Senders do not write to the socket themselves, though that would save a wake-up: every send on
//! an idle lane would then cost its sender a system call, and nothing would ever gather.

use parking_lot::Mutex;
use starlings_runtime::{OutletError, Urgency};
use tokio::sync::Notify;

use crate::frame::{self, FRAME_BYTES_MAX};
use crate::wire::FrameKind;

#[cfg(test)]
mod tests;

/// Above this, envelopes that may be refused are. Bytes that wait for the writer; what it is writing
/// comes on top, so that the next batch gathers meanwhile. 1 MiB is some milliseconds of a fast
/// network: more would only add delay.
pub const LANE_BYTES_SOFT: usize = 1 << 20;

/// Above this the session ends with `Overflow`. Bytes not yet written to the socket. Signals and
/// replies cannot be refused; a peer that lets 64 MiB of them pile up is not keeping up.
pub const LANE_BYTES_HARD: usize = 64 << 20;

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
    /// Taken by the writer, and not written yet.
    in_flight: usize,
    /// Of the next frame.
    seq: u32,
    is_writer_idle: bool,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// The last frame is in the buffer.
    Finishing,
    Closed,
}

/// Why a frame was not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendError {
    /// The lane is unchanged.
    Refused(OutletError),
    /// The hard limit is passed: the session is to be ended. The lane is unchanged.
    Overflowed,
}

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Write this batch, then say [`Lane::written`].
    Write,
    /// All is written: end the stream.
    Finish,
    /// Stop at once.
    Stop,
}

impl Lane {
    /// Appends one frame, whose body `encode` writes.
    ///
    /// `encode` runs under the lane's lock, and must not send.
    pub(crate) fn append(
        &self,
        kind: FrameKind,
        urgency: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>,
    ) -> Result<(), AppendError> {
        let mut out = self.out.lock();
        if out.phase != Phase::Open {
            return Err(AppendError::Refused(OutletError::Closed));
        }
        if urgency == Urgency::Refusable && out.bytes.len() >= LANE_BYTES_SOFT {
            return Err(AppendError::Refused(OutletError::Overloaded));
        }
        out.write(kind, encode)?;
        let wakes = std::mem::take(&mut out.is_writer_idle);
        drop(out);
        if wakes {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Appends a goodbye with this body as the last frame; the writer ends once all is written.
    pub(crate) fn finish(&self, goodbye: &[u8]) {
        let mut out = self.out.lock();
        if out.phase == Phase::Open {
            let start = frame::begin(&mut out.bytes);
            out.bytes.extend_from_slice(goodbye);
            let seq = out.seq;
            frame::finish(&mut out.bytes, start, seq, FrameKind::Goodbye);
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
        drop(out);
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Waits until the lane is below its soft limit, or closed.
    pub(crate) async fn ready(&self) {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // Before the check: room made between check and wait is not missed.
            room.as_mut().enable();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    /// Waits for work, and moves all of it into `batch`.
    ///
    /// # Cancel safety
    /// Nothing is taken before it returns.
    pub(crate) async fn take(&self, batch: &mut Vec<u8>) -> Work {
        loop {
            if let Some(work) = self.try_take(batch) {
                return work;
            }
            self.work.notified().await;
        }
    }

    /// The batch taken last is on its way.
    pub(crate) fn written(&self) {
        self.out.lock().in_flight = 0;
    }

    fn try_take(&self, batch: &mut Vec<u8>) -> Option<Work> {
        batch.clear();
        // A burst does not keep its memory for ever.
        batch.shrink_to(LANE_BYTES_SOFT);
        let mut out = self.out.lock();
        if out.phase == Phase::Closed {
            return Some(Work::Stop);
        }
        if !out.bytes.is_empty() {
            std::mem::swap(&mut out.bytes, batch);
            out.in_flight = batch.len();
            drop(out);
            self.room.notify_waiters();
            return Some(Work::Write);
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
    /// Writes a whole frame, or nothing.
    fn write(
        &mut self,
        kind: FrameKind,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>,
    ) -> Result<(), AppendError> {
        let (seq, in_flight) = (self.seq, self.in_flight);
        let undo = Undo::new(&mut self.bytes);
        let refused = |error| Err(AppendError::Refused(error));
        if let Err(error) = encode(undo.bytes) {
            return refused(OutletError::Encode(error.to_string()));
        }
        let bytes = frame::body_bytes(undo.bytes, undo.start);
        if bytes > FRAME_BYTES_MAX {
            let bytes_max = FRAME_BYTES_MAX;
            return refused(OutletError::TooLarge { bytes, bytes_max });
        }
        if undo.bytes.len() + in_flight > LANE_BYTES_HARD {
            return Err(AppendError::Overflowed);
        }
        frame::finish(undo.bytes, undo.start, seq, kind);
        undo.keep();
        self.seq = seq.wrapping_add(1);
        Ok(())
    }
}

/// Takes a half-written frame back, even when encoding it panics.
struct Undo<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    is_kept: bool,
}

impl<'a> Undo<'a> {
    fn new(bytes: &'a mut Vec<u8>) -> Self {
        let start = frame::begin(bytes);
        Self { bytes, start, is_kept: false }
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.bytes.truncate(self.start);
        }
    }
}
