//! Writes the seeds of all targets to a folder, for an engine that starts from files: see docs/fuzzing.md.

use std::fs;
use std::path::Path;

use starlings_fuzz::TARGETS;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("a folder is named");
    for target in TARGETS {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
