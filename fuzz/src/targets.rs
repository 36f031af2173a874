//! What is done with an input, one file for each part of the code that decodes.

pub mod bodies;
pub mod bulk;
pub mod envelope;
pub mod frames;
pub mod handshake;
pub mod membership;
pub mod node;
pub mod pid;
pub mod services;
