//! The program `fault-node`, driven through its pipes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command as Program, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use starlings_tests::faults::{
    Command, Drive, Driven, Line, LoggerLog, NodeLog, Said, Setup, Started,
};

use super::quiet;

/// How long a node may take over anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How many loggers each node has.
const LOGGERS: u32 = 3;

/// How many senders each node has for each of them.
const SENDERS: u32 = 2;

/// Streams of each direction in each epoch.
pub(crate) const STREAMS: u64 = LOGGERS as u64 * SENDERS as u64;

/// One node in a process of its own. Killed when it is dropped.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) started: Started,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Line>,
    answers: BTreeMap<u64, Said>,
    asked: u64,
    /// The id of the node's process.
    id: u32,
}

/// A command that is not answered yet.
#[must_use]
pub(crate) struct Asked(u64);

impl Process {
    /// A node on this machine's loopback, with a heartbeat of so many ms, of which 5 may be missed.
    pub(crate) fn start(name: &str, heartbeat_ms: u64) -> Self {
        Self::start_at(name, heartbeat_ms, "127.0.0.1:0", &[])
    }

    /// A node that listens here, started by another program: all of `by`.
    pub(crate) fn start_at(name: &str, heartbeat_ms: u64, listen: &str, by: &[&str]) -> Self {
        let (name, listen) = (name.to_owned(), listen.to_owned());
        let setup = Setup { name, listen, heartbeat_ms, missed_max: 5, loggers: LOGGERS };
        let node = OsStr::new(env!("CARGO_BIN_EXE_fault-node"));
        let mut words = by.iter().map(OsStr::new).chain([node]);
        let mut program = Program::new(words.next().unwrap());
        program.args(words).arg(serde_json::to_string(&setup).unwrap());
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(1 << 10);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("each line is JSON");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (stdin, id) = (child.stdin.take().unwrap(), child.id());
        let first = lines.recv_timeout(PATIENCE).expect("a node that starts says so");
        let Line { n: 0, said: Said::Started(started) } = first else { panic!("{first:?}") };
        let answers = BTreeMap::new();
        Self { name: setup.name, started, child, stdin, lines, answers, asked: 0, id }
    }

    /// Sends a command without waiting for its answer.
    pub(crate) fn ask(&mut self, command: &Command) -> Asked {
        self.asked += 1;
        writeln!(self.stdin, "{}", serde_json::to_string(command).unwrap()).unwrap();
        Asked(self.asked)
    }

    /// The answer, if it comes within this time.
    pub(crate) fn answer_within(&mut self, asked: &Asked, within: Duration) -> Option<Said> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(said) = self.answers.remove(&asked.0) {
                return Some(said);
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => drop(self.answers.insert(line.n, line.said)),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("{} has ended", self.name),
            }
        }
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Said {
        let said = self.answer_within(asked, PATIENCE);
        said.unwrap_or_else(|| panic!("{}: no answer {}", self.name, asked.0))
    }

    /// Connects, as often as it takes: the other end may still know of the session before.
    fn connect(&mut self, node: &str, address: &str) {
        let command = Command::Connect { node: node.to_owned(), address: address.to_owned() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = self.ask(&command);
            match self.answer(&asked) {
                Said::Connected(None) => return,
                Said::Connected(Some(why)) => {
                    assert!(Instant::now() < deadline, "{}: {why}", self.name);
                }
                Said::Started(_)
                | Said::Disconnected(_)
                | Said::Driven(_)
                | Said::Progress(_)
                | Said::Moves { .. }
                | Said::Nodes(_)
                | Said::Log(_)
                | Said::Supervised
                | Said::Ending
                | Said::Children(_) => panic!("a connect is answered by another command's answer"),
            }
        }
    }

    /// Connects as [`Process::connect`] does, until both ends have the session.
    ///
    /// One end alone proves nothing: a fault may strike in between, and who has just lost a session may
    /// still name the peer for a moment.
    pub(crate) fn meet(&mut self, other: &mut Self, address: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_up_here = self.nodes().contains(&other.name);
            if is_up_here && other.nodes().contains(&self.name) {
                return;
            }
            if !is_up_here {
                self.connect(&other.name, address);
            }
            assert!(Instant::now() < deadline, "{} and {} do not meet", self.name, other.name);
        }
    }

    /// Waits until it is connected with nobody.
    pub(crate) fn settle_alone(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.nodes().is_empty() {
            assert!(Instant::now() < deadline, "{} does not find out that it is alone", self.name);
        }
    }

    /// Begins to send the loggers of `to` so many messages in each stream.
    pub(crate) fn drive(&mut self, epoch: u32, to: &Started, messages: u64) -> Asked {
        let to = to.loggers.clone();
        self.ask(&Command::Drive(Drive { epoch, to, senders: SENDERS, messages }))
    }

    /// What was driven, waiting for it as long as anything moves here: whom it is sent to may stand still.
    pub(crate) fn driven(&mut self, asked: &Asked) -> Driven {
        let [driven] = quiet::until_driven([self], [asked]);
        driven
    }

    /// How much has moved on it so far, and what is waited for there.
    pub(crate) fn moves(&mut self) -> (u64, Vec<String>) {
        let asked = self.ask(&Command::Moves);
        let Said::Moves { moves, open } = self.answer(&asked) else { panic!("moves are moves") };
        (moves, open)
    }

    /// What was driven, if that has ended within this time.
    pub(crate) fn driven_within(&mut self, asked: &Asked, within: Duration) -> Option<Driven> {
        let Said::Driven(driven) = self.answer_within(asked, within)? else {
            panic!("drives are driven")
        };
        Some(driven)
    }

    /// Waits until so many messages were accepted for sending, as long as anything moves here.
    pub(crate) fn until_sent(&mut self, count: u64) {
        quiet::until_sent(self, count);
    }

    /// How many messages were accepted for sending so far.
    pub(crate) fn progress(&mut self) -> u64 {
        let asked = self.ask(&Command::Progress);
        let Said::Progress(count) = self.answer(&asked) else { panic!("progress is a count") };
        count
    }

    /// Whom it is connected with.
    pub(crate) fn nodes(&mut self) -> Vec<String> {
        let asked = self.ask(&Command::Nodes);
        let Said::Nodes(nodes) = self.answer(&asked) else { panic!("nodes are nodes") };
        nodes
    }

    /// What its actors have seen so far.
    pub(crate) fn log(&mut self) -> NodeLog {
        let asked = self.ask(&Command::Log);
        let Said::Log(log) = self.answer(&asked) else { panic!("a log is a log") };
        log
    }

    /// What its actors have seen, once all of them have seen the ends of all sessions. What is open
    /// nevertheless is for the oracle to say.
    pub(crate) fn log_at_end(&mut self) -> NodeLog {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let downs = log.watcher.nodes_down.len();
            let is_over = |logger: &LoggerLog| {
                let sessions = &logger.sessions;
                sessions.len() == downs && sessions.iter().all(|session| session.ended.is_some())
            };
            if log.loggers.iter().all(is_over) {
                return log;
            }
            assert!(Instant::now() < deadline, "{}: a session is still open: {log:?}", self.name);
        }
    }

    /// Ends the session with another node in order.
    pub(crate) fn disconnect(&mut self, node: &str) -> bool {
        let asked = self.ask(&Command::Disconnect { node: node.to_owned() });
        let Said::Disconnected(was) = self.answer(&asked) else { panic!("it was or was not") };
        was
    }

    /// Sends its process a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.id.to_string();
        assert!(Program::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.id)).unwrap().count() as u64
    }

    /// How much memory it has that is in use. Bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// As `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
