//! What shows that a datagram comes from a node of the cluster.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::cookie::Cookie;

/// Bytes of the tag at the end of each datagram: HMAC-SHA256, cut. 16: guessing one takes 2^127 tries
/// on average, each of them a datagram to us.
pub const TAG_BYTES: usize = 16;

/// The key of a cluster's datagrams. It is not that of handshakes: no proof of one is one of the other.
#[derive(Debug)]
pub(super) struct Seal(Option<Hmac<Sha256>>);

impl Seal {
    pub(super) fn new(cookie: &Cookie) -> Self {
        Self(cookie.derive(b"starlings membership 1 "))
    }

    /// Appends the tag.
    pub(super) fn seal(&self, datagram: &mut Vec<u8>) {
        let tag = self.0.clone().map(|mac| mac.chain_update(&*datagram).finalize().into_bytes());
        datagram.extend(tag.unwrap_or_default().iter().take(TAG_BYTES));
    }

    /// What stands before the tag, if the tag holds. Takes the same time for all tags.
    pub(super) fn open<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        let body_bytes = datagram.len().checked_sub(TAG_BYTES)?;
        let (body, tag) = datagram.split_at_checked(body_bytes)?;
        let mac = self.0.clone()?.chain_update(body);
        mac.verify_truncated_left(tag).is_ok().then_some(body)
    }
}
