//! Methods are named by their places in the other node's list, and by nothing that is not in it.

use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{
    BoxFuture, DownReason, LaneKey, Node, Outlet, OutletError, SessionInfo, SessionIngress,
    Urgency, WireError,
};

use crate::fixture::{Counter, CounterMethods as _, eventually, node};

/// Keeps what is sent.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Outlet for Kept {
    fn send(
        &self,
        _: LaneKey,
        _: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), OutletError> {
        let mut bytes = Vec::new();
        encode(&mut bytes).map_err(|error| OutletError::Encode(error.to_string()))?;
        self.0.lock().push(bytes);
        Ok(())
    }

    fn ready(self: Arc<Self>, _: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn close(&self, _: DownReason) {}
}

/// A session of `here` with `there`, which hears nothing of it.
fn session(here: &Node, there: &Node) -> (SessionIngress, Arc<Kept>) {
    let kept = Arc::<Kept>::default();
    let greeting = there.ingress().greeting();
    let info = SessionInfo { peer: there.instance().clone(), hidden: false, greeting };
    let outlet = Arc::clone(&kept) as Arc<dyn Outlet>;
    (here.ingress().session_up(info, outlet).unwrap(), kept)
}

/// A number as envelopes have it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

/// Bytes of a cast's header: its kind, its receiver and its method, if that is in the list.
const CAST_BYTES_MAX: usize = 5;

#[tokio::test]
async fn a_cast_of_a_listed_method_has_a_header_of_few_bytes() {
    let (a, b) = (node("a@h"), node("b@h"));
    let counter = b.spawn::<Counter>(0).await.unwrap();
    let (_session, kept) = session(&a, &b);
    let (back, _) = session(&b, &a);
    let there = a.pid::<Counter>(counter.any());
    there.add(1).unwrap();
    there.add(-64).unwrap();
    let sent = kept.0.lock().clone();
    let head = [&[0], &varint(counter.any().serial())[..]].concat();
    for (envelope, argument) in sent.iter().zip([[2], [127]]) {
        let beyond = envelope.strip_suffix(&argument).unwrap();
        assert!(beyond.len() <= CAST_BYTES_MAX, "{envelope:?}");
        let [place] = beyond.strip_prefix(&head[..]).unwrap() else { panic!("{envelope:?}") };
        assert_ne!(*place, 0, "that were a key");
        back.deliver(envelope).unwrap();
    }
    assert_eq!(sent.len(), 2);
    assert_eq!(counter.get().await, Ok(-63));
}

/// Goal: a place that the node never listed is no method of any actor: it is a violation, and the node goes
/// on.
#[tokio::test]
async fn an_unknown_method_index_is_a_violation_and_nothing_else() {
    let (a, b) = (node("a@h"), node("b@h"));
    let counter = b.spawn::<Counter>(7).name("counter").await.unwrap();
    let (good, kept) = session(&a, &b);
    let (back, _) = session(&b, &a);
    a.pid::<Counter>(counter.any()).add(1).unwrap();
    let cast = kept.0.lock()[0].clone();
    let serial = varint(counter.any().serial());
    // The least one that is not listed: what is below it is. Nobody has this serial, so that none runs.
    let nobody = varint(1 << 40);
    let listed = (1..1000).find(|place| {
        let call = [&[2], &nobody[..], &varint(*place), &[1], &[0]].concat();
        back.deliver(&call).is_err()
    });
    let listed = listed.unwrap();
    assert!(listed > 10, "the methods of two types are listed: {listed}");
    for place in [listed, listed + 1, 1 << 20, u64::from(u32::MAX)] {
        let place = varint(place);
        let envelopes = [
            [&[0], &serial[..], &place, &[2]].concat(),
            [&[1, 7], &b"counter"[..], &place, &[2]].concat(),
            [&[2], &serial[..], &place, &[1, 136, 39]].concat(),
        ];
        for envelope in envelopes {
            let violation = back.deliver(&envelope).unwrap_err();
            assert!(violation.0.contains("is no method here"), "{violation}");
            // Those before it in a batch are delivered.
            let outcome = back.batch().deliver_all([&cast[..], &envelope]);
            assert!(outcome.is_err());
        }
    }
    assert_eq!(counter.get().await, Ok(7 + 4 * 3), "only what was good has come");
    for session in [good, back] {
        session.down(DownReason::ProtocolError("as a transport does".to_owned()));
    }
    eventually("it is down", async || b.nodes().is_empty()).await;
    let (_session, _) = session(&b, &a);
    assert_eq!(b.nodes(), [a.name().clone()], "it can be met again");
}
