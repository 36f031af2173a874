//! Real processes of the `starlings` program, driven through their pipes.
//!
//! Nothing here sleeps: every wait is for a condition, with a deadline.

mod bad_input;
mod binary;
mod bonds;
mod caches;
mod many;
mod nodes;
mod seed;
mod services;
mod shell;
