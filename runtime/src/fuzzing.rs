//! What the fuzz targets of `fuzz/` reach of this crate, beside what is public. Only there with
//! `--cfg starlings_fuzz`.

use crate::actor::info::MonitorRef;
use crate::error::{CallError, SpawnError};
use crate::function::error::RunError;
use crate::message::trace::Trace;
use crate::reason::ExitReason;
use crate::remote::wire::{self, CallRef, Header, MethodKey, MethodRef, RunRequest, SpawnRequest};

/// Splits an envelope; whether it is one.
///
/// # Panics
/// If its header does not survive being encoded again, or the short way for casts disagrees.
#[must_use]
pub fn splits(envelope: &[u8]) -> bool {
    let quick = wire::split_cast(envelope);
    let Ok((header, tail)) = wire::split(envelope) else {
        return false;
    };
    let mut again = Vec::new();
    assert!(wire::put(&header, &mut again).is_ok(), "{header:?} is not encoded again");
    again.extend_from_slice(tail);
    assert_eq!(wire::split(&again).ok(), Some((header.clone(), tail)), "encoded again");
    match (quick, &header) {
        (Some((to, method, payload)), _) => {
            assert_eq!((&Header::Cast { to, method }, payload), (&header, tail), "the short way");
        }
        // Numbers of ten bytes are left to the general decoder, and what no sender writes so.
        (None, Header::Cast { to, .. }) => {
            assert!(*to > u64::MAX >> 2 || again != envelope, "{to} is left to it too");
        }
        (None, _) => {}
    }
    true
}

/// One envelope of each kind: to the actor `to` and its method at `place`, of the type `type_name` with
/// this key of its arguments, and with this payload where there is one.
#[must_use]
pub fn envelopes(
    to: u64,
    place: u32,
    (type_name, args): (&str, MethodKey),
    payload: &[u8],
) -> Vec<Vec<u8>> {
    let (from, unlink, watcher, serial, key) = (7, 1, to, 9, to);
    let (call, monitor, method) = (CallRef(3), MonitorRef(5), MethodRef::Listed(place));
    let (name, reason) = (type_name.to_owned(), || ExitReason::error("why"));
    let spawn = SpawnRequest {
        call,
        type_name: name.clone(),
        args,
        parent: Some(from),
        link: true,
        monitor: Some(monitor),
        name: Some("named".to_owned()),
        timeout_ms: 5,
        group: Some((None, "group".to_owned())),
    };
    let run = RunRequest { call, name: name.clone(), key: args };
    let headers = [
        Header::Cast { to, method },
        Header::Cast { to, method: MethodRef::Keyed(args) },
        Header::CastNamed { to: name.clone(), method },
        Header::Call { to, method, call, deadline_ms: 5000 },
        Header::Reply { call },
        Header::ReplyError { call, error: CallError::NoProc },
        Header::Spawn(spawn),
        Header::Spawned { call, serial },
        Header::SpawnFailed { call, error: SpawnError::Timeout },
        Header::Link { from, to },
        Header::Unlink { from, to, unlink },
        Header::Exit { from, to, reason: reason(), linked: true },
        Header::Stop { to, reason: reason() },
        Header::Kill { to },
        Header::Monitor { watcher: from, monitor, to },
        Header::Demonitor { watcher: from, monitor, to },
        Header::Down { watcher, monitor, from, reason: reason() },
        Header::WhereIs { call, name },
        Header::Drain { to, reason: reason() },
        Header::UnlinkAck { from, to, unlink },
        Header::Run(run),
        Header::RunFailed { call, error: RunError::Overloaded },
        Header::Traced(Trace { trace: 1, span: 2, parent: 3 }),
        Header::Pause { key },
        Header::Resume { key },
    ];
    let mut envelopes = Vec::new();
    for header in headers {
        let mut envelope = Vec::new();
        if wire::put(&header, &mut envelope).is_ok() {
            let mut with_payload = envelope.clone();
            with_payload.extend_from_slice(payload);
            let takes_payload = wire::split(&with_payload).is_ok();
            envelopes.push(if takes_payload { with_payload } else { envelope });
        }
    }
    envelopes
}

/// The envelope that asks for a run of a function.
#[must_use]
pub fn run_envelope(name: &str, key: MethodKey, args: &[u8]) -> Vec<u8> {
    let request = RunRequest { call: CallRef(9), name: name.to_owned(), key };
    let mut envelope = Vec::new();
    match wire::put(&Header::Run(request), &mut envelope) {
        Ok(()) => envelope.extend_from_slice(args),
        Err(_) => envelope.clear(),
    }
    envelope
}
