//! Every decision of the transport that depends on order, time, loss or restart. Pure.
//!
//! ```text
//!   peers       one per node: which dial or session of a peer counts
//!   handshake   one per connection: who is at the other end, and is it of our cluster
//!   bulk        one per session: long messages, cut and put together
//!   places      one per listener: who gives way when more connect than there is room for
//!   session     one per session: is the peer alive, and how does the session end
//! ```
//!
//! The drivers feed these with what happened and do what they put into their outboxes. The
//! simulator of `starlings-tests` is another such driver. An instant is the time since some start.

pub mod bulk;
pub mod handshake;
pub mod membership;
pub mod peers;
pub mod places;
pub mod session;
