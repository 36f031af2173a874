//! The inputs that are kept: `corpus/<target>.hex`, one a line, in hexadecimal; `#` begins a comment.

use std::fs;
use std::path::PathBuf;

use crate::Target;

/// Where those of a target are.
pub fn file(target: &Target) -> PathBuf {
    let name = format!("{}.hex", target.name);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// The seeds of a target, and what is kept of it.
pub fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let kept = fs::read_to_string(file(target)).unwrap_or_default();
    let lines = kept.lines().filter(|line| !line.starts_with('#'));
    (target.seeds)().into_iter().chain(lines.map(bytes)).collect()
}

/// A line for an input.
pub fn line(input: &[u8]) -> String {
    input.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(line: &str) -> Vec<u8> {
    let digits = |at| line.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes = (0..line.len()).step_by(2).map(digits).collect::<Option<_>>();
    bytes.expect("a line of the corpus is hexadecimal")
}
