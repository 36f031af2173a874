//! One process of `starlings shell --json`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::binary::starlings;

/// How long anything may take before a test fails. Far above what it takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The secret of all nodes but those that are to be refused.
pub(crate) const COOKIE: &str = "the cookie of the tests";

pub(crate) struct Shell {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Commands so far.
    n: u64,
    /// Where it listens.
    pub(crate) address: String,
    pub(crate) name: String,
}

impl Shell {
    /// Starts a node with this name.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[], COOKIE)
    }

    pub(crate) fn start_with(name: &str, options: &[&str], cookie: &str) -> Self {
        let mut command = Command::new(starlings());
        command.args(["shell", "--json", "--name", name]).args(options);
        command.env("STARLINGS_COOKIE", cookie).env("RUST_LOG", "off");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(1 << 16);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("each line is JSON");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let first: Value = lines.recv_timeout(DEADLINE).expect("a node that starts says so");
        assert_eq!(first["n"], 0, "{first}");
        assert_eq!(first["ok"], true, "{first}");
        assert_eq!(first["value"]["node"], name, "{first}");
        let address = first["value"]["address"].as_str().unwrap().to_owned();
        let (n, name) = (0, name.to_owned());
        Self { child, stdin, lines, n, address, name }
    }

    /// Two nodes that are connected.
    pub(crate) fn pair() -> (Self, Self) {
        let (mut a, b) = (Self::start("a@localhost"), Self::start("b@localhost"));
        a.connect(&b);
        (a, b)
    }

    pub(crate) fn connect(&mut self, to: &Self) {
        let connected = self.ok(&format!("connect {} {}", to.name, to.address));
        assert_eq!(connected, true);
    }

    /// Sends a command without waiting for its answer: see [`Shell::answer`].
    pub(crate) fn send(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Result<Value, Value> {
        self.n += 1;
        let line = self.lines.recv_timeout(DEADLINE);
        let mut line = line.unwrap_or_else(|_| panic!("{}: no answer {}", self.name, self.n));
        assert_eq!(line["n"], self.n, "answers come in the order of the commands");
        match line["ok"].as_bool() {
            Some(true) => Ok(line["value"].take()),
            _ => Err(line["error"].take()),
        }
    }

    pub(crate) fn ask(&mut self, command: &str) -> Result<Value, Value> {
        self.send(command);
        self.answer()
    }

    /// The value of a command that must succeed.
    pub(crate) fn ok(&mut self, command: &str) -> Value {
        let name = self.name.clone();
        self.ask(command).unwrap_or_else(|error| panic!("{name}> {command}: {error}"))
    }

    /// As [`Shell::ok`], for a text.
    pub(crate) fn text(&mut self, command: &str) -> String {
        self.ok(command).as_str().unwrap().to_owned()
    }

    /// The pid of the shell itself, as it prints on other nodes.
    pub(crate) fn me(&mut self) -> String {
        let here = format!("<{}.", self.name);
        self.text("self").replace("<0.", &here)
    }

    /// The kind of the error of a command that must fail.
    pub(crate) fn refused(&mut self, command: &str) -> String {
        let error = self.ask(command).expect_err(command);
        assert_ne!(error["message"], "", "{command}: {error}");
        error["kind"].as_str().unwrap().to_owned()
    }

    /// Waits until a command answers this.
    pub(crate) fn until(&mut self, command: &str, value: &Value) {
        let ms = DEADLINE.as_millis() / 2;
        self.ok(&format!("await {ms} {command} == {value}"));
    }

    /// Collects what comes into the mailbox until it is enough.
    pub(crate) fn events(&mut self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let (mut events, deadline) = (Vec::new(), Instant::now() + DEADLINE);
        loop {
            if let Value::Array(more) = self.ok("flush") {
                events.extend(more);
            }
            if enough(&events) {
                return events;
            }
            assert!(Instant::now() < deadline, "{}: not enough: {events:?}", self.name);
            self.ok("sleep 5");
        }
    }

    /// Waits for the first event of this type.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        let events = self.events(|events| events.iter().any(|event| event["type"] == kind));
        events.into_iter().find(|event| event["type"] == kind).unwrap()
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> String {
        self.child.id().to_string()
    }

    /// Kills the process, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the input, and waits for the process to shut down in order.
    pub(crate) fn quit(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
