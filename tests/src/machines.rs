//! The protocols as nodes of the world: state machines with the little of a driver that they need.

pub mod cache;
pub mod registry;
