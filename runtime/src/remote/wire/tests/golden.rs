//! The bytes of what stands in headers, tails and greetings: what is sent today must be read for ever.
//! Every variant of what travels has its line here; a new one gets the next number.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

use super::*;
use crate::identity::NodeId;
use crate::node::types::Schemas;
use crate::reason::DownReason;

const NODE: [u8; 4] = [3, b'b', b'@', b'h'];

fn node() -> NodeId {
    "b@h".parse().unwrap()
}

fn word(word: &str) -> String {
    word.to_owned()
}

/// The bytes of one value of each variant, behind the number of the variant.
fn golden<T>(table: Vec<(T, Vec<u8>)>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let count = table.len();
    for (number, (value, rest)) in (0..).zip(table) {
        let bytes = [&[number], &rest[..]].concat();
        assert_eq!(postcard::to_allocvec(&value).unwrap(), bytes, "{value:?}");
        assert_eq!(decode::<T>(&bytes), Ok(value));
        for cut in 0..bytes.len() {
            assert!(decode::<T>(&bytes[..cut]).is_err(), "{bytes:?} cut at {cut}");
        }
    }
    // What lacks nothing but its parts ends too early; what there is not is refused as such.
    let none = decode::<T>(&[u8::try_from(count).unwrap()]);
    assert_eq!(none, Err(postcard::Error::SerdeDeCustom), "a variant that has no line here");
}

#[test]
fn exit_reasons_have_golden_bytes() {
    golden(vec![
        (ExitReason::Normal, vec![]),
        (ExitReason::Shutdown, vec![]),
        (ExitReason::Killed, vec![]),
        (ExitReason::NoProc, vec![]),
        (ExitReason::NoConnection, vec![]),
        (ExitReason::Panic(word("no")), vec![2, b'n', b'o']),
        (ExitReason::Error(word("n")), vec![1, b'n']),
        (ExitReason::Custom { kind: word("k"), message: word("me") }, vec![1, b'k', 2, b'm', b'e']),
    ]);
}

#[test]
fn down_reasons_have_golden_bytes() {
    golden(vec![
        (DownReason::Closed, vec![]),
        (DownReason::Disconnected, vec![]),
        (DownReason::HeartbeatTimeout, vec![]),
        (DownReason::HandshakeFailed(word("n")), vec![1, b'n']),
        (DownReason::ProtocolError(word("no")), vec![2, b'n', b'o']),
        (DownReason::Overflow, vec![]),
        (DownReason::Shutdown, vec![]),
        (DownReason::Idle, vec![]),
    ]);
}

#[test]
fn call_errors_have_golden_bytes() {
    golden(vec![
        (CallError::Timeout, vec![]),
        (CallError::NoProc, vec![]),
        (CallError::Down(ExitReason::Error(word("n"))), vec![6, 1, b'n']),
        (CallError::NoConnection(node()), NODE.to_vec()),
        (CallError::Overloaded, vec![]),
        (CallError::BadMessage(word("n")), vec![1, b'n']),
        (CallError::TooLarge { bytes: 300, bytes_max: 8 }, vec![0xac, 2, 8]),
    ]);
}

#[test]
fn spawn_errors_have_golden_bytes() {
    let known = vec![word("k"), word("l")];
    let not_spawnable = SpawnError::NotSpawnable { node: node(), name: word("n"), known };
    golden(vec![
        (not_spawnable, [&NODE[..], &[1, b'n', 2, 1, b'k', 1, b'l']].concat()),
        (SpawnError::NotAllowed(node()), NODE.to_vec()),
        (SpawnError::InitFailed(ExitReason::Panic(word("n"))), vec![5, 1, b'n']),
        (SpawnError::BadArguments(word("n")), vec![1, b'n']),
        (SpawnError::NameTaken(word("n")), vec![1, b'n']),
        (SpawnError::NoConnection(node()), NODE.to_vec()),
        (SpawnError::Overloaded, vec![]),
        (SpawnError::Timeout, vec![]),
        (SpawnError::ShuttingDown, vec![]),
        (SpawnError::NoPlace { name: word("n") }, vec![1, b'n']),
    ]);
}

#[test]
fn run_errors_have_golden_bytes() {
    let not_runnable = RunError::NotRunnable { node: node(), name: word("n"), known: vec![] };
    golden(vec![
        (not_runnable, [&NODE[..], &[1, b'n', 0]].concat()),
        (RunError::BadArguments(word("n")), vec![1, b'n']),
        (RunError::Overloaded, vec![]),
        (RunError::ShuttingDown, vec![]),
        (RunError::Panicked(word("n")), vec![1, b'n']),
        (RunError::Down(ExitReason::Killed), vec![2]),
        (RunError::BadOutput(word("n")), vec![1, b'n']),
        (RunError::NoConnection(node()), NODE.to_vec()),
        (RunError::Timeout, vec![]),
        (RunError::NotAllowed(node()), NODE.to_vec()),
    ]);
}

/// The greeting: names, then keys, each in order, however they were added.
#[test]
fn greetings_have_golden_bytes() {
    let keys = [MethodKey([9; 8]), MethodKey([1, 2, 3, 4, 5, 6, 7, 8])];
    let schemas = Schemas { types: ["bc", "a"].map(word).into(), keys: keys.into() };
    let mut bytes = Vec::new();
    append(&schemas, &mut bytes).unwrap();
    let types = [2, 1, b'a', 2, b'b', b'c'];
    let expected = [&types[..], &[2, 1, 2, 3, 4, 5, 6, 7, 8], &[9; 8]].concat();
    assert_eq!(bytes, expected);
    assert_eq!(decode::<Schemas>(&bytes), Ok(schemas));
    assert_eq!(decode::<Schemas>(&[0, 0]), Ok(Schemas::default()));
}

/// `#[evolve]`: the arguments of all versions, then key, size and value of each further one.
#[test]
fn further_arguments_have_golden_bytes() {
    let (first, second) = (300, 7);
    let mut bytes = vec![42];
    append_tail(first, &300_u16, &mut bytes).unwrap();
    append_tail(second, &word("no"), &mut bytes).unwrap();
    assert_eq!(bytes, [42, 172, 2, 2, 172, 2, 7, 3, 2, b'n', b'o']);

    let mut rest = &bytes[..];
    assert_eq!(take_fixed::<u8>(&mut rest), Ok(42));
    assert_eq!(take_tail::<u16>(first, &mut rest), Ok(300));
    assert_eq!(skip_tails(rest), Ok(()), "an older receiver has no second one");
    assert_eq!(take_tail::<String>(second, &mut rest), Ok(word("no")));
    assert_eq!(rest, b"");
    assert_eq!(take_tail::<u16>(first, &mut rest), Ok(0), "an older sender has none");
    let misread = take_tail::<u16>(second, &mut &bytes[1..]);
    assert_eq!(misread, Err(postcard::Error::DeserializeBadEncoding), "another schema");
}

/// The keys of schemas go over the wire: what two builds have in common must have the same in both.
#[test]
fn keys_of_schemas_have_golden_bytes() {
    assert_eq!(tail_key::<u16>().to_le_bytes(), [209, 29, 152, 65]);
}
