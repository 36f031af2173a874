//! The functions that the tests run, and nodes that know most of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use starlings_runtime::{
    AnyPid, BoxFuture, Cx, DownReason, Incarnation, LaneKey, MonitorRef, Node, NodeId,
    NodeInstance, NodeParts, Outlet, OutletError, Pid, Result, SessionInfo, SessionIngress,
    Urgency, WireError, actor, remote,
};

use crate::fixture::{Counter, CounterMethods as _, Picky};

/// Where it runs.
#[remote(name = "test.whereabouts", crate = starlings_runtime)]
pub(crate) fn whereabouts(node: &Node) -> NodeId {
    node.name().clone()
}

#[remote(name = "test.double", crate = starlings_runtime)]
pub(crate) async fn double(n: i64) -> i64 {
    tokio::task::yield_now().await;
    2 * n
}

#[remote(name = "test.divide", crate = starlings_runtime)]
pub(crate) fn divide(a: i64, b: i64) -> Result<i64, String> {
    if b == 0 { Err("by nothing".to_owned()) } else { Ok(a / b) }
}

#[remote(name = "test.boom", crate = starlings_runtime)]
pub(crate) fn boom(why: String) {
    panic!("{why}");
}

/// Counts itself, and does not return.
#[remote(name = "test.hang", crate = starlings_runtime)]
pub(crate) async fn hang(node: &Node) {
    count(node);
    std::future::pending::<()>().await;
}

/// Counts itself.
#[remote(name = "test.step", crate = starlings_runtime)]
pub(crate) fn step(node: &Node) -> u64 {
    count(node)
}

/// Returns once so many runs have come to the counter.
#[remote(name = "test.meet", crate = starlings_runtime)]
pub(crate) async fn meet(counter: Pid<Counter>, wanted: i64) -> i64 {
    counter.add(1).unwrap();
    while counter.get().await.unwrap() < wanted {
        tokio::task::yield_now().await;
    }
    wanted
}

/// Panics once another one has come to the counter.
#[remote(name = "test.meet_and_boom", crate = starlings_runtime)]
pub(crate) async fn meet_and_boom(counter: Pid<Counter>, why: String) {
    meet::here(counter, 2).await;
    panic!("{why}");
}

#[remote(name = "test.pick", crate = starlings_runtime)]
pub(crate) fn pick(value: Picky) -> Picky {
    Picky(value.0 + 1)
}

#[remote(crate = starlings_runtime)]
pub(crate) fn unnamed() {}

/// The function of another build: the name of one, and other arguments.
#[remote(name = "test.double", crate = starlings_runtime)]
pub(crate) fn skewed(text: String) -> i64 {
    i64::try_from(text.len()).unwrap()
}

/// The name of a function, and another output.
#[remote(name = "test.step", crate = starlings_runtime)]
pub(crate) fn skewed_output() -> String {
    String::new()
}

#[derive(Debug, Default)]
struct Count(AtomicU64);

pub(crate) fn count(node: &Node) -> u64 {
    node.extension(Count::default).0.fetch_add(1, Ordering::SeqCst) + 1
}

pub(crate) fn counted(node: &Node) -> u64 {
    node.extension(Count::default).0.load(Ordering::SeqCst)
}

pub(crate) fn node(name: &str) -> Node {
    let instance = NodeInstance { node: name.parse().unwrap(), incarnation: Incarnation(1) };
    let mut parts = NodeParts::new(instance);
    parts.add_spawnable::<Counter>().unwrap();
    parts.add_function::<whereabouts>().unwrap();
    parts.add_function::<double>().unwrap();
    parts.add_function::<divide>().unwrap();
    parts.add_function::<boom>().unwrap();
    parts.add_function::<hang>().unwrap();
    parts.add_function::<step>().unwrap();
    parts.add_function::<meet>().unwrap();
    parts.add_function::<meet_and_boom>().unwrap();
    parts.add_function::<pick>().unwrap();
    parts.start()
}

/// A node whose only thread stands still.
pub(crate) struct Stuck {
    pub(crate) node: Node,
    pub(crate) release: mpsc::Sender<()>,
    pub(crate) runtime: tokio::runtime::Runtime,
}

pub(crate) fn stuck(name: &str) -> Stuck {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let node = {
        let _entered = runtime.enter();
        node(name)
    };
    let ((release, released), (blocked, is_blocked)) = (mpsc::channel(), mpsc::channel());
    runtime.spawn(async move {
        blocked.send(()).unwrap();
        let _ = released.recv();
    });
    is_blocked.recv().unwrap();
    Stuck { node, release, runtime }
}

/// Links or monitors the functions it spawns.
#[derive(Debug)]
pub(crate) struct Caller;

#[actor(crate = starlings_runtime)]
impl Caller {
    fn init() -> Self {
        Self
    }

    #[call]
    async fn hang_on(&mut self, node: NodeId, cx: &mut Cx<Self>) -> AnyPid {
        let spawn = cx.node().on(&node).spawn_fn(hang, ()).from(cx).linked();
        spawn.await.unwrap().into()
    }

    #[call]
    async fn watch_on(&mut self, node: NodeId, cx: &mut Cx<Self>) -> (AnyPid, MonitorRef) {
        let spawn = cx.node().on(&node).spawn_fn(boom, "boom".to_owned()).from(cx).monitored();
        let (pid, monitor) = spawn.await.unwrap();
        (pid.into(), monitor)
    }
}

/// A session whose outlet takes nothing.
#[derive(Debug)]
struct Refusing(OutletError);

impl Outlet for Refusing {
    fn send(
        &self,
        _: LaneKey,
        _: Urgency,
        _: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), OutletError> {
        Err(self.0.clone())
    }

    fn ready(self: Arc<Self>, _: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn close(&self, _: DownReason) {}
}

pub(crate) fn session_that_refuses(a: &Node, b: &Node, error: OutletError) -> SessionIngress {
    let (peer, greeting) = (b.instance().clone(), b.ingress().greeting());
    let info = SessionInfo { peer, hidden: false, greeting };
    a.ingress().session_up(info, Arc::new(Refusing(error))).unwrap()
}
