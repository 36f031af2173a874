//! Which seeds a test runs.

use std::env;

/// The seeds of a swarm test: the one of `STARLINGS_SEED`, or else the first `STARLINGS_SEEDS`
/// (`len`, if it is not set either).
#[must_use]
pub fn seeds(len: u64) -> Vec<u64> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("STARLINGS_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("STARLINGS_SEEDS").unwrap_or(len)).collect(),
    }
}
