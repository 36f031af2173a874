//! Nodes of different versions, through the library: one that speaks the protocol of before, one of
//! today, over loopback TCP.

use starlings::prelude::*;
use starlings::{CallError, address};
use starlings_transport::wire::{VERSION_MAX, VERSION_MIN};

struct Log(Vec<(u32, usize)>);

#[actor(name = "it.log")]
impl Log {
    fn init() -> Self {
        Self(Vec::new())
    }

    #[cast]
    fn write(&mut self, number: u32, bytes: Vec<u8>) {
        self.0.push((number, bytes.len()));
    }

    #[call]
    fn read(&self) -> Vec<(u32, usize)> {
        self.0.clone()
    }

    #[cast]
    fn end(&mut self, cx: &mut Cx<Self>) {
        cx.stop(ExitReason::Shutdown);
    }
}

/// A node that speaks no version above this one.
async fn start(name: &str, version_max: u16) -> Node {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
    builder.protocol_max(version_max).spawnable::<Log>().start().await.unwrap()
}

/// All that passes between two nodes, from one to the other.
async fn talks_to(from: &Node, to: &Node) {
    let log = from.on(to.name()).spawn::<Log>(()).await.unwrap();
    let sizes = [0, 10, 100_000, 10, 1_000_000, 0];
    for (number, size) in (0..).zip(sizes) {
        log.write(number, vec![7; size]).unwrap();
    }
    let written: Vec<_> = (0..).zip(sizes).collect();
    assert_eq!(log.read().await, Ok(written));
    let monitor = from.monitor(&log);
    log.end().unwrap();
    assert_eq!(monitor.await.reason, ExitReason::Shutdown);
    assert_eq!(log.read().await, Err(CallError::NoProc));
}

/// Goal: a cluster can be upgraded node by node.
/// Method: a node of each version before, and one of today, each dialling the other; what both can is used,
/// and a loss is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_the_versions_before_and_of_today_work_together() {
    let before: Vec<_> = (VERSION_MIN..VERSION_MAX).collect();
    assert!(!before.is_empty());
    for (version, old_dials) in before.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let old = start("old@localhost", version).await;
        let new = start("new@localhost", VERSION_MAX).await;
        let (dialler, listener) = if old_dials { (&old, &new) } else { (&new, &old) };
        let at = address(listener).unwrap();
        dialler.connect(listener.name(), Some(&at)).await.unwrap();
        talks_to(&old, &new).await;
        talks_to(&new, &old).await;
        let mut events = new.node_events();
        let there = new.on(old.name()).spawn::<Log>(()).await.unwrap();
        let monitor = new.monitor(&there);
        assert!(old.disconnect(new.name()));
        assert_eq!(monitor.await.reason, ExitReason::NoConnection);
        assert!(matches!(events.recv().await, Ok(NodeEvent::Down { .. })));
        old.shutdown().await;
        new.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_there_is_not_is_refused_at_the_start() {
    for version in [0, VERSION_MIN - 1, u16::MAX] {
        let builder = Node::builder("a@localhost").cookie("it");
        assert!(builder.protocol_max(version).start().await.is_err());
    }
}
