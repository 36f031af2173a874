//! Actors of one node, and of two nodes joined by a bridge in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod aliases;
mod allowed;
mod backpressure;
mod bonds;
mod bridge;
mod by_hand;
mod circles;
mod continued;
mod endings;
mod evolve;
mod fixture;
mod forwarding;
mod functions;
mod hard_input;
mod idle;
mod interop;
mod lifetimes;
mod link_races;
mod link_threads;
mod links;
mod logs;
mod messages;
mod method_places;
mod monitor_races;
mod monitors;
mod named;
mod node_events;
mod order;
mod overflow;
mod panics;
mod pids;
mod puppet;
mod remote;
mod spawn_failures;
mod spawn_request;
mod spawning;
mod states;
mod supervision;
mod tasks;
mod timers;
mod traces;
mod young;
