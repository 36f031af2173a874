//! The simulated world, the invariants checked in it, and tests over real processes.
//!
//! [`world`] runs the pure protocols of the other crates on virtual time with faults drawn from a
//! seed; [`machines`] makes them fit it. [`invariant`] is the form of a property that must hold
//! there; [`invariants`] holds them, one a file. [`faults`] is for real processes under real faults.

pub mod faults;
pub mod invariant;
pub mod invariants;
pub mod machines;
pub mod world;
