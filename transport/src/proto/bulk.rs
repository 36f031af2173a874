//! Long messages: how they are cut, take turns, are put together, and keep their place among the
//! messages that go by user lanes.
//!
//! ```text
//!   sender                                              receiver
//!   long message of K ── cut ─▶ fragments, in turns ──▶ put together
//!                                with those of others    wait until the user lane of K has
//!   later messages of K ──────▶ behind it, whatever      delivered what was sent before
//!                               their size               deliver
//!   K goes by its user lane  ◀───── Delivered ────────── say so
//! ```
//!
//! A key is a sender's, or that of several. Invariant: messages with the same key are delivered in the
//! order in which they were pushed or sent on the user lane. Before a stream: the receiver waits for
//! the user lane. Within: a stream is a queue. After it: the sender goes back to the user lane only
//! when all of the stream is delivered.
//! What this does not do: put one long message aside for a later one of the same key.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use starlings_runtime::append_bytes;

use crate::wire::{After, Fragment, FragmentStart};

#[cfg(test)]
mod tests;

/// Largest message. Bytes. A larger one is refused with `TooLarge` at its sender; a peer that announces
/// one loses its session. What is larger should be a file, or a stream of messages.
pub const MESSAGE_BYTES_MAX: usize = 128 << 20;

const _: () = assert!(MESSAGE_BYTES_MAX >= starlings_runtime::KEPT_ENVELOPE_BYTES_MAX);

/// Bytes of a message in one frame, whose turn then is over. On a network of 1 Gbit/s, half a
/// millisecond.
pub const FRAGMENT_BYTES: usize = 64 << 10;

/// Room behind a message, for what a reader reads along with its end: most of a frame's header and the
/// head of the next fragment. Bytes.
pub const READ_AHEAD_BYTES: usize = 32;

/// Messages of one session that are put together at once. Count. Others wait at their sender.
pub const OPEN_MAX: usize = 16;

/// Bytes that the messages put together at once may have in all. One message is always let in.
pub const OPEN_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// The sending side: all streams of one session.
#[derive(Debug, Default)]
pub struct Outgoing {
    streams: BTreeMap<u64, Stream>,
    /// Keys of the streams that have something to send; the next one first.
    turns: VecDeque<u64>,
    /// Sent, and not delivered as far as is known.
    unconfirmed: BTreeMap<u32, u64>,
    next_message: u32,
    /// Begun, and not sent to the end.
    open: BTreeSet<u64>,
    open_bytes: usize,
    /// What waits, in all.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Stream {
    messages: VecDeque<Message>,
    /// Bytes of the first message that are sent.
    sent: usize,
    unconfirmed: u32,
}

#[derive(Debug)]
struct Message {
    number: u32,
    after: Option<After>,
    bytes: Arc<Vec<u8>>,
}

/// What is to be sent next: a head, and a part of a message behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which message it is of.
    pub head: Fragment,
    /// The whole message.
    pub message: Arc<Vec<u8>>,
    /// Which part of it this is.
    pub range: Range<usize>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}, {} bytes", self.range, self.head, self.message.len())
    }
}

impl Outgoing {
    /// Whether messages with this key must be pushed here, so as not to overtake others.
    #[must_use]
    pub fn has(&self, key: u64) -> bool {
        self.streams.contains_key(&key)
    }

    /// Whether there is no stream at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Whether [`Outgoing::next_piece`] has something.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Bytes that are not sent yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a message to the stream of its key, which begins with it if there is none; `after` says
    /// what the receiver is to deliver first.
    pub fn push(&mut self, key: u64, after: Option<After>, bytes: Vec<u8>) {
        let number = self.next_message;
        self.next_message = number.wrapping_add(1);
        self.bytes += bytes.len();
        let stream = self.streams.entry(key).or_default();
        if stream.messages.is_empty() {
            self.turns.push_back(key);
        }
        stream.messages.push_back(Message { number, after, bytes: Arc::new(bytes) });
    }

    /// The next piece: of each stream in turn.
    pub fn next_piece(&mut self) -> Option<Piece> {
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            if self.may_go_on(key) {
                let piece = self.cut(key);
                if self.streams.get(&key).is_some_and(|stream| !stream.messages.is_empty()) {
                    self.turns.push_back(key);
                }
                return piece;
            }
            self.turns.push_back(key);
        }
        None
    }

    /// The receiver has delivered a message. `false`: there is no such message under way.
    #[must_use]
    pub fn on_delivered(&mut self, number: u32) -> bool {
        let Some(key) = self.unconfirmed.remove(&number) else {
            return false;
        };
        if let Some(stream) = self.streams.get_mut(&key) {
            stream.unconfirmed -= 1;
            if stream.unconfirmed == 0 && stream.messages.is_empty() {
                self.streams.remove(&key);
            }
        }
        true
    }

    /// Whether the first message of a stream is begun, or may begin.
    fn may_go_on(&self, key: u64) -> bool {
        if self.open.contains(&key) || self.open.is_empty() {
            return true;
        }
        let first = self.streams.get(&key).and_then(|stream| stream.messages.front());
        let bytes = first.map_or(0, |message| message.bytes.len());
        self.open.len() < OPEN_MAX && self.open_bytes + bytes <= OPEN_BYTES_MAX
    }

    fn cut(&mut self, key: u64) -> Option<Piece> {
        let stream = self.streams.get_mut(&key)?;
        let first = stream.messages.front()?;
        let (start, total) = (stream.sent, first.bytes.len());
        let range = start..total.min(start + FRAGMENT_BYTES);
        let begins = start == 0;
        let head = Fragment {
            message: first.number,
            start: begins.then(|| FragmentStart {
                bytes: u32::try_from(total).unwrap_or(u32::MAX),
                after: first.after,
            }),
        };
        let piece = Piece { head, message: Arc::clone(&first.bytes), range };
        self.bytes -= piece.range.len();
        if piece.range.end < total {
            stream.sent = piece.range.end;
            if begins {
                self.open.insert(key);
                self.open_bytes += total;
            }
            return Some(piece);
        }
        if !begins {
            self.open.remove(&key);
            self.open_bytes -= total;
        }
        self.unconfirmed.insert(first.number, key);
        stream.unconfirmed += 1;
        stream.sent = 0;
        stream.messages.pop_front();
        Some(piece)
    }
}

