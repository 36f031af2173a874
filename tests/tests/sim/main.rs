//! The protocols, run in the simulated world under many seeds.

mod cache;
mod registry;
mod session;
