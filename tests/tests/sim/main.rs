//! The protocols, run in the simulated world under many seeds.

/// Prints also when the test passes: the test runner captures what `println!` writes.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod cache;
mod membership;
mod registry;
mod session;
