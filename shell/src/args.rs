//! The command line.

use std::path::PathBuf;

/// What `starlings --help` prints.
pub(crate) const HELP: &str = "\
Starlings: a node with a prompt.

usage: starlings shell --name NAME@HOST [options]

options:
  --name NAME@HOST          the name of the node; required
  --listen HOST:PORT        where other nodes find it [127.0.0.1:0: any free port]
  --connect NODE[=ADDRESS]  connects to a node at the start; may be repeated
  --cookie-file FILE        the secret that the nodes of a cluster share
                            [the variable STARLINGS_COOKIE, else ~/.starlings.cookie,
                            which is made on first use]
  --hidden                  takes no part in groups, names and caches of others
  --json                    no prompt: one JSON object a line for each command
  --eval 'COMMAND; …'       runs these commands first

  -h, --help                prints this
  -V, --version             prints the version

The commands of the shell: `starlings shell --help`, or `help` at its prompt.
RUST_LOG sets what is logged to standard error [error].
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    /// As `Help`, with the commands of the shell.
    ShellHelp,
    Version,
    Shell(Args),
}

/// The options of `starlings shell`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) name: String,
    pub(crate) listen: Option<String>,
    pub(crate) connect: Vec<(String, Option<String>)>,
    pub(crate) cookie_file: Option<PathBuf>,
    pub(crate) hidden: bool,
    pub(crate) json: bool,
    pub(crate) eval: Option<String>,
}

/// Reads the command line, without the name of the program.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Action, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("shell") => shell(args),
        Some("-h" | "--help" | "help") => Ok(Action::Help),
        Some("-V" | "--version" | "version") => Ok(Action::Version),
        Some(other) => Err(format!("{other:?} is not `shell`")),
        None => Err("what to do is missing: `shell`".to_owned()),
    }
}

fn shell(args: impl Iterator<Item = String>) -> Result<Action, String> {
    let mut words = args.flat_map(|arg| match arg.split_once('=') {
        // --option=value is --option value.
        Some((option, value)) if option.starts_with("--") => {
            vec![option.to_owned(), value.to_owned()]
        }
        _ => vec![arg],
    });
    let mut parsed = Args::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--name" => parsed.name = value()?,
            "--listen" => parsed.listen = Some(value()?),
            "--connect" => parsed.connect.push(peer(&value()?)),
            "--cookie-file" => parsed.cookie_file = Some(value()?.into()),
            "--eval" => parsed.eval = Some(value()?),
            "--hidden" => parsed.hidden = true,
            "--json" => parsed.json = true,
            "-h" | "--help" => return Ok(Action::ShellHelp),
            "-V" | "--version" => return Ok(Action::Version),
            _ => return Err(format!("{word:?} is not an option")),
        }
    }
    if parsed.name.is_empty() {
        return Err("--name is missing, as in --name node1@localhost".to_owned());
    }
    Ok(Action::Shell(parsed))
}

fn peer(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((node, address)) => (node.to_owned(), Some(address.to_owned())),
        None => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action, String> {
        parse(line.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn options_come_in_both_forms() {
        let line = "shell --name=a@h --connect b@h=1.2.3.4:5 --connect=c@h=:6 --json --connect d@h";
        let Ok(Action::Shell(args)) = parsed(line) else { panic!("not a shell") };
        assert_eq!((&*args.name, args.json), ("a@h", true));
        let connect = [
            ("b@h".to_owned(), Some("1.2.3.4:5".to_owned())),
            ("c@h".to_owned(), Some(":6".to_owned())),
            ("d@h".to_owned(), None),
        ];
        assert_eq!(args.connect, connect);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parsed("shell --name a@h --loud").unwrap_err().contains("--loud"));
        assert!(parsed("shell --name").unwrap_err().contains("--name"));
        assert!(parsed("shell").unwrap_err().contains("--name"));
        assert!(parsed("sing").unwrap_err().contains("sing"));
        assert!(parsed("").is_err());
        assert_eq!(parsed("--help"), Ok(Action::Help));
        assert_eq!(parsed("shell --help"), Ok(Action::ShellHelp));
        assert_eq!(parsed("-V"), Ok(Action::Version));
    }
}
