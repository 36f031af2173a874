//! The messages of the handshake, and both its machines in any order of them.

use starlings_runtime::{Incarnation, NodeInstance};
use starlings_transport::proto::handshake::{
    Claim, Dialler, Listener, ListenerInput, Output, Party,
};
use starlings_transport::wire::{Handshake, Opening, Pulse, Versions, decode};
use starlings_transport::{Cookie, Prover, Said};

use crate::parts;

/// A node with this name.
pub(crate) fn party(name: &str) -> Party {
    Party {
        me: instance(name),
        versions: Versions::ALL,
        hidden: false,
        pulse: Pulse { heartbeat_ms: 1000, silent_ms: 5000 },
        lanes: 4,
        unpacks: true,
    }
}

pub(crate) fn instance(name: &str) -> NodeInstance {
    NodeInstance { node: name.parse().expect("a name"), incarnation: Incarnation(7) }
}

pub(crate) fn cookie() -> Cookie {
    Cookie::new(*b"fuzz")
}

pub(crate) fn dialler() -> Dialler {
    let claim = Claim { peer: instance("a@h"), session: 1, lost: None, lane: 0, lanes: 4 };
    let wanted = "b@h".parse().expect("a name");
    Dialler::new(party("a@h"), cookie(), wanted, &claim, vec![1], [1; 32])
}

pub(crate) fn listener() -> Listener {
    Listener::new(party("b@h"), cookie(), [2; 32])
}

/// The parts of the input are the messages that come in. A proof of 32 zeros stands for the right one, so
/// that what follows it is reached.
pub fn run(bytes: &[u8]) {
    let (mut dialler, mut listener) = (dialler(), listener());
    let (mut from_dialler, mut from_listener) = (Vec::new(), Vec::new());
    let (mut said, mut is_first) = (None, true);
    for part in parts(bytes) {
        let opening = Opening::decode(part);
        if let Opening::Hello(hello) = &opening {
            let again = postcard::to_allocvec(hello).expect("a hello");
            assert_eq!(Opening::decode(&again), opening, "encoded again");
        }
        let mut message = decode::<Handshake>(part);
        if let Some(message) = &message {
            let again = postcard::to_allocvec(message).expect("a message");
            assert_eq!(decode::<Handshake>(&again).as_ref(), Some(message), "encoded again");
        }
        dialler.handle(message.clone(), &mut from_dialler);
        if let (Some(Handshake::Proof(proof)), Some(said)) = (&mut message, &said)
            && *proof == [0; 32]
        {
            let (hello, challenge) = said;
            *proof = cookie().prove(Prover::Dialler, Said { hello, challenge, channel: None });
        }
        if std::mem::take(&mut is_first) {
            listener.handle(ListenerInput::Opened(opening.clone()), &mut from_listener);
            if let (Opening::Hello(hello), Some(Output::Send(Handshake::Challenge(challenge)))) =
                (opening, from_listener.first())
            {
                said = Some((*hello, challenge.clone()));
            }
        } else {
            listener.handle(ListenerInput::Received(message), &mut from_listener);
        }
        if matches!(from_listener.last(), Some(Output::Proven(_))) {
            let greeting = vec![2];
            listener.handle(ListenerInput::Admitted { greeting }, &mut from_listener);
        }
    }
    for outbox in [&from_dialler, &from_listener] {
        let ends = outbox.iter().filter(|o| matches!(o, Output::Done(_) | Output::Failed(_)));
        assert!(ends.count() <= 1, "a handshake ends once: {outbox:?}");
        let is_end = |o: &Output| matches!(o, Output::Done(_) | Output::Failed(_));
        let last = outbox.iter().position(is_end);
        assert!(last.is_none_or(|at| at + 1 == outbox.len()), "nothing after it: {outbox:?}");
    }
}