/// The receiving side.
#[derive(Debug, Default)]
pub struct Incoming {
    open: BTreeMap<u32, Begun>,
    open_bytes: usize,
}

/// A message of which not all is there.
#[derive(Debug)]
struct Begun {
    total: usize,
    after: Option<After>,
    bytes: Vec<u8>,
    /// How many bytes it has with the part that is coming in.
    part_end: usize,
}

/// A message that has come in as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// What the receiver says [`Delivered`](crate::wire::FrameKind::Delivered) with.
    pub message: u32,
    /// What is to be delivered before it.
    pub after: Option<After>,
    /// The envelope.
    pub bytes: Vec<u8>,
}

/// Fragments that no sender makes. The session is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// The message would be larger than one may be.
    #[error("a message of {0} bytes is larger than a message may be")]
    TooLarge(usize),
    /// More are begun at once than may be.
    #[error("too many messages, or too large ones, are sent at once")]
    TooMany,
    /// A fragment of a message that has not begun, or begins again.
    #[error("a fragment of message {0} is out of order")]
    OutOfOrder(u32),
    /// It holds nothing, or more than is left of its message.
    #[error("a fragment of message {0} does not fit")]
    Misfit(u32),
}

impl Incoming {
    /// Takes a fragment; the message, if that was the last one of it.
    ///
    /// # Errors
    /// Any [`FragmentError`].
    pub fn take(&mut self, head: Fragment, part: &[u8]) -> Result<Option<Whole>, FragmentError> {
        self.begin_part(head, part.len())?;
        Ok(self.take_bytes(head.message, part))
    }

    /// Takes the head of a fragment that is going to have so many bytes: they follow, to
    /// [`Incoming::take_bytes`] or into [`Incoming::room`].
    ///
    /// # Errors
    /// Any [`FragmentError`].
    pub fn begin_part(&mut self, head: Fragment, part_bytes: usize) -> Result<(), FragmentError> {
        let message = head.message;
        if let Some(start) = head.start {
            if self.open.contains_key(&message) {
                return Err(FragmentError::OutOfOrder(message));
            }
            let begun = self.begin(start)?;
            self.open.insert(message, begun);
        }
        let begun = self.open.get_mut(&message).ok_or(FragmentError::OutOfOrder(message))?;
        let missing = begun.total - begun.bytes.len();
        if part_bytes > missing || (part_bytes == 0 && begun.total > 0) {
            return Err(FragmentError::Misfit(message));
        }
        begun.part_end = begun.bytes.len() + part_bytes;
        Ok(())
    }

    /// Appends bytes of the part that was begun, no more than it has; the message, if they were the last
    /// ones of it.
    pub fn take_bytes(&mut self, message: u32, bytes: &[u8]) -> Option<Whole> {
        append_bytes(bytes, &mut self.open.get_mut(&message)?.bytes);
        self.finish(message)
    }

    /// The message that a part was begun of, and how many bytes of the part are still to be appended.
    pub fn room(&mut self, message: u32) -> Option<(&mut Vec<u8>, usize)> {
        let begun = self.open.get_mut(&message)?;
        let missing = begun.part_end.saturating_sub(begun.bytes.len());
        Some((&mut begun.bytes, missing))
    }

    /// The message, if it is there as a whole.
    pub fn finish(&mut self, message: u32) -> Option<Whole> {
        let is_whole = |begun: &Begun| begun.bytes.len() >= begun.total;
        if !self.open.get(&message).is_some_and(is_whole) {
            return None;
        }
        let begun = self.open.remove(&message)?;
        self.open_bytes -= begun.total;
        Some(Whole { message, after: begun.after, bytes: begun.bytes })
    }

    fn begin(&mut self, start: FragmentStart) -> Result<Begun, FragmentError> {
        let total = usize::try_from(start.bytes).unwrap_or(usize::MAX);
        if total > MESSAGE_BYTES_MAX {
            return Err(FragmentError::TooLarge(total));
        }
        let is_first = self.open.is_empty();
        if !is_first && (self.open.len() >= OPEN_MAX || self.open_bytes + total > OPEN_BYTES_MAX) {
            return Err(FragmentError::TooMany);
        }
        self.open_bytes += total;
        // The whole room at once: it is used up only as the bytes come in.
        let bytes = Vec::with_capacity(total + READ_AHEAD_BYTES);
        Ok(Begun { total, after: start.after, bytes, part_end: 0 })
    }
}
