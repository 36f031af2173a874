//! Datagrams of the membership, to the machine of one member.

use std::collections::BTreeMap;
use std::time::Duration;

use starlings_runtime::{NodeId, NodeInstance};
use starlings_transport::fuzzing::{datagram, datagram_parts, sealed};
use starlings_transport::proto::membership::{
    Address, Config, DATAGRAM_BYTES_MAX, Input, Message, Output, State, TAG_BYTES,
};

use super::handshake::{cookie, instance};
use crate::parts;

/// An address.
pub(crate) fn address(text: &str) -> Address {
    Address::new(text).expect("an address")
}

/// The parts of the input are bodies of datagrams, a while apart; an empty one has the member leave.
pub fn run(bytes: &[u8]) {
    let mut member = Member::new();
    for part in parts(bytes) {
        member.now += Duration::from_millis(40 * part.len() as u64);
        member.catch_up();
        let input = match part {
            [] => Input::Leave,
            body => Input::Received(sealed(&cookie(), member.with_its_number(body))),
        };
        member.handle(input);
    }
    // Every suspicion, relay and table that is on its way has an end.
    for _ in 0..20 {
        member.now += Duration::from_secs(10);
        member.catch_up();
    }
}

/// One member, and what it has said.
struct Member {
    state: State,
    now: Duration,
    up: BTreeMap<NodeId, NodeInstance>,
    /// Of its last probe.
    number: u32,
}

impl Member {
    fn new() -> Self {
        let me = instance("a@h");
        let (now, config) = (Duration::ZERO, Config::default());
        let state = State::new(now, me, address("a@h"), &cookie(), config, 1);
        let mut member = Self { state, now, up: BTreeMap::new(), number: 0 };
        member.handle(Input::Join(vec![address("b@h")]));
        member
    }

    /// Wakes it as often as it wants to be.
    fn catch_up(&mut self) {
        for _ in 0..100 {
            if self.state.deadline().is_none_or(|due| due > self.now) {
                return;
            }
            self.handle(Input::Elapsed);
        }
        panic!("always due, at {:?}: {:?}", self.now, self.state);
    }

    /// A body in which an answer to number 0 answers its last probe.
    fn with_its_number(&self, bytes: &[u8]) -> Vec<u8> {
        let Some((from, mut message, updates)) = datagram_parts(bytes) else {
            return bytes.to_vec();
        };
        let again = datagram(&from, &message, &updates);
        let same = datagram_parts(&again);
        assert!(same.as_ref() == Some(&(from.clone(), message.clone(), updates.clone())));
        match &mut message {
            Message::Ack { number: number @ 0 }
            | Message::Relayed { number: number @ 0 }
            | Message::Nack { number: number @ 0 } => *number = self.number,
            _ => return bytes.to_vec(),
        }
        datagram(&from, &message, &updates)
    }

    fn handle(&mut self, input: Input) {
        let mut outbox = Vec::new();
        self.state.handle(self.now, input, &mut outbox);
        for output in outbox {
            match output {
                Output::Send { bytes, .. } => self.check_sent(&bytes),
                Output::Up { member, .. } => {
                    let before = self.up.insert(member.node.clone(), member);
                    assert!(before.is_none(), "{before:?} is up twice");
                }
                Output::Down { member, .. } => {
                    let was = self.up.remove(&member.node);
                    assert_eq!(was.as_ref(), Some(&member), "down is who was up");
                }
                Output::Suspected { member, .. } => {
                    assert_eq!(self.up.get(&member.node), Some(&member), "suspected is who is up");
                }
                Output::Left | Output::Superseded { .. } => {}
            }
        }
        let members = self.state.members().map(|(member, _)| member);
        assert!(members.eq(self.up.values().cloned()), "it knows whom it has told of");
    }

    fn check_sent(&mut self, datagram: &[u8]) {
        assert!(datagram.len() <= DATAGRAM_BYTES_MAX, "{} bytes", datagram.len());
        let body = &datagram[..datagram.len() - TAG_BYTES];
        let (_, message, _) = datagram_parts(body).expect("what is sent is understood");
        if let Message::Ping { number, .. } = message {
            self.number = number;
        }
    }
}
