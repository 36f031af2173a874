//! One shell: the node, the actor that is its mailbox, and what it has to remember.

use serde_json::Value;
use starlings::{AnyPid, Cx, Exit, ExitReason, Node, NodeId, Pid, SpawnError};
use tokio::sync::oneshot;

use crate::commands::{self, Run};
use crate::failure::Failure;
use crate::pids::Pids;
use crate::relay::{Job, Relay, Role};
use crate::words::Words;

/// What a command answers.
pub(crate) type Outcome = Result<Answer, Failure>;

/// What a command answers when it succeeds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// For programs.
    pub(crate) value: Value,
    /// For people, where the value would be hard to read.
    pub(crate) text: Option<String>,
}

impl<T: Into<Value>> From<T> for Answer {
    fn from(value: T) -> Self {
        let (value, text) = (value.into(), None);
        Self { value, text }
    }
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) node: Node,
    pub(crate) pids: Pids,
    /// Set by `quit`.
    pub(crate) quits: bool,
    me: Pid<Relay>,
}

impl Session {
    pub(crate) async fn start(node: Node) -> Result<Self, SpawnError> {
        let me = node.spawn::<Relay>(Role::Shell).await?;
        let pids = Pids::new(node.clone());
        Ok(Self { node, pids, quits: false, me })
    }

    /// Runs one command.
    pub(crate) async fn run(&mut self, line: &str) -> Outcome {
        let (command, words) = commands::find(line)?;
        self.revive().await?;
        match command.run {
            Run::Now(run) => run(self, words),
            Run::Later(run) => run(self, words).await,
        }
    }

    /// The shell's own pid.
    pub(crate) fn me(&self) -> &AnyPid {
        self.me.any()
    }

    /// Has the shell's actor do something, after all that came into its mailbox before.
    pub(crate) async fn as_actor<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Relay, &Cx<Relay>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, done) = oneshot::channel();
        let job = Job::new(move |relay, cx| drop(sender.send(job(relay, cx))));
        self.node.notify(self.me(), job);
        done.await.map_err(|_| Failure::new("NoProc", "the shell's own actor was killed"))
    }

    /// Starts the shell's actor again if it was killed. Its links, monitors and memberships are gone,
    /// and so is what it kept: the first thing in the new mailbox says so.
    async fn revive(&mut self) -> Result<(), Failure> {
        if self.node.is_alive(self.me()) {
            return Ok(());
        }
        let (pid, reason) = (self.me().clone(), ExitReason::Killed);
        self.me = self.node.spawn::<Relay>(Role::Shell).await?;
        self.node.notify(self.me(), Exit { pid, reason, linked: true });
        Ok(())
    }

    /// The next word as a pid.
    pub(crate) async fn pid(&self, words: &mut Words<'_>) -> Result<AnyPid, Failure> {
        self.pids.read(&words.need("PID")?).await
    }

    /// The next word as a pid; the shell's own if there is none.
    pub(crate) async fn pid_or_me(&self, words: &mut Words<'_>) -> Result<AnyPid, Failure> {
        match words.take()? {
            Some(text) => self.pids.read(&text).await,
            None => Ok(self.me().clone()),
        }
    }

    /// The next word as a node, which is then connected; this one if there is none.
    pub(crate) async fn place(&self, words: &mut Words<'_>) -> Result<NodeId, Failure> {
        let place = match words.take()? {
            Some(name) => name.parse()?,
            None => self.node.name().clone(),
        };
        self.reach(&place).await?;
        Ok(place)
    }

    /// Connects to a node unless it is this one or connected.
    pub(crate) async fn reach(&self, place: &NodeId) -> Result<(), SpawnError> {
        if place == self.node.name() || self.node.connected_instance(place).is_some() {
            return Ok(());
        }
        let connected = self.node.connect(place, None).await;
        connected.map_err(|_| SpawnError::NoConnection(place.clone()))
    }
}
