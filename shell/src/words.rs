//! Reads the words of a command: bare words, quoted strings, JSON values, the rest of the line.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::Value;

use crate::failure::Failure;

/// What is left of a line.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self(line.trim())
    }

    /// The next word; a word in double quotes is read as a JSON string, and may hold spaces.
    pub(crate) fn take(&mut self) -> Result<Option<Cow<'a, str>>, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        if self.0.starts_with('"') {
            let text = self.json("text")?;
            let text = text.as_str().unwrap_or_default().to_owned();
            return Ok(Some(text.into()));
        }
        let end = self.0.find(char::is_whitespace).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        Ok(Some(word.into()))
    }

    /// The next word, which must be there.
    pub(crate) fn need(&mut self, what: &str) -> Result<Cow<'a, str>, Failure> {
        self.take()?.ok_or_else(|| Failure::bad_command(format!("{what} is missing")))
    }

    /// The next word as a number or a name.
    pub(crate) fn parse<T: FromStr<Err: ToString>>(&mut self, what: &str) -> Result<T, Failure> {
        let word = self.need(what)?;
        word.parse().map_err(|error: T::Err| {
            let why = error.to_string();
            Failure::bad_command(format!("{what}: {word:?}: {why}"))
        })
    }

    /// Takes the next word if it is this one.
    pub(crate) fn take_if(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.take().is_ok_and(|next| next.as_deref() == Some(word));
        if found {
            *self = ahead;
        }
        found
    }

    /// The next JSON value, which may hold spaces.
    pub(crate) fn json(&mut self, what: &str) -> Result<Value, Failure> {
        let mut values = serde_json::Deserializer::from_str(self.0).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                return Err(Failure::bad_command(format!("{what} is not JSON: {error}")));
            }
            None => return Err(Failure::bad_command(format!("{what} is missing"))),
        };
        let rest = self.0.get(values.byte_offset()..).unwrap_or_default();
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Err(Failure::bad_command(format!(
                "{what} is followed by {:?} without a space",
                rest.chars().take(16).collect::<String>()
            )));
        }
        self.0 = rest.trim_start();
        Ok(value)
    }

    /// All that is left, as it stands; if all of it is one JSON string, what that says.
    pub(crate) fn text(self, what: &str) -> Result<String, Failure> {
        if self.0.is_empty() {
            return Err(Failure::bad_command(format!("{what} is missing")));
        }
        Ok(serde_json::from_str(self.0).unwrap_or_else(|_| self.0.to_owned()))
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.0
    }

    /// Refuses what is left.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rest: String = self.0.chars().take(64).collect();
        Err(Failure::bad_command(format!("too much: {rest:?}")))
    }

    /// Takes `timeout MS` off the end of the line.
    pub(crate) fn take_timeout(&mut self) -> Option<std::time::Duration> {
        let (head, ms) = self.0.rsplit_once(char::is_whitespace)?;
        let ms = ms.parse().ok()?;
        let head = head.trim_end().strip_suffix("timeout")?;
        if !head.is_empty() && !head.ends_with(char::is_whitespace) {
            return None;
        }
        self.0 = head.trim_end();
        Some(std::time::Duration::from_millis(ms))
    }
}

/// The commands of an `--eval`: parted by semicolons that stand outside of quotes.
pub(crate) fn split_commands(text: &str) -> Vec<&str> {
    let (mut commands, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                commands.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    commands.extend(text.get(start..));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bare_or_quoted_and_values_hold_spaces() {
        let mut words = Words::new(r#"  put "a b"  {"x": [1, 2]} ttl 5"#);
        assert_eq!(words.take().unwrap().as_deref(), Some("put"));
        assert_eq!(words.take().unwrap().as_deref(), Some("a b"));
        assert_eq!(words.json("JSON").unwrap(), serde_json::json!({"x": [1, 2]}));
        assert!(words.take_if("ttl"));
        assert_eq!(words.parse::<u64>("MS").unwrap(), 5);
        assert!(words.end().is_ok());
        assert!(words.take().unwrap().is_none());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(Words::new("{oops").json("JSON").is_err());
        assert!(Words::new("").json("JSON").is_err());
        assert!(Words::new("1x").json("JSON").is_err());
        assert!(Words::new(r#""open"#).take().is_err());
    }

    #[test]
    fn a_timeout_stands_at_the_end() {
        let mut words = Words::new("sleep 100 timeout 20");
        assert_eq!(words.take_timeout().unwrap().as_millis(), 20);
        assert_eq!(words.rest(), "sleep 100");
        assert!(Words::new("notimeout 20").take_timeout().is_none());
    }

    #[test]
    fn semicolons_part_commands_but_not_in_quotes() {
        let text = r#"self; send <0.1> "a;\"b"; quit"#;
        let commands: Vec<_> = split_commands(text).iter().map(|c| c.trim()).collect();
        assert_eq!(commands, ["self", r#"send <0.1> "a;\"b""#, "quit"]);
    }
}
