//! Envelopes that come in together: what they have in common is looked up once.

use crate::life::arrival::Cast;
use crate::message::trace;
use crate::remote::decoding::{self, Decoding};
use crate::remote::ingress::{ProtocolViolation, SessionIngress};
use crate::remote::pause::ReceiverKey;
use crate::remote::wire::{self, Header};

impl SessionIngress {
    /// Takes one envelope to its receiver: see [`Batch::deliver_all`].
    ///
    /// # Errors
    /// As [`Batch::deliver_all`].
    pub fn deliver(&self, envelope: &[u8]) -> Result<(), ProtocolViolation> {
        self.batch().deliver_all([envelope])
    }

    /// Begins to take envelopes that came in together.
    #[must_use]
    pub fn batch(&self) -> Batch<'_> {
        Batch { session: self, _decoding: decoding::decoding(self.source()) }
    }
}

/// Envelopes of one lane that came in together. Not to be kept over an await: it marks its thread as
/// decoding for this session.
#[derive(Debug)]
pub struct Batch<'a> {
    session: &'a SessionIngress,
    _decoding: Decoding,
}

/// Casts to one receiver that come in at once are handed to it together. Count. Enough that what it
/// costs to find the receiver and to lock its mailbox does not show, few enough that it can begin.
const TOGETHER_MAX: usize = 256;

/// Casts that follow each other and have the same receiver.
#[derive(Default)]
struct Together<'e> {
    to: u64,
    casts: Vec<Cast<'e>>,
}

impl Batch<'_> {
    /// Takes envelopes to their receivers. Readers of different lanes may do so at once; each lane in
    /// order.
    ///
    /// # Errors
    /// An envelope does not decode, or names what this session does not know; those before it are
    /// delivered. A payload that does not decode is no violation: it is answered.
    pub fn deliver_all<'e>(
        &mut self,
        envelopes: impl IntoIterator<Item = &'e [u8]>,
    ) -> Result<(), ProtocolViolation> {
        let mut together = Together::default();
        let outcome = envelopes.into_iter().try_for_each(|envelope| {
            let Some((to, method, payload)) = wire::split_cast(envelope) else {
                self.hand_over(&mut together);
                return self.deliver_one(envelope);
            };
            if to != together.to || together.casts.len() >= TOGETHER_MAX {
                self.hand_over(&mut together);
                together.to = to;
            }
            together.casts.push((self.session.method(method)?, payload));
            Ok(())
        });
        self.hand_over(&mut together);
        outcome
    }

    fn hand_over(&self, together: &mut Together<'_>) {
        if !together.casts.is_empty() {
            let cell = self.session.node().cell(together.to);
            let to = ReceiverKey::of_actor(together.to);
            self.session.on_casts(to, cell.as_ref(), &together.casts);
            together.casts.clear();
        }
    }

    fn deliver_one(&self, envelope: &[u8]) -> Result<(), ProtocolViolation> {
        let (header, tail) = split(envelope)?;
        let Header::Traced(trace) = header else {
            return self.session.on_header(header, tail);
        };
        let _delivers = trace::is_wanted().then(|| trace::deliver(trace));
        let (header, tail) = split(tail)?;
        if !matches!(header, Header::Cast { .. } | Header::CastNamed { .. } | Header::Call { .. }) {
            return Err(ProtocolViolation("a trace of what is no message".to_owned()));
        }
        self.session.on_header(header, tail)
    }
}

fn split(envelope: &[u8]) -> Result<(Header, &[u8]), ProtocolViolation> {
    wire::split(envelope).map_err(|error| ProtocolViolation(format!("bad envelope: {error}")))
}
