//! The commands: one table, which drives parsing, help and completion.

mod actors;
pub(crate) mod caches;
mod control;
mod groups;
mod inspect;
mod methods;
mod names;
pub(crate) mod nodes;
mod spawning;
mod table;

use std::fmt;
use std::pin::Pin;

use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::words::Words;
pub(crate) use control::help_text;
pub(crate) use table::COMMANDS;

/// One command.
#[derive(Debug)]
pub(crate) struct Command {
    /// One word or two.
    pub(crate) name: &'static str,
    pub(crate) args: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: Run,
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// What carries a command out.
pub(crate) enum Run {
    Now(fn(&mut Session, Words<'_>) -> Outcome),
    Later(for<'a> fn(&'a mut Session, Words<'a>) -> Running<'a>),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run")
    }
}

/// The command that a line calls, and the words after it.
pub(crate) fn find(line: &str) -> Result<(&'static Command, Words<'_>), Failure> {
    let mut words = Words::new(line);
    let first = words.need("a command")?;
    let mut after = words.clone();
    if let Ok(Some(second)) = after.take() {
        let name = format!("{first} {second}");
        if let Some(command) = named(&name) {
            return Ok((command, after));
        }
    }
    if let Some(command) = named(&first) {
        return Ok((command, words));
    }
    let family: Vec<_> = family(&first).map(|command| command.name).collect();
    if family.is_empty() {
        let first: String = first.chars().take(32).collect();
        let message = format!("{first:?} is no command; `help` lists them");
        return Err(Failure::bad_command(message));
    }
    Err(Failure::bad_command(format!("there is {}", family.join(", "))))
}

fn named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// The commands of two words that begin with this one.
fn family(first: &str) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| {
        let (family, second) = command.name.split_once(' ').unwrap_or((command.name, ""));
        family == first && !second.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_win_over_one() {
        assert_eq!(find("group join g").unwrap().0.name, "group join");
        assert_eq!(find("nodes hidden").unwrap().0.name, "nodes");
        let refused = find("group dance").unwrap_err();
        assert!(refused.message.contains("group join"), "{refused:?}");
        assert_eq!(find("dance").unwrap_err().kind, "BadCommand");
    }

    #[test]
    fn no_command_is_there_twice() {
        let mut names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
