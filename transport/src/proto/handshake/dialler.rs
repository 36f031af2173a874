//! The end that dials, and proves itself first.

use crate::cookie::{Cookie, Prover, Said};
use crate::wire::{
    Challenge, ChannelBinding, Handshake, Hello, LANES_MIN, NONCE_BYTES, Preamble, Versions,
};

use super::{Agreement, Claim, Failure, Output, Party, agreement};
use starlings_runtime::NodeId;

/// One dialled connection.
#[derive(Debug)]
pub struct Dialler {
    me: Party,
    cookie: Cookie,
    greeting: Vec<u8>,
    channel: Option<ChannelBinding>,
    pub(super) hello: Hello,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Greeted,
    Proved(Challenge),
    Over,
}

impl Dialler {
    /// Dials `wanted` for the lane of `claim`, whose `peer` is ourselves. The hello to send first
    /// is [`Dialler::hello`]. `greeting` is empty on all lanes but the control lane.
    #[must_use]
    pub fn new(
        me: Party,
        cookie: Cookie,
        wanted: NodeId,
        claim: &Claim,
        greeting: Vec<u8>,
        nonce: [u8; NONCE_BYTES],
    ) -> Self {
        let hello = Hello {
            preamble: Preamble::new(me.versions),
            dialler: me.me.clone(),
            wanted,
            hidden: me.hidden,
            session: claim.session,
            lost: claim.lost,
            lane: claim.lane,
            lanes: claim.lanes,
            pulse: me.pulse,
            unpacks: me.unpacks,
            nonce,
        };
        Self { me, cookie, greeting, channel: None, hello, step: Step::Greeted }
    }

    /// It dials by this channel, if it is an encrypted one.
    #[must_use]
    pub fn by(mut self, channel: Option<ChannelBinding>) -> Self {
        self.channel = channel;
        self
    }

    /// What to send first.
    #[must_use]
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// One message came in; `None` if it does not decode.
    pub fn handle(&mut self, message: Option<Handshake>, outbox: &mut Vec<Output>) {
        match (std::mem::replace(&mut self.step, Step::Over), message) {
            (Step::Greeted, Some(Handshake::Challenge(challenge))) => {
                self.on_challenge(challenge, outbox);
            }
            (Step::Proved(challenge), Some(Handshake::Welcome { proof, greeting })) => {
                if self.cookie.verifies(Prover::Listener, self.said(&challenge), &proof) {
                    let greeted = std::mem::take(&mut self.greeting);
                    outbox.push(Output::Send(Handshake::Ready { greeting: greeted }));
                    outbox.push(Output::Done(self.agreement(challenge, greeting)));
                } else {
                    outbox.push(Output::Failed(Failure::WrongCookie));
                }
            }
            (Step::Greeted | Step::Proved(_), Some(Handshake::Refuse(refusal))) => {
                outbox.push(Output::Failed(Failure::Refused(refusal)));
            }
            (Step::Greeted | Step::Proved(_), _) => {
                outbox.push(Output::Failed(Failure::Malformed));
            }
            (Step::Over, _) => {}
        }
    }

    fn on_challenge(&mut self, challenge: Challenge, outbox: &mut Vec<Output>) {
        if !self.me.versions.contains(challenge.version) {
            let failure = Failure::OtherVersion(challenge.version);
            return outbox.push(Output::Failed(failure));
        }
        if challenge.listener.node != self.hello.wanted {
            let failure = Failure::OtherNode(challenge.listener.node);
            return outbox.push(Output::Failed(failure));
        }
        if !(LANES_MIN..=self.hello.lanes).contains(&challenge.lanes) {
            return outbox.push(Output::Failed(Failure::Malformed));
        }
        let proof = self.cookie.prove(Prover::Dialler, self.said(&challenge));
        outbox.push(Output::Challenged);
        outbox.push(Output::Send(Handshake::Proof(proof)));
        self.step = Step::Proved(challenge);
    }

    fn said<'a>(&'a self, challenge: &'a Challenge) -> Said<'a> {
        Said { hello: &self.hello, challenge, channel: self.channel.as_ref() }
    }

    fn agreement(&self, challenge: Challenge, greeting: Vec<u8>) -> Agreement {
        let Challenge { version, listener: me, hidden, pulse, lanes, unpacks, .. } = challenge;
        // Which others it speaks is nothing that it says.
        let versions = Versions { min: version, max: version };
        let peer = Party { me, versions, hidden, pulse, lanes, unpacks };
        agreement(version, [&self.me, &peer], greeting)
    }
}
