//! Fuzz targets: each hands arbitrary bytes to something that decodes what peers send, and checks more
//! than that it does not panic where there is more to check.
//!
//! `targets` has them, one function each; `mutate` makes inputs from others without knowing the code;
//! `src/bin/libfuzzer.rs` runs one with coverage. `docs/fuzzing.md` says how.

pub mod corpus;
pub mod mutate;
pub mod seeds;
pub mod targets;

/// A target: its name, which is that of its file in the corpus, and what is done with each input.
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Runs it once.
    pub run: fn(&[u8]),
    /// Inputs that are well formed.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "frames", run: targets::frames::run, seeds: seeds::frames },
    Target { name: "handshake", run: targets::handshake::run, seeds: seeds::handshake },
    Target { name: "bodies", run: targets::bodies::run, seeds: seeds::bodies },
    Target { name: "bulk", run: targets::bulk::run, seeds: seeds::bulk },
    Target { name: "envelope", run: targets::envelope::run, seeds: seeds::envelopes },
    Target { name: "node", run: targets::node::run, seeds: seeds::conversations },
    Target { name: "greeting", run: targets::node::greet, seeds: seeds::greetings },
    Target { name: "membership", run: targets::membership::run, seeds: seeds::membership },
    Target { name: "pid", run: targets::pid::run, seeds: seeds::pids },
    Target { name: "groups", run: targets::services::groups, seeds: seeds::groups },
    Target { name: "names", run: targets::services::names, seeds: seeds::names },
    Target { name: "cache", run: targets::services::cache, seeds: seeds::cache },
];

/// Inputs of targets that take several messages: each behind its length, two bytes, the lesser first.
/// The last one may be cut short.
pub fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        bytes = rest;
        Some(part)
    })
}

/// The input with these parts.
pub fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    let with_length = |part: &Vec<u8>| {
        let length = u16::try_from(part.len()).expect("a part is below 64 KiB");
        [&length.to_le_bytes()[..], part].concat()
    };
    parts.iter().flat_map(with_length).collect()
}
