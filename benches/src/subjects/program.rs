//! The subjects that have a program of their own, in the folder of their name: ractor_cluster turns
//! on features of ractor that would change the ractor measured here, and the one that Starlings
//! stands on; kameo's remote actors bring libp2p.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Subject;
use crate::child::Result;

pub const SUBJECTS: [Subject; 2] = [Subject::RactorCluster, Subject::KameoRemote];

/// Builds the program and tells where it is.
pub fn build(subject: Subject) -> Result<PathBuf> {
    let name = subject.name();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .nth(2)
        .ok_or("no target directory")?
        .join(name);
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    if !cargo.status()?.success() {
        return Err("its program could not be built".into());
    }
    let program = format!("bench-{}", name.replace('_', "-"));
    Ok(target.join("release").join(program))
}
