//! Messages that are too long for a frame: they come whole, in order, and hold up nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use starlings_runtime::{DownReason, LaneKey, Outlet, OutletError, Urgency};

use super::TransportConfig;
use crate::frame::ENVELOPE_BYTES_MAX;
use crate::pack::Compress;
use crate::pipe::MemoryNetwork;
use crate::proto::bulk::MESSAGE_BYTES_MAX;
use crate::testing::{Event, Net, Node, PATIENCE};

async fn pair(net: &Net, user_lanes: [u8; 2]) -> (Node, Node) {
    let start = async |name, user_lanes| {
        let change = |config: &mut TransportConfig, _: &mut Vec<u8>| {
            config.user_lanes = user_lanes;
            // Without the feature it changes nothing.
            config.compress = Compress::above(1000);
        };
        Node::start_as(net, name, 1, change).await
    };
    let (a, b) = (start("a", user_lanes[0]).await, start("b", user_lanes[1]).await);
    a.connect(&b).await.unwrap();
    b.sees_up(&a).await;
    (a, b)
}

async fn send(outlet: &Arc<dyn Outlet>, key: u64, envelope: &[u8]) {
    let mut encode = |out: &mut Vec<u8>| {
        out.extend_from_slice(envelope);
        Ok(())
    };
    while let Err(error) = outlet.send(LaneKey(key), Urgency::Refusable, &mut encode) {
        assert_eq!(error, OutletError::Overloaded);
        Arc::clone(outlet).ready(LaneKey(key)).await;
    }
}

fn delivered(node: &Node) -> Vec<Vec<u8>> {
    let events = node.events().into_iter().filter_map(|event| match event {
        Event::Delivered(_, envelope) => Some(envelope),
        Event::Up(_) | Event::Down(..) => None,
    });
    events.collect()
}

/// A message of its sender and its place among those of it, `bytes` long at least. No part of it is like
/// another one, so that one which is left out, doubled or of another message shows.
fn message(key: u64, place: u32, bytes: usize) -> Vec<u8> {
    let mut message = [&key.to_le_bytes()[..], &place.to_le_bytes()].concat();
    let mut word = (key << 32) | u64::from(place);
    while message.len() < bytes {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        message.extend_from_slice(&word.rotate_left(32).to_le_bytes());
    }
    message.truncate(bytes.max(12));
    message
}

#[tokio::test]
async fn messages_of_one_sender_keep_their_order_whatever_their_size() {
    const KEYS: u64 = 5;
    const MESSAGES: u32 = 200;
    for (net, lanes) in Net::all().into_iter().zip([[1, 1], [3, 7]]) {
        let (a, b) = pair(&net, lanes).await;
        let outlet = a.outlet(&b);
        let mut random: u64 = 11;
        for place in 0..MESSAGES {
            for key in 0..KEYS {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bytes = match (random >> 33) % 10 {
                    0 => ENVELOPE_BYTES_MAX + 1 + (random >> 40) as usize % 300_000,
                    1 => ENVELOPE_BYTES_MAX,
                    2 => 5000,
                    _ => 20,
                };
                send(&outlet, key, &message(key, place, bytes)).await;
            }
        }
        let all = MESSAGES as usize * KEYS as usize;
        b.sees("all of them", |events| events.len() == 1 + all).await;
        let mut next = BTreeMap::<u64, u32>::new();
        for envelope in delivered(&b) {
            let (key, rest) = envelope.split_first_chunk().unwrap();
            let place = u32::from_le_bytes(*rest.first_chunk().unwrap());
            let expected = next.entry(u64::from_le_bytes(*key)).or_default();
            assert_eq!(place, *expected, "of {key:?}");
            let whole = message(u64::from_le_bytes(*key), place, envelope.len());
            assert!(envelope == whole, "message {place} of {key:?} has other bytes");
            *expected += 1;
        }
    }
}

#[tokio::test]
async fn huge_message_does_not_hold_up_a_small_one_of_another_sender() {
    for net in Net::all() {
        let (a, b) = pair(&net, [1, 1]).await;
        let outlet = a.outlet(&b);
        send(&outlet, 1, &message(1, 0, MESSAGE_BYTES_MAX)).await;
        send(&outlet, 1, b"behind it").await;
        send(&outlet, 2, b"of another").await;
        b.sees("all of them", |events| events.len() == 4).await;
        let came = delivered(&b);
        let lengths: Vec<_> = came.iter().map(Vec::len).collect();
        assert_eq!(lengths, [b"of another".len(), MESSAGE_BYTES_MAX, b"behind it".len()]);
        assert!(came[1] == message(1, 0, MESSAGE_BYTES_MAX), "it has other bytes");
    }
}

#[tokio::test]
async fn what_is_larger_than_a_message_may_be_is_refused_by_its_sender() {
    for net in Net::all() {
        let (a, b) = pair(&net, [1, 1]).await;
        let refused = a.send(&b, &vec![0; MESSAGE_BYTES_MAX + 1]);
        let (bytes, bytes_max) = (MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX);
        assert_eq!(refused, Err(OutletError::TooLarge { bytes, bytes_max }));
        a.talks_to(&b, "still here").await;
    }
}

#[tokio::test]
async fn encoding_may_send_by_the_same_lane() {
    let net = Net::Tcp;
    let (a, b) = pair(&net, [1, 1]).await;
    let outlet = a.outlet(&b);
    let inner = Arc::clone(&outlet);
    let mut encode = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"outer");
        let sent = inner.send(LaneKey(1), Urgency::Refusable, &mut |out| {
            out.extend_from_slice(b"inner");
            Ok(())
        });
        assert_eq!(sent, Ok(()));
        Ok(())
    };
    outlet.send(LaneKey(1), Urgency::Refusable, &mut encode).unwrap();
    b.sees("both", |events| events.len() == 3).await;
    assert_eq!(delivered(&b), [&b"inner"[..], &b"outer"[..]]);
}

/// Goal: who waits for room hears of the end, and does not try for ever.
#[tokio::test]
async fn who_waits_for_room_hears_of_the_end() {
    let network = MemoryNetwork::default();
    let (a, b) = pair(&Net::Memory(network.clone()), [1, 1]).await;
    network.silence("a", "b");
    let (outlet, long) = (a.outlet(&b), message(1, 0, 1 << 20));
    let send = || {
        outlet.send(LaneKey(1), Urgency::Refusable, &mut |out| {
            out.extend_from_slice(&long);
            Ok(())
        })
    };
    let mut sent = (0..100).map(|_| send());
    assert_eq!(sent.find(Result::is_err), Some(Err(OutletError::Overloaded)));
    let waits = Arc::clone(&outlet).ready(LaneKey(1));
    outlet.close(DownReason::Closed);
    tokio::time::timeout(PATIENCE, waits).await.expect("nobody waits for a session that is over");
    assert_eq!(send(), Err(OutletError::Closed));
}

#[tokio::test]
async fn goodbye_comes_after_the_long_messages() {
    for net in Net::all() {
        let (a, b) = pair(&net, [1, 1]).await;
        a.send(&b, &message(1, 0, 3_000_000)).unwrap();
        a.send(&b, b"last").unwrap();
        assert!(a.disconnect(&b));
        b.sees("its end", |events| matches!(events.last(), Some(Event::Down(..)))).await;
        let lengths: Vec<_> = delivered(&b).iter().map(Vec::len).collect();
        assert_eq!(lengths, [3_000_000, 4]);
    }
}
