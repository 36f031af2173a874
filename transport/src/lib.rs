//! Sessions between Starlings nodes: dial, handshake, lanes, heartbeats.
//!
//! ```text
//!   transport     what the facade starts; the runtime's Carrier
//!      │
//!     hub         what is shared; asks proto::peers
//!    ╱   ╲
//! dial  listener  connections and their handshakes, by proto::handshake
//!    ╲   ╱
//!   session       the runtime's Outlet; readers, writers, by proto::session
//!      │                                  membership, if there is one, tells the hub who is there
//!  lane, frame    outgoing buffers; frames in a byte stream
//!      │
//!     pipe        TCP, memory
//! ```
//!
//! The runtime says what envelopes mean; this crate moves them: in order per lane, at most once, and
//! with the end of the session if any is lost. `docs/protocol/session.md` has the protocol.

pub mod pipe;
pub mod proto;
pub mod wire;

mod arrivals;
mod clock;
mod cookie;
mod dial;
mod frame;
#[cfg(starlings_fuzz)]
#[doc(hidden)]
pub mod fuzzing;
mod greet;
mod hub;
mod keep;
mod lane;
mod listener;
mod membership;
mod pack;
mod receiver;
mod scratch;
mod session;
#[cfg(test)]
mod testing;
mod threads;
mod transport;
mod until;

pub use cookie::{Cookie, Prover, Said};
pub use frame::{ENVELOPE_BYTES_MAX, FRAME_BYTES_MAX, READ_BYTES};
pub use greet::{GREETING_BYTES_MAX, HANDSHAKE_BYTES_MAX, HANDSHAKE_TIMEOUT};
pub use hub::ADDRESSES_MAX;
pub use lane::{LANE_BYTES_HARD, LANE_BYTES_SOFT};
pub use listener::HANDSHAKES_MAX;
pub use membership::{MembershipConfig, MembershipError};
pub use pack::Compress;
pub use pipe::{MemoryNetwork, MemoryPipe, Pipe, TcpPipe};
pub use session::{BULK_BYTES_HARD, BULK_BYTES_SOFT};
pub use transport::{AllowPeers, AutoConnect, Spawner, StartError, Transport, TransportConfig};
