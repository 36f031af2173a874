//! Real processes of the `starlings` program, driven through their pipes.
//!
//! Nothing here sleeps: every wait is for a condition, with a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too; an answer of another form fails them"
)]

mod automatic;
mod backpressure;
mod bad_input;
mod binary;
mod bonds;
mod caches;
mod faults;
mod functions;
mod gossip;
mod heartbeats;
mod idle;
mod many;
mod mesh;
mod nodes;
mod order;
mod pipes;
mod scopes;
mod seed;
mod services;
mod shell;
mod sizes;
mod versions;
