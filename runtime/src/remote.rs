//! Other nodes: the port to them, what goes out, what comes in, and what it looks like on the way.

pub(crate) mod batch;
pub(crate) mod carrier;
pub(crate) mod decoding;
pub(crate) mod fingerprint;
pub(crate) mod ingress;
pub(crate) mod lookup;
mod named;
pub(crate) mod needs;
pub(crate) mod on;
pub(crate) mod pause;
pub(crate) mod peer;
pub(crate) mod route;
pub(crate) mod sender;
pub(crate) mod slots;
pub(crate) mod together;
pub(crate) mod wire;
