//! What CI runs: all that is kept, and a share of inputs made from it. Needs nothing but Rust.
//!
//! `STARLINGS_FUZZ_EXECUTIONS` sets how many inputs each target gets, `STARLINGS_FUZZ_SEED` which ones,
//! `STARLINGS_FUZZ_TARGET` which target alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use starlings_fuzz::mutate::{Random, mutated};
use starlings_fuzz::{TARGETS, Target, corpus};

/// Inputs of each target: some 10^6 in all.
const EXECUTIONS: u64 = 100_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn run(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{} fails with these {} bytes: {hex}", target.name, input.len());
    }
}

fn fuzz(target: &Target, executions: u64, seed: u64) {
    let (inputs, begun) = (corpus::inputs(target), Instant::now());
    assert!(!inputs.is_empty(), "{} has no corpus", target.name);
    inputs.iter().for_each(|input| run(target, input));
    let mut random = Random(seed);
    for _ in 0..executions {
        run(target, &mutated(&inputs, &mut random));
    }
    let (name, kept) = (target.name, inputs.len());
    eprintln!("{name}: {kept} kept and {executions} new inputs in {:.1?}", begun.elapsed());
}

#[test]
fn no_input_breaks_a_decoder() {
    let only = std::env::var("STARLINGS_FUZZ_TARGET").ok();
    let executions = number("STARLINGS_FUZZ_EXECUTIONS", EXECUTIONS);
    let seed = number("STARLINGS_FUZZ_SEED", 1);
    let is_wanted = |target: &&Target| only.as_ref().is_none_or(|only| only == target.name);
    std::thread::scope(|scope| {
        let runs: Vec<_> = TARGETS
            .iter()
            .filter(is_wanted)
            .map(|target| scope.spawn(move || fuzz(target, executions, seed)))
            .collect();
        assert!(!runs.is_empty(), "no such target");
        let failed = runs.into_iter().filter_map(|run| run.join().err());
        for failure in failed.take(1) {
            std::panic::resume_unwind(failure);
        }
    });
}

/// Goal: the seeds are what the targets are for, and are got through without an error, or changes of the
/// protocol would leave them behind as noise.
#[test]
fn seeds_are_well_formed() {
    for target in TARGETS {
        assert!(!(target.seeds)().is_empty(), "{}", target.name);
    }
    starlings_fuzz::seeds::check();
}
