//! The bytes of envelopes: a postcard header, then the payload as the tail of the frame.
//!
//! Append-only: a new kind of envelope is a new variant at the end. Pids inside headers are serials:
//! the sender's own actors and the receiver's own actors are all that a header names, and the
//! session says which nodes and incarnations these are.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

mod copy;
mod method;
mod tails;

pub use copy::append_bytes;
pub use method::MethodKey;
pub(crate) use method::MethodRef;
pub use tails::{append_tail, skip_tails, tail_key, take_fixed, take_tail};

use crate::actor::info::MonitorRef;
use crate::error::{CallError, SpawnError};
use crate::function::error::RunError;
use crate::message::trace::Trace;
use crate::reason::ExitReason;

/// Identifies a call or spawn that waits for its answer. Unique on the asking node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallRef(pub u64);

/// The first part of every envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Header {
    /// Tail: the encoded arguments.
    Cast {
        to: u64,
        method: MethodRef,
    },
    /// Tail: the encoded arguments. To whoever holds a local name there.
    CastNamed {
        to: String,
        method: MethodRef,
    },
    /// Tail: the encoded arguments.
    Call {
        to: u64,
        method: MethodRef,
        call: CallRef,
        deadline_ms: u32,
    },
    /// Tail: the encoded reply.
    Reply {
        call: CallRef,
    },
    ReplyError {
        call: CallRef,
        error: CallError,
    },
    /// Tail: the encoded arguments.
    Spawn(SpawnRequest),
    Spawned {
        call: CallRef,
        serial: u64,
    },
    SpawnFailed {
        call: CallRef,
        error: SpawnError,
    },
    Link {
        from: u64,
        to: u64,
    },
    Unlink {
        from: u64,
        to: u64,
        unlink: u64,
    },
    Exit {
        from: u64,
        to: u64,
        reason: ExitReason,
        linked: bool,
    },
    Stop {
        to: u64,
        reason: ExitReason,
    },
    Kill {
        to: u64,
    },
    Monitor {
        watcher: u64,
        monitor: MonitorRef,
        to: u64,
    },
    Demonitor {
        watcher: u64,
        monitor: MonitorRef,
        to: u64,
    },
    Down {
        watcher: u64,
        monitor: MonitorRef,
        from: u64,
        reason: ExitReason,
    },
    /// Asks for the serial behind a local name; the tail of the reply is an `Option<u64>`.
    WhereIs {
        call: CallRef,
        name: String,
    },
    Drain {
        to: u64,
        reason: ExitReason,
    },
    UnlinkAck {
        from: u64,
        to: u64,
        unlink: u64,
    },
    /// Tail: the encoded arguments. The output comes as a `Reply`.
    Run(RunRequest),
    RunFailed {
        call: CallRef,
        error: RunError,
    },
    /// Tail: another envelope, of a cast or call, which belongs to this trace.
    Traced(Trace),
    /// The mailbox behind this lane key is full: nothing more for it until it is resumed.
    Pause {
        key: u64,
    },
    Resume {
        key: u64,
    },
}

/// Which function is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRequest {
    pub(crate) call: CallRef,
    pub(crate) name: String,
    /// Fingerprint of the schemas of arguments and output; a mismatch is `BadArguments`.
    pub(crate) key: MethodKey,
}

/// What a remote spawn asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpawnRequest {
    pub(crate) call: CallRef,
    pub(crate) type_name: String,
    /// Fingerprint of the arguments' schema; a mismatch is `BadArguments`.
    pub(crate) args: MethodKey,
    /// The asking actor, if one asks.
    pub(crate) parent: Option<u64>,
    pub(crate) link: bool,
    pub(crate) monitor: Option<MonitorRef>,
    pub(crate) name: Option<String>,
    pub(crate) timeout_ms: u32,
    /// Scope, unless it is the default one, and group.
    pub(crate) group: Option<(Option<String>, String)>,
}

/// Appends `header` to `out`.
pub(crate) fn put(header: &Header, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
    // The most frequent one goes without the general encoder.
    if let Header::Cast { to, method: MethodRef::Listed(place) } = header {
        out.push(CAST);
        put_varint(*to, out);
        put_varint(u64::from(*place) + 1, out);
        return Ok(());
    }
    append(header, out)
}

/// The first byte of a cast.
const CAST: u8 = 0;

/// Appends a number as postcard does: seven bits a byte, the least first.
fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while let Some(rest) = Some(number >> 7).filter(|rest| *rest > 0) {
        out.push(number.to_le_bytes()[0] | 0x80);
        number = rest;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Takes a number as postcard does; `None` for what ends too early or is too long.
fn take_varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        bytes = rest;
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

/// Splits an envelope into its header and tail. Every byte of an envelope without a payload must be
/// consumed.
pub(crate) fn split(envelope: &[u8]) -> Result<(Header, &[u8]), postcard::Error> {
    let (header, tail) = postcard::take_from_bytes::<Header>(envelope)?;
    let has_payload = matches!(
        header,
        Header::Cast { .. }
            | Header::CastNamed { .. }
            | Header::Call { .. }
            | Header::Reply { .. }
            | Header::Spawn(_)
            | Header::Traced(_)
            | Header::Run(_)
    );
    if has_payload || tail.is_empty() {
        Ok((header, tail))
    } else {
        Err(postcard::Error::DeserializeBadEncoding)
    }
}

/// Splits the envelope of a cast, the most frequent one, without the general decoder; `None` if it is
/// another one, or none at all.
pub(crate) fn split_cast(envelope: &[u8]) -> Option<(u64, MethodRef, &[u8])> {
    let (&CAST, rest) = envelope.split_first()? else {
        return None;
    };
    let (to, rest) = take_varint(rest)?;
    let (method, rest) = take_varint(rest)?;
    match u32::try_from(method).ok()?.checked_sub(1) {
        Some(place) => Some((to, MethodRef::Listed(place), rest)),
        None => {
            let (key, payload) = rest.split_first_chunk()?;
            Some((to, MethodRef::Keyed(MethodKey(*key)), payload))
        }
    }
}

/// Encodes a value onto the end of `out`.
///
/// # Errors
/// The value does not serialize; `out` may then hold a part of it.
pub fn append<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
    postcard::serialize_with_flavor(value, Append(out))
}

/// Decodes a value that must take up all of `bytes`.
///
/// # Errors
/// The bytes are not a `T`, or more follow it.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, postcard::Error> {
    match postcard::take_from_bytes(bytes)? {
        (value, []) => Ok(value),
        (_, [_, ..]) => Err(postcard::Error::DeserializeBadEncoding),
    }
}

struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        append_bytes(bytes, self.0);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
