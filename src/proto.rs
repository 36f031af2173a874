//! The pure decisions of the node itself.

pub(crate) mod mesh;
