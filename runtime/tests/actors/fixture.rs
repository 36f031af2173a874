//! Nodes and actors that the tests share.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use starlings_runtime::{
    Cx, Down, Exit, ExitReason, Incarnation, MonitorRef, Node, NodeInstance, NodeParts, Reply,
    Result, actor,
};

pub(crate) fn node(name: &str) -> Node {
    node_at(name, 1)
}

pub(crate) fn node_at(name: &str, incarnation: u64) -> Node {
    let incarnation = Incarnation(incarnation);
    let mut parts = NodeParts::new(NodeInstance { node: name.parse().unwrap(), incarnation });
    parts.add_spawnable::<Counter>().unwrap();
    parts.add_spawnable::<Watcher>().unwrap();
    parts.start()
}

/// Waits until `holds`, at most 10 s.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        // A timer, not a yield: where the test's clock is paused, it goes on.
        let _ = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
    }
}

#[derive(Debug)]
pub(crate) struct Counter {
    n: i64,
    parked: Vec<Reply<i64>>,
}

#[actor(name = "test.counter", crate = starlings_runtime)]
impl Counter {
    async fn init(start: i64) -> Result<Self> {
        match start {
            0.. => Ok(Self { n: start, parked: Vec::new() }),
            -1 => Err(ExitReason::error("negative")),
            -2 => panic!("too negative"),
            _ => std::future::pending().await,
        }
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.n += k;
    }

    #[call]
    fn get(&self) -> i64 {
        self.n
    }

    /// Answers when `release` is called.
    #[call]
    fn get_later(&mut self, reply: Reply<i64>) {
        self.parked.push(reply);
    }

    #[cast]
    fn release(&mut self) {
        self.parked.drain(..).for_each(|reply| reply.send(self.n));
    }

    #[call]
    fn forget(&mut self, reply: Reply<i64>) {
        drop(reply);
    }

    #[call]
    async fn hang(&mut self) {
        std::future::pending::<()>().await;
    }

    #[cast]
    fn fail(&mut self, why: String) -> Result<()> {
        Err(ExitReason::error(why))
    }

    #[cast]
    fn crash(&mut self, why: String) {
        panic!("{why}");
    }

    #[cast]
    fn finish(&mut self, cx: &mut Cx<Self>) {
        cx.stop(ExitReason::Normal);
    }
}

/// Links and monitors what it is told to, and keeps what comes of it.
#[derive(Debug)]
pub(crate) struct Watcher {
    downs: Vec<Down>,
    exits: Vec<Exit>,
}

#[actor(name = "test.watcher", crate = starlings_runtime)]
impl Watcher {
    fn init(traps: bool, cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(traps);
        Self { downs: Vec::new(), exits: Vec::new() }
    }

    #[call]
    fn watch(&mut self, pid: starlings_runtime::AnyPid, cx: &mut Cx<Self>) -> MonitorRef {
        cx.monitor(&pid)
    }

    #[call]
    fn unwatch(&mut self, monitor: MonitorRef, cx: &mut Cx<Self>) -> bool {
        cx.demonitor(monitor)
    }

    #[call]
    fn bind(&mut self, pid: starlings_runtime::AnyPid, cx: &mut Cx<Self>) {
        cx.link(&pid);
    }

    #[call]
    fn unbind(&mut self, pid: starlings_runtime::AnyPid, cx: &mut Cx<Self>) {
        cx.unlink(&pid);
    }

    #[cast]
    fn exit(&mut self, pid: starlings_runtime::AnyPid, reason: ExitReason, cx: &mut Cx<Self>) {
        cx.exit(&pid, reason);
    }

    /// Spawns a counter on another node, linked and monitored.
    #[call]
    async fn spawn_on(
        &mut self,
        node: starlings_runtime::NodeId,
        start: i64,
        cx: &mut Cx<Self>,
    ) -> Result<(starlings_runtime::Pid<Counter>, MonitorRef), starlings_runtime::SpawnError> {
        cx.node().on(&node).spawn::<Counter>(start).from(cx).linked().monitored().await
    }

    /// Kills `pid` and gives up its monitor in one message: the down must not come after.
    #[call]
    async fn kill_and_unwatch(
        &mut self,
        pid: starlings_runtime::AnyPid,
        monitor: MonitorRef,
        cx: &mut Cx<Self>,
    ) -> bool {
        cx.node().kill(&pid);
        while cx.node().is_alive(&pid) {
            tokio::task::yield_now().await;
        }
        cx.demonitor(monitor)
    }

    #[call]
    fn downs(&self) -> Vec<(MonitorRef, ExitReason)> {
        self.downs.iter().map(|down| (down.monitor, down.reason.clone())).collect()
    }

    #[call]
    fn exits(&self) -> Vec<(starlings_runtime::AnyPid, ExitReason)> {
        self.exits.iter().map(|exit| (exit.pid.clone(), exit.reason.clone())).collect()
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.downs.push(down);
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.exits.push(exit);
    }
}

/// Refuses some of its own values though the schema is right: 66 when encoded, 13 when decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picky(pub(crate) u8);

impl serde::Serialize for Picky {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            66 => Err(serde::ser::Error::custom("66")),
            other => serializer.serialize_u8(other),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Picky {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            13 => Err(serde::de::Error::custom("13")),
            other => Ok(Self(other)),
        }
    }
}

/// Asks for an actor from a thread outside of the runtime, for which no part of `init` is run at once: it
/// is under way then, and the child perhaps up.
pub(crate) fn asked<S: IntoFuture>(spawn: S) -> impl Future<Output = S::Output> + Send + Unpin
where
    S::IntoFuture: Unpin + Send,
    S::Output: Send + Unpin,
{
    let mut spawning = spawn.into_future();
    let poll = || Pin::new(&mut spawning).poll(&mut Context::from_waker(Waker::noop()));
    let polled = std::thread::scope(|scope| scope.spawn(poll).join());
    let mut answer = match polled.expect("polling does not panic") {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    };
    poll_fn(move |cx| match answer.take() {
        Some(answer) => Poll::Ready(answer),
        None => Pin::new(&mut spawning).poll(cx),
    })
}
