//! Links and monitors as actors see them; what they mean is decided in `proto::bonds`.

pub(crate) mod monitor;
pub(crate) mod signal;
