//! The inputs that are kept: `corpus/<target>/`, one a file.

use std::fs;
use std::path::PathBuf;

use crate::Target;

/// Where those of a target are.
pub fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// The seeds of a target, and what is kept of it, in the order of the names of the files.
pub fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(folder(target))
        .map(|entries| {
            entries.map(|entry| entry.expect("a folder that can be read").path()).collect()
        })
        .unwrap_or_default();
    files.sort();
    let mut inputs = (target.seeds)();
    inputs.extend(files.iter().map(|file| fs::read(file).expect("a file that can be read")));
    inputs
}
