//! Finds the program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `starlings`, built from the sources as they are, with the profile of this test.
///
/// Cargo makes no binaries of other packages for a test, so this asks it to; when nothing has
/// changed that takes a moment. `STARLINGS_BIN` names another program to test instead.
pub(crate) fn starlings() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("STARLINGS_BIN") {
        Some(binary) => binary.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/<profile>/deps/it-<hash>
    let profile = test.ancestors().nth(2).unwrap();
    let target = profile.parent().unwrap();
    let name = match profile.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "starlings-shell", "--profile", name]);
    cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    profile.join("starlings")
}
