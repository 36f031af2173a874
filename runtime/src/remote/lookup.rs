//! Reaching actors of other nodes by their local names there.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actor::{Remote, Wire};
use crate::error::{CallError, CastError};
use crate::identity::NodeId;
use crate::message::call::CALL_TIMEOUT_DEFAULT;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::remote::carrier::{LaneKey, Urgency};
use crate::remote::decoding::Source;
use crate::remote::pause::ReceiverKey;
use crate::remote::slots::ReplySlot;
use crate::remote::wire::{self, Header, MethodKey};

pub(crate) async fn whereis(
    node: &Node,
    place: &NodeId,
    name: &str,
) -> Result<Option<AnyPid>, CallError> {
    let answer = node.timeout(CALL_TIMEOUT_DEFAULT, ask_whereis(node, place, name));
    answer.await.unwrap_or(Err(CallError::Timeout))
}

async fn ask_whereis(node: &Node, place: &NodeId, name: &str) -> Result<Option<AnyPid>, CallError> {
    let no_connection = || CallError::NoConnection(place.clone());
    let peer = node.reach(place).await.map_err(|_| no_connection())?;
    let call = node.next_call();
    let (sender, answer) = oneshot::channel();
    peer.wait_for(call, Box::new(SerialSlot(sender)));
    let _forget = peer.forget_later(call);
    let header = Header::WhereIs { call, name: name.to_owned() };
    peer.send(LaneKey::of_sender(), Urgency::Refusable, &header, &mut |_| Ok(()))?;
    let serial = answer.await.map_err(|_closed| no_connection())??;
    Ok(serial.map(|serial| AnyPid::new(Arc::clone(&peer), serial)))
}

struct SerialSlot(oneshot::Sender<Result<Option<u64>, CallError>>);

impl ReplySlot for SerialSlot {
    fn fill(self: Box<Self>, _: Source<'_>, answer: Result<&[u8], CallError>) {
        let serial = answer.and_then(|bytes| {
            wire::decode(bytes).map_err(|error| CallError::BadMessage(error.to_string()))
        });
        let _ = self.0.send(serial);
    }
}

/// What a cast is sent for. Upkeep of shared state does not keep its session from being closed for want of
/// use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Message,
    Upkeep,
}

pub(super) fn cast_named<A: Remote>(
    node: &Node,
    place: &NodeId,
    name: &str,
    message: A::Message,
    purpose: Purpose,
) -> Result<(), CastError> {
    if place == node.name() {
        let pid = node.whereis(name).ok_or(CastError::NoProc)?;
        return node.pid::<A>(&pid).cast(message);
    }
    let peer = match purpose {
        Purpose::Message => node.last_peer(place),
        Purpose::Upkeep => node.connected_peer(place),
    };
    let peer = peer.ok_or_else(|| CastError::NoConnection(place.clone()))?;
    let wire = Wire::<A>::of();
    let key = wire.key(&message).ok_or_else(crate::message::sending::local_only::<A>)?;
    let to = name.to_owned();
    let mut payload = |out: &mut Vec<u8>| A::encode(&message, out);
    let header = |method| Header::CastNamed { to, method };
    let method = (A::NAME, key);
    match purpose {
        Purpose::Message => {
            peer.send_method(ReceiverKey::of_name(name), method, header, &mut payload)
        }
        Purpose::Upkeep => peer.send_upkeep(name, method, header, &mut payload),
    }
}

/// A cast in the form in which it travels, to be delivered to many actors of one type.
///
/// # Errors
/// [`CastError::BadMessage`]: the message does not serialize.
pub fn encode_cast<A: Remote>(message: &A::Message) -> Result<(MethodKey, Vec<u8>), CastError> {
    let key = Wire::<A>::of().key(message).ok_or_else(crate::message::sending::local_only::<A>)?;
    let mut payload = Vec::new();
    A::encode(message, &mut payload).map_err(|error| CastError::BadMessage(error.to_string()))?;
    Ok((key, payload))
}

impl Node {
    /// Delivers an encoded cast to a local actor. What does not decode there, or meets a full
    /// mailbox, is counted and dropped; `false` if the actor is not there.
    pub fn deliver_encoded(&self, pid: &AnyPid, key: MethodKey, payload: &[u8]) -> bool {
        let cell = self.cell(pid.serial()).filter(|cell| cell.core().pid() == pid);
        let source = Source { node: self, from: pid.home() };
        cell.map(|cell| cell.deliver_here(source, (key, payload))).is_some()
    }
}
