//! Where commands come from: a terminal with a line editor, or a pipe.
//!
//! Both are read on a thread of their own, which is left behind when the shell ends: a read from a
//! terminal cannot be called off.

use std::borrow::Cow;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::sync::mpsc;

use crate::commands::COMMANDS;
use crate::types::TYPES;

/// Longest command read from a pipe. Bytes; the rest of a longer one is read as another command.
const LINE_BYTES_MAX: u64 = 1 << 24;

/// Lines read ahead of the commands. Count.
const READ_AHEAD: usize = 16;

/// The lines of the user.
#[derive(Debug)]
pub(crate) struct Input {
    lines: mpsc::Receiver<Vec<u8>>,
    /// Asks the line editor for a line, with this prompt.
    prompts: Option<SyncSender<String>>,
}

impl Input {
    /// From standard input: with a prompt if it is a terminal and prompts are wanted.
    pub(crate) fn start(prompts: bool) -> Self {
        let (sender, lines) = mpsc::channel(READ_AHEAD);
        if !prompts || !io::stdin().is_terminal() {
            std::thread::spawn(move || read_pipe(&sender));
            let prompts = None;
            return Self { lines, prompts };
        }
        let (prompts, asked) = sync_channel(1);
        std::thread::spawn(move || read_terminal(&sender, &asked));
        let prompts = Some(prompts);
        Self { lines, prompts }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.prompts.is_some()
    }

    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self, prompt: &str) -> Option<Vec<u8>> {
        if let Some(prompts) = &self.prompts {
            let _ = prompts.try_send(prompt.to_owned());
        }
        self.lines.recv().await
    }
}

fn read_pipe(lines: &mpsc::Sender<Vec<u8>>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stdin).take(LINE_BYTES_MAX);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if lines.blocking_send(line).is_err() => return,
            Ok(_) => {}
        }
    }
}

fn read_terminal(lines: &mpsc::Sender<Vec<u8>>, prompts: &Receiver<String>) {
    let config =
        Config::builder().auto_add_history(true).completion_type(CompletionType::List).build();
    let Ok(mut editor) = Editor::<Words, FileHistory>::with_config(config) else {
        return read_pipe(lines);
    };
    editor.set_helper(Some(Words));
    let history = history();
    if let Some(history) = &history {
        let _ = editor.load_history(history);
    }
    for prompt in prompts {
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => String::new(),
            Err(_) => return,
        };
        if let Some(history) = &history {
            let _ = editor.append_history(history);
        }
        if lines.blocking_send(line.into_bytes()).is_err() {
            return;
        }
    }
}

fn history() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".starlings_history"))
}

/// Completes the words of commands, the names of types, and the options of `spawn`.
#[derive(Debug, Clone, Copy)]
struct Words;

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line.get(..at).unwrap_or(line)))
    }
}

impl rustyline::hint::Hinter for Words {
    type Hint = String;
}

impl rustyline::highlight::Highlighter for Words {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        line.into()
    }
}

impl rustyline::validate::Validator for Words {}

impl Helper for Words {}

/// Where the completed part starts, and what it may become.
fn candidates(line: &str) -> (usize, Vec<String>) {
    let indent = line.len() - line.trim_start().len();
    let (start, typed) = match line.trim_start().strip_prefix("help ") {
        Some(typed) => (line.len() - typed.len(), typed),
        None => (indent, line.trim_start()),
    };
    let commands = COMMANDS.iter().map(|command| command.name);
    let mut found: Vec<_> = commands.filter(|name| name.starts_with(typed)).collect();
    if !found.is_empty() {
        found.sort_unstable();
        return (start, found.into_iter().map(|name| format!("{name} ")).collect());
    }
    let Some(words) = typed.strip_prefix("spawn ") else {
        return (line.len(), Vec::new());
    };
    let start = line.rfind(' ').map_or(0, |space| space + 1);
    let word = line.get(start..).unwrap_or_default();
    let types = TYPES.iter().map(|known| known.name);
    let options = ["on", "link", "monitor", "name", "timeout"].into_iter();
    let names: Vec<_> = if words.contains(' ') { options.collect() } else { types.collect() };
    let found = names.into_iter().filter(|name| name.starts_with(word));
    (start, found.map(|name| format!("{name} ")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_types_and_options_are_completed() {
        assert_eq!(candidates("disc"), (0, vec!["disconnect ".to_owned()]));
        assert_eq!(candidates("group jo"), (0, vec!["group join ".to_owned()]));
        assert_eq!(candidates("help glo").1.len(), 4);
        assert_eq!(candidates("spawn cou"), (6, vec!["counter ".to_owned()]));
        assert_eq!(candidates("spawn counter 1 li"), (16, vec!["link ".to_owned()]));
        assert!(candidates("call <0.1> x").1.is_empty());
    }
}
