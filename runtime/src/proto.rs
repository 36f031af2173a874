//! The pure decisions of the runtime: no clock, no tasks, no sockets.

pub(crate) mod bonds;
pub(crate) mod supervision;
