//! Sessions between Starlings nodes: dial, handshake, lanes, heartbeats.
//!
//! ```text
//!   Carrier ── transport ── dial, listener ── proto::{handshake, peers}
//!                  │
//!   Outlet  ──  session  ── outlet (writers), inlet (readers) ── proto::session
//!                  │
//!                frame ── pipe::{tcp, memory}
//! ```

pub mod proto;
pub mod wire;

mod cookie;

pub use cookie::{Cookie, Prover};
