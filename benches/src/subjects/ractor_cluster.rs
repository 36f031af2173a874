//! ractor_cluster, in a program of its own: it turns on features of ractor that would change the
//! ractor measured here, and the one that Starlings stands on.

use std::path::PathBuf;
use std::process::Command;

use crate::child::Result;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ractor_cluster/Cargo.toml");

/// Builds the program and tells where it is.
pub fn build() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .nth(2)
        .ok_or("no target directory")?
        .join("ractor_cluster");
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--release",
        "--quiet",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
    ]);
    let status = cargo.arg(&target).status()?;
    if !status.success() {
        return Err("its program could not be built".into());
    }
    Ok(target.join("release").join("bench-ractor-cluster"))
}
