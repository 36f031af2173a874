//! The life of an actor: how it is asked for, born, hosted, runs and ends, and the record of it.

pub(crate) mod arrival;
pub(crate) mod birth;
pub(crate) mod cell;
pub(crate) mod core;
pub(crate) mod ending;
pub(crate) mod hosting;
pub(crate) mod postponed;
pub(crate) mod resident;
pub(crate) mod spawn;
