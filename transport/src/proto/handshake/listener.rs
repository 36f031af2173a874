//! The end that is dialled, and proves nothing before the other end has.

use crate::cookie::{Cookie, Prover, Said};
use crate::wire::{
    Challenge, ChannelBinding, Handshake, Hello, LANES_MAX, LANES_MIN, NONCE_BYTES, Opening,
    PROOF_BYTES, Refusal, Versions,
};

use super::{Claim, Failure, Output, Party, agreement};

/// One accepted connection.
#[derive(Debug)]
pub struct Listener {
    me: Party,
    cookie: Cookie,
    nonce: [u8; NONCE_BYTES],
    channel: Option<ChannelBinding>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Waiting,
    Challenged(Box<Hello>, Challenge),
    Deciding(Box<Hello>, Challenge),
    /// With the version that was chosen.
    Welcomed(Box<Hello>, u16),
    Over,
}

/// What happens to a listener.
#[derive(Debug)]
pub enum ListenerInput {
    /// The first message.
    Opened(Opening),
    /// Each later one; `None` if it does not decode.
    Received(Option<Handshake>),
    /// `peers` lets the lane in. The greeting is empty on all lanes but the control lane.
    Admitted {
        /// What our runtime says of itself.
        greeting: Vec<u8>,
    },
    /// `peers` does not.
    Refused(Refusal),
}

impl Listener {
    /// A connection was accepted.
    #[must_use]
    pub fn new(me: Party, cookie: Cookie, nonce: [u8; NONCE_BYTES]) -> Self {
        Self { me, cookie, nonce, channel: None, step: Step::Waiting }
    }

    /// The connection is by this channel, if it is an encrypted one.
    #[must_use]
    pub fn by(mut self, channel: Option<ChannelBinding>) -> Self {
        self.channel = channel;
        self
    }

    /// Something happened.
    pub fn handle(&mut self, input: ListenerInput, outbox: &mut Vec<Output>) {
        match (std::mem::replace(&mut self.step, Step::Over), input) {
            (Step::Waiting, ListenerInput::Opened(opening)) => self.on_opening(opening, outbox),
            (
                Step::Challenged(hello, challenge),
                ListenerInput::Received(Some(Handshake::Proof(proof))),
            ) => self.on_proof(hello, challenge, &proof, outbox),
            (Step::Deciding(hello, challenge), ListenerInput::Admitted { greeting }) => {
                let proof = self.cookie.prove(Prover::Listener, self.said(&hello, &challenge));
                outbox.push(Output::Send(Handshake::Welcome { proof, greeting }));
                self.step = Step::Welcomed(hello, challenge.version);
            }
            (Step::Deciding(..), ListenerInput::Refused(refusal)) => refuse(refusal, outbox),
            (
                Step::Welcomed(hello, version),
                ListenerInput::Received(Some(Handshake::Ready { greeting })),
            ) => {
                let Hello { preamble, dialler: me, hidden, pulse, lanes, unpacks, .. } = *hello;
                let versions = preamble.versions();
                let peer = Party { me, versions, hidden, pulse, lanes, unpacks };
                outbox.push(Output::Done(agreement(version, [&self.me, &peer], greeting)));
            }
            (Step::Over, _) => {}
            (Step::Waiting | Step::Challenged(..) | Step::Deciding(..) | Step::Welcomed(..), _) => {
                refuse(Refusal::Malformed, outbox);
            }
        }
    }

    fn on_opening(&mut self, opening: Opening, outbox: &mut Vec<Output>) {
        let hello = match opening {
            Opening::Hello(hello) => hello,
            Opening::Foreign => return self.refuse_version(outbox),
            // To whom does not even say the magic, nothing is said.
            Opening::Garbage => return outbox.push(Output::Failed(Failure::Malformed)),
        };
        let Some(version) = self.me.versions.common(hello.preamble.versions()) else {
            return self.refuse_version(outbox);
        };
        if hello.wanted != self.me.me.node || hello.dialler.node == self.me.me.node {
            return refuse(Refusal::NotThisNode(self.me.me.node.clone()), outbox);
        }
        let lanes = LANES_MIN..=LANES_MAX;
        if !lanes.contains(&hello.lanes) || hello.lane >= hello.lanes {
            return refuse(Refusal::Malformed, outbox);
        }
        let challenge = Challenge {
            version,
            listener: self.me.me.clone(),
            hidden: self.me.hidden,
            lanes: hello.lanes.min(self.me.lanes),
            pulse: self.me.pulse,
            unpacks: self.me.unpacks,
            nonce: self.nonce,
        };
        outbox.push(Output::Send(Handshake::Challenge(challenge.clone())));
        self.step = Step::Challenged(hello, challenge);
    }

    fn said<'a>(&'a self, hello: &'a Hello, challenge: &'a Challenge) -> Said<'a> {
        Said { hello, challenge, channel: self.channel.as_ref() }
    }

    fn refuse_version(&self, outbox: &mut Vec<Output>) {
        let Versions { min: version_min, max: version_max } = self.me.versions;
        refuse(Refusal::Version { version_min, version_max }, outbox);
    }

    fn on_proof(
        &mut self,
        hello: Box<Hello>,
        challenge: Challenge,
        proof: &[u8; PROOF_BYTES],
        outbox: &mut Vec<Output>,
    ) {
        if !self.cookie.verifies(Prover::Dialler, self.said(&hello, &challenge), proof) {
            return refuse(Refusal::WrongCookie, outbox);
        }
        outbox.push(Output::Proven(Claim {
            peer: hello.dialler.clone(),
            session: hello.session,
            lost: hello.lost,
            lane: hello.lane,
            lanes: challenge.lanes,
        }));
        self.step = Step::Deciding(hello, challenge);
    }
}

fn refuse(refusal: Refusal, outbox: &mut Vec<Output>) {
    outbox.push(Output::Send(Handshake::Refuse(refusal.clone())));
    outbox.push(Output::Failed(Failure::Refusing(refusal)));
}
