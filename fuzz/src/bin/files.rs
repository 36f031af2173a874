//! Between the corpus and the folders of files that other engines work on: see docs/fuzzing.md.
//!
//! `files FOLDER` writes the inputs of all targets there. `files TARGET FOLDER` prints the lines of the
//! corpus for what such an engine has kept of one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use starlings_fuzz::{TARGETS, corpus};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [folder] => unpack(Path::new(folder)),
        [target, folder] => pack(target, Path::new(folder)),
        _ => panic!("usage: files FOLDER | files TARGET FOLDER"),
    }
}

fn unpack(folder: &Path) -> std::io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, input) in corpus::inputs(target).iter().enumerate() {
            fs::write(folder.join(format!("{number:04}")), input)?;
        }
    }
    Ok(())
}

fn pack(target: &str, folder: &Path) -> std::io::Result<()> {
    let target = TARGETS.iter().find(|known| known.name == target).expect("a target is named");
    let seeds = (target.seeds)();
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let input = fs::read(entry?.path())?;
        if !input.is_empty() && !seeds.contains(&input) {
            lines.insert(corpus::line(&input));
        }
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}
