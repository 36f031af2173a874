//! What the services of two nodes say to each other, and their machines.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use starlings_cache::proto::sync::{self, Now, SYNC_INTERVAL};
use starlings_cache::wire::Message as CacheMessage;
use starlings_registry::proto::replication::DIGEST_INTERVAL;
use starlings_registry::proto::{Input, groups, names};
use starlings_registry::wire::{GroupsMessage, NamesMessage};
use starlings_runtime::decode;

use super::handshake::instance;
use crate::parts;

/// What happens: the node at the other end is there, says each part, goes, and comes back halfway.
fn story<M>(bytes: &[u8], mut handle: impl FnMut(Duration, Input<M>))
where
    M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let (peer, mut now) = (instance("b@h"), Duration::ZERO);
    handle(now, Input::NodeUp(peer.clone()));
    let count = parts(bytes).count();
    for (number, part) in parts(bytes).enumerate() {
        now += Duration::from_millis(400);
        if let Ok(message) = decode::<M>(part) {
            let again = postcard::to_allocvec(&message).expect("a message");
            assert_eq!(decode::<M>(&again).as_ref(), Ok(&message), "encoded again");
            handle(now, Input::Received { from: peer.clone(), message });
        }
        handle(now, Input::Elapsed);
        if number == count / 2 {
            handle(now, Input::NodeDown(peer.clone()));
            handle(now, Input::NodeUp(peer.clone()));
        }
    }
    handle(now, Input::NodeDown(peer));
}

/// Messages about groups.
pub fn groups(bytes: &[u8]) {
    let (mut state, mut outbox) =
        (groups::State::new(instance("a@h"), 1, DIGEST_INTERVAL), Vec::new());
    story::<GroupsMessage>(bytes, |now, input| state.handle(now, input, &mut outbox));
    assert_eq!(state.groups().count(), 0, "nothing is left of a node that is gone");
}

/// Messages about names.
pub fn names(bytes: &[u8]) {
    let (mut state, mut outbox) =
        (names::State::new(instance("a@h"), 1, DIGEST_INTERVAL), Vec::new());
    story::<NamesMessage>(bytes, |now, input| state.handle(now, input, &mut outbox));
    assert_eq!(state.names().count(), 0, "nothing is left of a node that is gone");
}

/// Messages of replicas of a cache.
pub fn cache(bytes: &[u8]) {
    let (mut state, mut outbox) = (sync::State::new(instance("a@h"), 1, SYNC_INTERVAL), Vec::new());
    let wall = |at: Duration| 1_700_000_000_000 + u64::try_from(at.as_millis()).unwrap_or_default();
    let now = |at| Now { at, wall_ms: wall(at) };
    let key = |key: &[u8]| std::sync::Arc::from(key);
    let _ = state.put(now(Duration::ZERO), key(b"key"), key(b"value"), 0, &mut outbox);
    story::<CacheMessage>(bytes, |at, input| state.handle(now(at), input, &mut outbox));
    state.expire(u64::MAX, &mut outbox);
    let _ = state.put(now(Duration::from_secs(9)), key(b"key"), key(b"value"), 0, &mut outbox);
    assert!(state.get(b"key").is_some(), "a write of this node's own is read");
}
