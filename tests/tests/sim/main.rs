//! Simulated runs of the pure protocols, with faults drawn from seeds.

mod cache;
mod registry;
