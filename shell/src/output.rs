//! What the shell prints: JSON for programs, text for people. Flushed line by line.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;
use starlings::PidText;

use crate::commands::nodes::Whoami;
use crate::failure::Failure;
use crate::session::{Answer, Outcome};

/// Values that are longer than this are printed over several lines. Characters.
const LINE_WIDTH: usize = 100;

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a, T> {
    n: u64,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

impl Output {
    /// Says who the node is.
    pub(crate) fn greet(&self, whoami: &Whoami, hint: &str) -> io::Result<()> {
        if self.json {
            return print_json(0, Ok(whoami));
        }
        print(&format!("{whoami}\n{hint}"))
    }

    /// Prints the answer to the command with this number.
    pub(crate) fn answer(&self, n: u64, outcome: &Outcome) -> io::Result<()> {
        match outcome {
            Ok(answer) if self.json => print_json(n, Ok(&answer.value)),
            Err(failure) if self.json => print_json::<Value>(n, Err(failure)),
            Ok(answer) => print(&for_people(answer)),
            Err(failure) => print(&format!("error {}: {}\n", failure.kind, failure.message)),
        }
    }
}

fn print_json<T: Serialize>(n: u64, outcome: Result<&T, &Failure>) -> io::Result<()> {
    let line = Line { n, ok: outcome.is_ok(), value: outcome.ok(), error: outcome.err() };
    print(&(serde_json::to_string(&line)? + "\n"))
}

pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// For what goes wrong beside the commands. If nobody reads it, there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "starlings: {text}");
}

fn for_people(answer: &Answer) -> String {
    if let Some(text) = &answer.text {
        return text.clone();
    }
    match answer.value.as_str() {
        Some(text) if text.parse::<PidText>().is_ok() => format!(
            "{text}
"
        ),
        Some(_) | None => broken(&answer.value),
    }
}

/// A value on one line if it fits, else with one line for each of its parts.
fn broken(value: &Value) -> String {
    let line = value.to_string();
    if line.chars().count() <= LINE_WIDTH {
        return line + "\n";
    }
    let (open, parts, close): (_, Vec<String>, _) = match value {
        Value::Array(parts) => ('[', parts.iter().map(Value::to_string).collect(), ']'),
        Value::Object(parts) => {
            let parts = parts.iter();
            let parts = parts.map(|(key, value)| format!("{}: {value}", Value::from(&**key)));
            ('{', parts.collect(), '}')
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return line + "\n",
    };
    format!("{open}\n  {}\n{close}\n", parts.join(",\n  "))
}
