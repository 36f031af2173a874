//! The secret of a cluster, and the proofs that both ends know it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::wire::{CHANNEL_SINCE, Challenge, ChannelBinding, Hello, PROOF_BYTES};

/// The secret that the nodes of a cluster share. It never crosses the wire.
///
/// `Debug` does not show it. Any bytes will do; proofs can be attacked offline by whoever listens,
/// so it should be random and at least 16 bytes long.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie(Vec<u8>);

/// Which end of a handshake a proof is for. Part of what is proved: no proof can be played back to
/// the end that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prover {
    /// The end that dialled. It proves first.
    Dialler,
    /// The end that was dialled.
    Listener,
}

/// What a proof is over.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What the dialler said.
    pub hello: &'a Hello,
    /// What the listener answered.
    pub challenge: &'a Challenge,
    /// The channel that both said it on, if it is encrypted. Counts from [`CHANNEL_SINCE`] on.
    pub channel: Option<&'a ChannelBinding>,
}

impl Cookie {
    /// A cookie of these bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// Whether it has no bytes at all, which proves nothing: such a cookie is refused at start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The proof of `prover` over what both ends said, and the channel that they said it on.
    #[must_use]
    pub fn prove(&self, prover: Prover, said: Said<'_>) -> [u8; PROOF_BYTES] {
        self.mac(prover, said).map_or([0; PROOF_BYTES], |mac| mac.finalize().into_bytes().into())
    }

    /// Whether `proof` is that of `prover`. Takes the same time for all proofs.
    #[must_use]
    pub fn verifies(&self, prover: Prover, said: Said<'_>, proof: &[u8; PROOF_BYTES]) -> bool {
        self.mac(prover, said).is_some_and(|mac| mac.verify_slice(proof).is_ok())
    }

    /// A key of its own for each purpose: what one proves says nothing for another. `None` only if it
    /// cannot be keyed, which any bytes can.
    pub(crate) fn derive(&self, purpose: &[u8]) -> Option<Hmac<Sha256>> {
        let key = Hmac::<Sha256>::new_from_slice(&self.0).ok()?.chain_update(purpose);
        Hmac::new_from_slice(&key.finalize().into_bytes()).ok()
    }

    /// `None` only if a part cannot be encoded or keyed, which no input of ours does; then nothing
    /// verifies.
    fn mac(
        &self,
        prover: Prover,
        Said { hello, challenge, channel }: Said<'_>,
    ) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        let label: &[u8] = match prover {
            Prover::Dialler => b"starlings dial ",
            Prover::Listener => b"starlings listen ",
        };
        mac.update(label);
        for part in [postcard::to_allocvec(hello), postcard::to_allocvec(challenge)] {
            let part = part.ok()?;
            // The lengths keep two different transcripts from having the same bytes.
            mac.update(&u64::try_from(part.len()).ok()?.to_le_bytes());
            mac.update(&part);
        }
        // Nobody can say an earlier version for another: both ends' are part of what is proved.
        if let Some(channel) = channel.filter(|_| challenge.version >= CHANNEL_SINCE) {
            mac.update(&u64::try_from(channel.len()).ok()?.to_le_bytes());
            mac.update(channel);
        }
        Some(mac)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Cookie, Prover, Said};
    use crate::wire::CHANNEL_SINCE;
    use crate::wire::tests::{challenge, challenge_of, hello};

    #[test]
    fn proof_holds_for_its_prover_cookie_and_transcript_only() {
        let (cookie, hello, challenge) = (Cookie::new(*b"secret"), hello(), challenge());
        let said = Said { hello: &hello, challenge: &challenge, channel: None };
        let proof = cookie.prove(Prover::Dialler, said);
        assert!(cookie.verifies(Prover::Dialler, said, &proof));
        assert!(!cookie.verifies(Prover::Listener, said, &proof));
        assert!(!Cookie::new(*b"Secret").verifies(Prover::Dialler, said, &proof));
        let mut other = challenge.clone();
        other.nonce[31] ^= 1;
        let other = Said { challenge: &other, ..said };
        assert!(!cookie.verifies(Prover::Dialler, other, &proof));
    }

    #[test]
    fn proof_holds_for_its_channel_only_from_the_version_on_that_has_it() {
        let (cookie, hello) = (Cookie::new(*b"secret"), hello());
        for (version, counts) in [(CHANNEL_SINCE, true), (CHANNEL_SINCE - 1, false)] {
            let challenge = challenge_of(version);
            let on = |channel| Said { hello: &hello, challenge: &challenge, channel };
            let channels = [None, Some(&[3; 32]), Some(&[4; 32])];
            for here in channels {
                for there in channels {
                    for prover in [Prover::Dialler, Prover::Listener] {
                        let proof = cookie.prove(prover, on(here));
                        let holds = cookie.verifies(prover, on(there), &proof);
                        assert_eq!(holds, !counts || here == there, "{here:?} {there:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", Cookie::new(*b"secret")), "Cookie(..)");
    }
}
