//! Two nodes over each pipe: connect, spawn there, call, lose one, see it.

use std::time::Duration;

use starlings::pipe::{Pipe, UnixPipe};
use starlings::prelude::*;
use starlings::{DownReason, NodeBuilder};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::shell::DEADLINE;

struct Counter(i64);

#[actor(name = "test.pipes.counter")]
impl Counter {
    fn init(start: i64) -> Self {
        Self(start)
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.0 += k;
    }

    #[call]
    fn get(&self) -> i64 {
        self.0
    }

    /// Gives back what it got: a message of many frames.
    #[call]
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
}

fn builder(name: &str, pipe: impl Pipe) -> NodeBuilder {
    let builder = Node::builder(name).pipe(pipe).cookie("pipes").spawnable::<Counter>();
    builder.heartbeat(Duration::from_millis(200), 5)
}

/// Goal: over this pipe nodes do all that they do over TCP, and the loss of one shows.
/// Method: each node has a tokio runtime of its own; the second ends without a word.
fn nodes_live_and_die_over(pipes: [impl Pipe; 2], address: &str) {
    let (here, there) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let [ours, theirs] = pipes;
    let b = there.block_on(builder("b@localhost", theirs).listen(address).start()).unwrap();
    let b_address = starlings::address(&b).unwrap();
    here.block_on(async {
        let a = builder("a@localhost", ours).start().await.unwrap();
        a.connect(b.name(), Some(&b_address)).await.unwrap();
        assert_eq!(a.nodes(), [b.name().clone()]);
        let counter = a.on(b.name()).spawn::<Counter>(40).await.unwrap();
        counter.add(2).unwrap();
        assert_eq!(counter.get().await.unwrap(), 42);
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        assert!(counter.echo(large.clone()).await.unwrap() == large);
        let (monitor, mut events) = (a.monitor(&counter), a.node_events());
        there.shutdown_background();
        let down = timeout(DEADLINE, monitor).await.unwrap();
        assert_eq!(down.reason, ExitReason::NoConnection);
        let event = timeout(DEADLINE, events.recv()).await.unwrap().unwrap();
        assert!(
            matches!(&event, NodeEvent::Down { peer, reason, .. } if peer.node == *b.name() && is_loss(reason)),
            "{event:?}"
        );
        assert_eq!(a.nodes(), []);
        a.shutdown().await;
    });
}

/// Whether a node ended without a goodbye: what the system says of its connections, or silence.
fn is_loss(reason: &DownReason) -> bool {
    matches!(reason, DownReason::Closed | DownReason::HeartbeatTimeout)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn unix_sockets() {
    let folder = folder();
    let address = format!("unix:{}", folder.path().join("b.sock").display());
    nodes_live_and_die_over([UnixPipe, UnixPipe], &address);
}
