//! What happened: a hash over all of it, and the last of it in words.

use std::collections::VecDeque;
use std::fmt::{self, Write};

/// How many lines a failure report shows.
const LINES_MAX: usize = 50;

/// Longest line of a failure report. Bytes; the hash covers the whole line.
const LINE_BYTES_MAX: usize = 400;

/// Start value and prime of FNV-1a, here over words of eight bytes.
const FNV: (u64, u64) = (0xcbf2_9ce4_8422_2325, 0x0000_0100_0000_01b3);

/// The record of a run.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { hash: FNV.0, lines: VecDeque::new() }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        let mut writer = Line { hash: self.hash, text: String::new() };
        // Writing to a `Line` never fails.
        let _ = writer.write_fmt(line);
        let _ = writer.write_char('\n');
        self.hash = writer.hash;
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(writer.text);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn tail(&self) -> String {
        self.lines.iter().map(|line| format!("  {}\n", line.trim_end())).collect()
    }
}

/// Hashes all that is written and keeps the first of it.
struct Line {
    hash: u64,
    text: String,
}

impl Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for chunk in part.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.hash = (self.hash ^ u64::from_le_bytes(word)).wrapping_mul(FNV.1).rotate_left(23);
        }
        if self.text.len() < LINE_BYTES_MAX {
            self.text.push_str(part);
        }
        Ok(())
    }
}
