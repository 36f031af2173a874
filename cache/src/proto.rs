//! The decisions of the cache: pure, so that the whole of them is simulated.
//!
//! ```text
//!   sync     what replicas say to each other, and when     State
//!    └─ map      which writes each key has                 Map, Write, KeyDelta
//!        └─ dots     which writes have been seen           Dot, Context
//!   clock    which of two concurrent writes is the later   Clock, Stamp
//! ```

pub mod clock;
mod convert;
pub mod dots;
pub mod map;
pub mod sync;
