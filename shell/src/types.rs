//! The actors that every shell node can spawn, to try things with.

use std::time::Duration;

use starlings::{
    AnyPid, Cx, ExitReason, Node, NodeBuilder, NodeId, Pid, Reply, Supervisor,
    SupervisorMethods as _, actor, remote, spec,
};
use tokio::time::Instant;

use crate::relay::Relay;

/// What people read of a spawnable type.
#[derive(Debug)]
pub(crate) struct TypeHelp {
    pub(crate) name: &'static str,
    pub(crate) args: &'static str,
    pub(crate) about: &'static str,
    pub(crate) methods: &'static [&'static str],
}

/// The types of this module, as `help spawn` shows them.
pub(crate) const TYPES: &[TypeHelp] = &[
    TypeHelp {
        name: "burner",
        args: "",
        about: "blocks its thread: what a careless handler does",
        methods: &["burn MS"],
    },
    TypeHelp { name: "counter", args: "START", about: "counts", methods: &["add N", "get"] },
    TypeHelp {
        name: "crasher",
        args: "",
        about: "ends: by a panic, by an error, or in order",
        methods: &["crash TEXT", "fail TEXT", "stop"],
    },
    TypeHelp {
        name: "fanout",
        args: "N",
        about: "a supervisor of N counters; `which` lists them",
        methods: &["which"],
    },
    TypeHelp {
        name: "relay",
        args: "",
        about: "keeps what it is sent; `take` gives and forgets it",
        methods: &["text TEXT", "take"],
    },
    TypeHelp { name: "sleeper", args: "", about: "replies after so long", methods: &["sleep MS"] },
];

/// Makes all of them spawnable.
pub(crate) fn add_to(builder: NodeBuilder) -> NodeBuilder {
    builder
        .spawnable::<Burner>()
        .spawnable::<Counter>()
        .spawnable::<Crasher>()
        .spawnable::<Fanout>()
        .spawnable::<Relay>()
        .spawnable::<Sleeper>()
        .function(nap)
}

/// Waits so long, and says where it ran.
#[remote(name = "nap")]
pub(crate) async fn nap(ms: u64, node: &Node) -> NodeId {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    node.name().clone()
}

/// Counts.
#[derive(Debug)]
pub(crate) struct Counter(i64);

#[actor(name = "counter")]
impl Counter {
    fn init(start: i64) -> Self {
        Self(start)
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.0 = self.0.wrapping_add(k);
    }

    /// As `add`, and gives the sum.
    #[call]
    fn add_up(&mut self, k: i64) -> i64 {
        self.add(k);
        self.0
    }

    #[call]
    fn get(&self) -> i64 {
        self.0
    }
}

/// Replies after so long.
#[derive(Debug)]
pub(crate) struct Sleeper;

#[actor(name = "sleeper")]
impl Sleeper {
    fn init() -> Self {
        Self
    }

    #[call]
    async fn sleep(&self, ms: u64) -> bool {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        true
    }

    /// Sleeps without a reply.
    #[cast]
    async fn doze(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Ends as it is told.
#[derive(Debug)]
pub(crate) struct Crasher;

/// How a [`Crasher`] ends.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) enum End {
    /// By a panic.
    Crash(String),
    /// By an error of a handler.
    Fail(String),
    /// In order.
    Stop,
}

#[actor(name = "crasher")]
impl Crasher {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn end(&mut self, end: End, cx: &mut Cx<Self>) -> Result<(), ExitReason> {
        match end {
            End::Crash(text) => std::panic::panic_any(text),
            End::Fail(text) => Err(ExitReason::error(text)),
            End::Stop => {
                cx.stop(ExitReason::Normal);
                Ok(())
            }
        }
    }

    /// As `end`; who asks sees the actor go down, unless it stops in order.
    #[call]
    fn end_now(
        &mut self,
        end: End,
        reply: Reply<bool>,
        cx: &mut Cx<Self>,
    ) -> Result<(), ExitReason> {
        self.end(end, cx)?;
        reply.send(true);
        Ok(())
    }
}

/// A supervisor of so many counters, and the actor that owns it: they end together.
#[derive(Debug)]
pub(crate) struct Fanout {
    node: Node,
    supervisor: Pid<Supervisor>,
}

#[actor(name = "fanout")]
impl Fanout {
    async fn init(count: u32, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        let counters = (0..count).map(|i| spec::<Counter>(0).id(format!("counter-{i}")));
        let children = counters.fold(Supervisor::one_for_one(), |spec, child| spec.child(child));
        let supervisor = children.start(cx.node()).await?;
        cx.link(&supervisor);
        Ok(Self { node: cx.node().clone(), supervisor })
    }

    /// The pids of its counters.
    #[call]
    async fn which(&self) -> Vec<AnyPid> {
        let children = self.supervisor.which_children().await.unwrap_or_default();
        children.into_iter().filter_map(|child| child.pid).collect()
    }
}

/// A supervisor traps exits and does not end with what it is linked to, and the end of this actor
/// may be a kill: its state is dropped in every case.
impl Drop for Fanout {
    fn drop(&mut self) {
        self.node.stop(&self.supervisor, ExitReason::Shutdown);
    }
}

/// Blocks its thread.
#[derive(Debug)]
pub(crate) struct Burner;

#[actor(name = "burner")]
impl Burner {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn burn(&self, ms: u64) {
        let (start, time) = (Instant::now(), Duration::from_millis(ms));
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    /// Burns, then replies.
    #[call]
    fn burn_up(&self, ms: u64) -> bool {
        self.burn(ms);
        true
    }
}
