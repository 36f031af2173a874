//! What the runtime sends, into the lanes of a session.

use std::sync::Arc;

use starlings_runtime::{BoxFuture, DownReason, LaneKey, Outlet, OutletError, Urgency};

use super::Session;
use crate::frame::ENVELOPE_BYTES_MAX;
use crate::lane::{AppendError, Lane};
use crate::proto::bulk::MESSAGE_BYTES_MAX;
use crate::proto::session::Input;
use crate::scratch::with_buffer;

/// 2^64 divided by the golden ratio: numbers that follow each other, as serials do, are spread evenly.
/// Knuth, The Art of Computer Programming, 6.4.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Session {
    /// The user lane of a sender: not the first lane, and not the last.
    fn user_lane(&self, key: LaneKey) -> Option<(u8, &Lane)> {
        let user_lanes = u64::try_from(self.lanes.len()).ok()?.checked_sub(2)?;
        // The upper bits of a product: a division by a number that is not known is felt in each cast.
        let spread = key.0.wrapping_mul(SPREAD);
        let at = u8::try_from(1 + ((u128::from(spread) * u128::from(user_lanes)) >> 64)).ok()?;
        self.lanes.get(usize::from(at)).map(|lane| (at, lane))
    }

    fn append(
        &self,
        key: LaneKey,
        urgency: Urgency,
        envelope: &mut Vec<u8>,
    ) -> Result<(), AppendError> {
        let Some((at, lane)) = self.user_lane(key) else {
            return Err(AppendError::Closed);
        };
        if envelope.len() <= ENVELOPE_BYTES_MAX && !self.bulk.has(key.0) {
            return lane.append(key, urgency, envelope);
        }
        self.bulk.push(key.0, urgency, (at, lane), std::mem::take(envelope))?;
        if let Some(bulk) = self.lanes.last() {
            bulk.nudge();
        }
        Ok(())
    }

    /// What the runtime hears of it.
    #[cold]
    fn refused(&self, error: AppendError) -> OutletError {
        match error {
            AppendError::Overloaded => OutletError::Overloaded,
            AppendError::Closed => OutletError::Closed,
            AppendError::Idle => OutletError::Idle,
            AppendError::TooLarge(bytes) => {
                OutletError::TooLarge { bytes, bytes_max: MESSAGE_BYTES_MAX }
            }
            AppendError::Encode(error) => OutletError::Encode(error.to_string()),
            AppendError::Overflowed => {
                self.handle(Input::Overflowed);
                OutletError::Closed
            }
        }
    }
}

impl Outlet for Session {
    fn send(
        &self,
        lane: LaneKey,
        urgency: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), postcard::Error>,
    ) -> Result<(), OutletError> {
        // Before it is encoded, which for a long message is most of the work.
        if urgency == Urgency::Refusable && self.bulk.refuses(lane.0) {
            return Err(OutletError::Overloaded);
        }
        let appended = with_buffer(|envelope| {
            encode(envelope).map_err(AppendError::Encode)?;
            self.append(lane, urgency, envelope)
        });
        appended.map_err(|error| self.refused(error))
    }

    fn ready(self: Arc<Self>, key: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some((_, lane)) = self.user_lane(key) {
                lane.ready().await;
            }
            self.bulk.ready().await;
        })
    }

    fn close(&self, reason: DownReason) {
        self.handle(Input::Close(reason));
    }
}
