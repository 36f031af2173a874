//! The secret of a cluster, and the proofs that both ends know it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::wire::{Challenge, Hello, PROOF_BYTES};

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

    /// The proof of `prover` over what both ends said.
    #[must_use]
    pub fn prove(&self, prover: Prover, said: (&Hello, &Challenge)) -> [u8; PROOF_BYTES] {
        self.mac(prover, said).map_or([0; PROOF_BYTES], |mac| mac.finalize().into_bytes().into())
    }

    /// Whether `proof` is that of `prover`. Takes the same time for all proofs.
    #[must_use]
    pub fn verifies(
        &self,
        prover: Prover,
        said: (&Hello, &Challenge),
        proof: &[u8; PROOF_BYTES],
    ) -> bool {
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
        (hello, challenge): (&Hello, &Challenge),
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
    use super::{Cookie, Prover};
    use crate::wire::tests::{challenge, hello};

    #[test]
    fn proof_holds_for_its_prover_cookie_and_transcript_only() {
        let (cookie, hello, challenge) = (Cookie::new(*b"secret"), hello(), challenge());
        let said = (&hello, &challenge);
        let proof = cookie.prove(Prover::Dialler, said);
        assert!(cookie.verifies(Prover::Dialler, said, &proof));
        assert!(!cookie.verifies(Prover::Listener, said, &proof));
        assert!(!Cookie::new(*b"Secret").verifies(Prover::Dialler, said, &proof));
        let mut other = challenge.clone();
        other.nonce[31] ^= 1;
        assert!(!cookie.verifies(Prover::Dialler, (&hello, &other), &proof));
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", Cookie::new(*b"secret")), "Cookie(..)");
    }
}
