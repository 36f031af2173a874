//! Commands on commands, and on the shell itself.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{COMMANDS, family, named};
use crate::failure::Failure;
use crate::session::{Answer, Outcome, Session};
use crate::types::TYPES;
use crate::words::Words;

/// How often `await` repeats its command.
const AWAIT_INTERVAL: Duration = Duration::from_millis(10);

pub(super) fn help(_: &mut Session, words: Words<'_>) -> Outcome {
    let text = help_text(words.rest())?;
    let value = text.clone().into();
    Ok(Answer { value, text: Some(text) })
}

/// All commands, or those that begin so.
pub(crate) fn help_text(name: &str) -> Result<String, Failure> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        let usages = COMMANDS.iter().map(|c| (usage(c.name, c.args), c.about));
        return Ok(usages.map(|(usage, about)| two_columns(&usage, about)).collect());
    }
    let Some(command) = named(&name) else {
        let family: Vec<_> = family(&name).collect();
        if family.is_empty() {
            let message = format!("{name:?} is no command; `help` lists them");
            return Err(Failure::bad_command(message));
        }
        let usages = family.iter().map(|c| (usage(c.name, c.args), c.about));
        return Ok(usages.map(|(usage, about)| two_columns(&usage, about)).collect());
    };
    let mut text = format!("{}\n    {}\n", usage(command.name, command.args), command.about);
    if ["spawn", "call", "cast", "types"].contains(&command.name) {
        text += "\nTypes that every shell can spawn, and their methods:\n";
        for known in TYPES {
            let methods = known.methods.join(", ");
            let what = format!("{}: {methods}", known.about);
            text += &two_columns(&usage(known.name, known.args), &what);
        }
    }
    Ok(text)
}

fn usage(name: &str, args: &str) -> String {
    format!("{name} {args}").trim_end().to_owned()
}

/// Long usages have a line of their own.
fn two_columns(usage: &str, about: &str) -> String {
    if usage.chars().count() > 34 {
        return format!("  {usage}\n  {:34} {about}\n", "");
    }
    format!("  {usage:34} {about}\n")
}

pub(super) fn locks(_: &mut Session, mut words: Words<'_>) -> Outcome {
    words.need("KEY")?;
    words.end()?;
    Err(Failure::not_available("locks"))
}

pub(super) async fn sleep(_: &mut Session, mut words: Words<'_>) -> Outcome {
    let time = Duration::from_millis(words.parse("MS")?);
    words.end()?;
    tokio::time::sleep(time).await;
    Ok(true.into())
}

pub(super) fn quit(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    session.quits = true;
    Ok(true.into())
}

/// Repeats a command until it answers what is wanted. Its failures count as other answers, unless it
/// can never succeed.
pub(super) async fn wait(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let time = Duration::from_millis(words.parse("MS")?);
    let (command, wanted) = split(words.rest())?;
    let (found, _) = super::find(command)?;
    if ["await", "quit"].contains(&found.name) {
        let message = format!("{} cannot be awaited", found.name);
        return Err(Failure::bad_command(message));
    }
    let deadline = Instant::now() + time;
    let mut last: Outcome = Ok(Value::Null.into());
    loop {
        match tokio::time::timeout_at(deadline, session.run(command)).await {
            Ok(Ok(answer)) if answer.value == wanted => return Ok(true.into()),
            Ok(Err(failure)) if failure.kind == "BadCommand" => return Err(failure),
            Ok(outcome) => last = outcome,
            Err(_elapsed) => return Err(timed_out(last)),
        }
        if Instant::now() >= deadline {
            return Err(timed_out(last));
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + AWAIT_INTERVAL)).await;
    }
}

fn timed_out(last: Outcome) -> Failure {
    let (message, last) = match last {
        Ok(answer) => (format!("the last value was {}", answer.value), Some(answer.value)),
        Err(failure) => (format!("the last error was {}: {}", failure.kind, failure.message), None),
    };
    let mut failure = Failure::new("Timeout", message);
    failure.last = last;
    failure
}

/// A command and the value it is to answer. Text in the command may hold `==` too: the last one with
/// JSON behind it counts.
fn split(text: &str) -> Result<(&str, Value), Failure> {
    for (at, _) in text.rmatch_indices("==") {
        let (command, wanted) = text.split_at(at);
        let wanted = wanted.trim_start_matches('=');
        if let Ok(wanted) = serde_json::from_str(wanted) {
            return Ok((command.trim(), wanted));
        }
    }
    Err(Failure::bad_command("it ends with == and the JSON to wait for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_equals_with_json_behind_it_counts() {
        let (command, wanted) = split(r#"cache get c k == "a == b""#).unwrap();
        assert_eq!((command, wanted), ("cache get c k", "a == b".into()));
        assert_eq!(split("size == 3").unwrap().1, 3);
        assert!(split("size = 3").is_err());
        assert!(split("size == three").is_err());
    }

    #[test]
    fn every_command_is_explained() {
        for command in COMMANDS {
            assert!(help_text(command.name).unwrap().contains(command.about));
        }
        assert!(help_text("group").unwrap().contains("group join"));
        assert_eq!(help_text("dance").unwrap_err().kind, "BadCommand");
    }
}
