//! What is compressed on a session, seen by a peer that reads its lanes byte for byte.

use starlings_runtime::NodeId;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::by_hand::{dialler, join_as};
use crate::frame::{HEADER_BYTES, PACKED, header, put_envelope};
use crate::pack::{CAN_PACK, Compress, unpack};
use crate::pipe::{Connection, MemoryNetwork};
use crate::testing::{Net, Node, PATIENCE};
use crate::wire::{FrameKind, LANES_MIN};

/// The kind of the next frame that is no heartbeat, and its body.
async fn next(lane: &mut Connection) -> (u8, Vec<u8>) {
    let read = async {
        loop {
            let length = lane.read.read_u32_le().await.unwrap();
            let (_seq, kind) = (lane.read.read_u32_le().await, lane.read.read_u8().await.unwrap());
            let mut body = vec![0; usize::try_from(length).unwrap() + 4 - HEADER_BYTES];
            lane.read.read_exact(&mut body).await.unwrap();
            if kind != header(0, 0, FrameKind::Heartbeat)[HEADER_BYTES - 1] {
                return (kind, body);
            }
        }
    };
    timeout(PATIENCE, read).await.expect("a frame")
}

/// Goal: each kind of lane has a threshold of its own, above which its frames are packed, for a peer that
/// can read them and no other.
#[tokio::test]
async fn each_lane_packs_above_its_own_threshold_for_who_can_read_it() {
    let (short, fits, long) = (vec![7; 900], vec![7; 2000], vec![7; 200_000]);
    let cases = [
        (Compress::default(), [false, false, false]),
        (Compress::above(1000), [false, true, true]),
        (Compress { messages: Some(500), bulk: None }, [true, true, false]),
        (Compress { messages: None, bulk: Some(1000) }, [false, false, true]),
        (Compress::above(1 << 20), [false, false, false]),
    ];
    for (compress, packs) in cases {
        for unpacks in [true, false] {
            let net = Net::Memory(MemoryNetwork::default());
            let a = Node::start_as(&net, "a", 1, |config, _| config.compress = compress).await;
            let mut lanes = Vec::new();
            for lane in 0..LANES_MIN {
                let dialler = dialler(b"secret", 1, None, lane, unpacks);
                lanes.push(join_as(&net, &a, dialler).await.unwrap());
            }
            let raw: NodeId = "raw@h".parse().unwrap();
            a.sees("the session", |events| !events.is_empty()).await;
            for (message, packs) in [&short, &fits, &long].into_iter().zip(packs) {
                a.runtime.send_to(&raw, message).unwrap();
                let lane = &mut lanes[if message.len() > 64 << 10 { 2 } else { 1 }];
                let (kind, body) = next(lane).await;
                let is_packed = kind & PACKED != 0;
                assert_eq!(is_packed, packs && unpacks && CAN_PACK, "{compress:?} {unpacks}");
                let mut whole = Vec::new();
                if is_packed {
                    assert!(body.len() < message.len() / 8, "{} bytes", body.len());
                    unpack(&body, &mut whole).unwrap();
                } else {
                    whole = body;
                }
                if message.len() < 64 << 10 {
                    let mut expected = Vec::new();
                    put_envelope(message, &mut expected);
                    assert_eq!(whole, expected);
                } else {
                    assert!(whole.ends_with(&message[..60_000]), "a part of it");
                }
            }
        }
    }
}
