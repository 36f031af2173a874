//! What is sent to an actor: casts, calls and their replies, and the queue they stand in.

pub(crate) mod call;
pub(crate) mod mailbox;
pub(crate) mod queue;
pub(crate) mod reply;
pub(crate) mod sending;
pub(crate) mod trace;
