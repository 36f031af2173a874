use super::*;

mod golden;

/// The first bytes of every kind of envelope: what is sent today must be read for ever.
#[test]
fn headers_have_golden_bytes() {
    let (key, call, monitor) = (MethodKey([1, 2, 3, 4, 5, 6, 7, 8]), CallRef(300), MonitorRef(9));
    let (listed, keyed) = (MethodRef::Listed(127), MethodRef::Keyed(key));
    let name = || "n".to_owned();
    let request = SpawnRequest {
        call,
        type_name: "t".to_owned(),
        args: key,
        parent: Some(3),
        link: true,
        monitor: Some(monitor),
        name: None,
        timeout_ms: 5000,
        group: None,
    };
    let table: Vec<(Header, &[u8])> = vec![
        (Header::Cast { to: 300, method: listed }, &[0, 172, 2, 128, 1]),
        (Header::Cast { to: 300, method: keyed }, &[0, 172, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (Header::CastNamed { to: name(), method: keyed }, &[1, 1, 110, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (
            Header::Call { to: 1, method: listed, call, deadline_ms: 5000 },
            &[2, 1, 128, 1, 172, 2, 136, 39],
        ),
        (
            Header::Call { to: 1, method: keyed, call, deadline_ms: 5000 },
            &[2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 172, 2, 136, 39],
        ),
        (Header::Reply { call }, &[3, 172, 2]),
        (Header::ReplyError { call, error: CallError::NoProc }, &[4, 172, 2, 1]),
        (
            Header::Spawn(request),
            &[5, 172, 2, 1, 116, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 1, 1, 9, 0, 136, 39, 0],
        ),
        (Header::Spawned { call, serial: 7 }, &[6, 172, 2, 7]),
        (Header::SpawnFailed { call, error: SpawnError::Timeout }, &[7, 172, 2, 7]),
        (Header::Link { from: 1, to: 2 }, &[8, 1, 2]),
        (Header::Unlink { from: 1, to: 2, unlink: 300 }, &[9, 1, 2, 172, 2]),
        (
            Header::Exit { from: 1, to: 2, reason: ExitReason::Killed, linked: true },
            &[10, 1, 2, 2, 1],
        ),
        (Header::Stop { to: 2, reason: ExitReason::Shutdown }, &[11, 2, 1]),
        (Header::Kill { to: 2 }, &[12, 2]),
        (Header::Monitor { watcher: 1, monitor, to: 2 }, &[13, 1, 9, 2]),
        (Header::Demonitor { watcher: 1, monitor, to: 2 }, &[14, 1, 9, 2]),
        (
            Header::Down { watcher: 1, monitor, from: 2, reason: ExitReason::Panic(name()) },
            &[15, 1, 9, 2, 5, 1, 110],
        ),
        (Header::WhereIs { call, name: name() }, &[16, 172, 2, 1, 110]),
        (Header::Drain { to: 2, reason: ExitReason::Shutdown }, &[17, 2, 1]),
        (Header::Traced(Trace { trace: 1, span: 300, parent: 0 }), &[21, 1, 172, 2, 0]),
        (Header::UnlinkAck { from: 1, to: 2, unlink: 300 }, &[18, 1, 2, 172, 2]),
        (
            Header::Run(RunRequest { call, name: name(), key }),
            &[19, 172, 2, 1, 110, 1, 2, 3, 4, 5, 6, 7, 8],
        ),
        (Header::RunFailed { call, error: RunError::Panicked(name()) }, &[20, 172, 2, 4, 1, 110]),
        (Header::Pause { key: 300 }, &[22, 172, 2]),
        (Header::Resume { key: 300 }, &[23, 172, 2]),
    ];
    for (header, golden) in table {
        let mut bytes = Vec::new();
        put(&header, &mut bytes).unwrap();
        assert_eq!(bytes, golden, "{header:?}");
        assert_eq!(split(&bytes).unwrap(), (header, &[][..]));
    }
}

#[test]
fn casts_are_split_as_the_general_decoder_does() {
    let places = [0, 126, 127, 16_382, 16_383, u32::MAX - 1].map(MethodRef::Listed);
    let methods = places.into_iter().chain([MethodRef::Keyed(MethodKey([9; 8]))]);
    for (to, method) in methods.flat_map(|method| {
        [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX >> 1].map(|to| (to, method))
    }) {
        let header = Header::Cast { to, method };
        let (mut bytes, mut general) = (Vec::new(), Vec::new());
        put(&header, &mut bytes).unwrap();
        append(&header, &mut general).unwrap();
        assert_eq!(bytes, general, "{header:?}");
        bytes.extend_from_slice(b"tail");
        assert_eq!(split_cast(&bytes), Some((to, method, &b"tail"[..])));
        assert_eq!(split(&bytes).unwrap(), (header, &b"tail"[..]));
    }
}

/// Goal: bytes never make a panic, and what is taken for an envelope is what its sender wrote: it encodes
/// to the same bytes again.
/// Method: random bytes, half of them behind the first byte of a kind that there is.
#[test]
fn what_is_no_envelope_is_refused_whatever_it_is() {
    let mut random: u64 = 7;
    let mut byte = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random.to_le_bytes()[7]
    };
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20_000_usize {
        let mut bytes: Vec<u8> = (0..round % 64).map(|_| byte()).collect();
        if let Some(kind) = bytes.first_mut().filter(|_| round % 2 == 0) {
            *kind %= KINDS;
        }
        match encodes_to_the_same(&bytes) {
            true => taken += 1,
            false => refused += 1,
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
    assert!(split(&[12, 2, 0]).is_err(), "a kill has no payload");
    assert!(split(&[20, 172, 2, 8, 0]).is_err(), "nor has the failure of a run");
    assert!(split(&[KINDS]).is_err());
    assert!(split(&[200]).is_err());
    assert!(split(&[]).is_err());
}

/// How many kinds of envelopes there are.
const KINDS: u8 = 24;

/// Whether the bytes are an envelope. Numbers may be written longer than they have to be, so that what is
/// compared is what the encoded envelope decodes to, and that the tail is the same.
fn encodes_to_the_same(bytes: &[u8]) -> bool {
    let split_as_any = split(bytes);
    if let Some((to, method, tail)) = split_cast(bytes) {
        assert_eq!(split_as_any, Ok((Header::Cast { to, method }, tail)), "{bytes:?}");
    }
    let Ok((header, tail)) = split_as_any else { return false };
    let mut again = Vec::new();
    put(&header, &mut again).unwrap();
    let head = bytes.len() - tail.len();
    assert!(again.len() <= head, "{bytes:?} is {again:?}");
    if again.len() == head {
        assert_eq!(again, &bytes[..head], "{header:?}");
    }
    again.extend_from_slice(tail);
    assert_eq!(split(&again), Ok((header, tail)));
    true
}
