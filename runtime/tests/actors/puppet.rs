//! An actor that does what a test tells it, and the pair of places where two of them live.

use std::fmt;

use starlings_runtime::{
    AnyPid, BoxFuture, Cx, Down, Exit, ExitReason, MonitorRef, Node, Pid, Reply, Result, actor,
};
use tokio::sync::oneshot;

use crate::bridge::Bridge;
use crate::fixture::node;

/// Something that a puppet does, with its context.
pub(crate) type Script =
    Box<dyn for<'a> FnOnce(&'a mut Cx<Puppet>) -> BoxFuture<'a, Result<()>> + Send>;

/// Something that a puppet does when it is gone or about to go.
pub(crate) type Last = Box<dyn FnOnce() + Send>;

pub(crate) fn script<F>(script: F) -> Script
where
    F: for<'a> FnOnce(&'a mut Cx<Puppet>) -> BoxFuture<'a, Result<()>> + Send + 'static,
{
    Box::new(script)
}

/// What came to a puppet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Heard(u64),
    Down(MonitorRef, ExitReason),
    Exit(AnyPid, ExitReason),
}

pub(crate) struct Puppet {
    seen: Vec<Seen>,
    parked: Vec<Reply<u64>>,
    at_end: Option<Last>,
    at_drop: Option<Last>,
}

impl fmt::Debug for Puppet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puppet").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        if let Some(last) = self.at_drop.take() {
            last();
        }
    }
}

#[actor(crate = starlings_runtime)]
impl Puppet {
    async fn init(first: Script, cx: &mut Cx<Self>) -> Result<Self> {
        first(cx).await?;
        Ok(Self { seen: Vec::new(), parked: Vec::new(), at_end: None, at_drop: None })
    }

    #[cast]
    async fn play(&mut self, script: Script, cx: &mut Cx<Self>) -> Result<()> {
        script(cx).await
    }

    #[cast]
    fn hear(&mut self, what: u64) {
        self.seen.push(Seen::Heard(what));
    }

    #[call]
    fn seen(&self) -> Vec<Seen> {
        self.seen.clone()
    }

    /// A call that nobody answers.
    #[call]
    fn park(&mut self, reply: Reply<u64>) {
        self.parked.push(reply);
    }

    /// What it does in `terminate`, and when its state is dropped.
    #[call]
    fn at_last(&mut self, at_end: Option<Last>, at_drop: Option<Last>) {
        (self.at_end, self.at_drop) = (at_end, at_drop);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.seen.push(Seen::Down(down.monitor, down.reason));
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.seen.push(Seen::Exit(exit.pid, exit.reason));
    }

    fn terminate(&mut self, _reason: &ExitReason) {
        if let Some(last) = self.at_end.take() {
            last();
        }
    }
}

/// A puppet that ends with what is linked to it.
pub(crate) async fn puppet(node: &Node) -> Pid<Puppet> {
    node.spawn::<Puppet>(script(|_| Box::pin(async { Ok(()) }))).await.unwrap()
}

/// A puppet that traps exits.
pub(crate) async fn trapper(node: &Node) -> Pid<Puppet> {
    let puppet = puppet(node).await;
    on(&puppet, |cx| cx.trap_exits(true)).await;
    puppet
}

/// Has a puppet do something in a handler, and waits for what comes of it.
pub(crate) async fn on<T: Send + 'static>(
    puppet: &Pid<Puppet>,
    act: impl FnOnce(&mut Cx<Puppet>) -> T + Send + 'static,
) -> T {
    let (sender, outcome) = oneshot::channel();
    let act = script(move |cx| {
        drop(sender.send(act(cx)));
        Box::pin(async { Ok(()) })
    });
    puppet.play(act).unwrap();
    outcome.await.unwrap()
}

/// Has a puppet wait inside a handler until the returned sender is used or dropped, and then do
/// something before the handler returns. Returns when it waits.
pub(crate) async fn busy(
    puppet: &Pid<Puppet>,
    then: impl FnOnce(&mut Cx<Puppet>) + Send + 'static,
) -> oneshot::Sender<()> {
    let (entered, has_entered) = oneshot::channel();
    let (go, gate) = oneshot::channel::<()>();
    let wait = script(move |cx| {
        Box::pin(async move {
            let _ = entered.send(());
            let _ = gate.await;
            then(cx);
            Ok(())
        })
    });
    puppet.play(wait).unwrap();
    has_entered.await.unwrap();
    go
}

/// How an actor may be made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Normal,
    Shutdown,
    Custom,
    Error,
    Panic,
    Kill,
    Exit,
}

pub(crate) const ENDS: [End; 7] =
    [End::Normal, End::Shutdown, End::Custom, End::Error, End::Panic, End::Kill, End::Exit];

impl End {
    /// Makes a puppet end so if it is there, and gives the reason that others are to see.
    pub(crate) fn befall(self, node: &Node, puppet: &Pid<Puppet>) -> ExitReason {
        let fails =
            |reason| drop(puppet.play(script(|_| Box::pin(async move { Err::<(), _>(reason) }))));
        let stops = |reason: ExitReason| {
            drop(puppet.play(script(move |cx| {
                cx.stop(reason);
                Box::pin(async { Ok(()) })
            })));
        };
        let reason = match self {
            Self::Normal => ExitReason::Normal,
            Self::Shutdown => ExitReason::Shutdown,
            Self::Custom => ExitReason::custom("Moved", "elsewhere"),
            Self::Error => ExitReason::error("done for"),
            Self::Panic => ExitReason::Panic("boom".to_owned()),
            Self::Kill => ExitReason::Killed,
            Self::Exit => ExitReason::error("by hand"),
        };
        match self {
            Self::Normal | Self::Custom => stops(reason.clone()),
            Self::Error => fails(reason.clone()),
            Self::Shutdown => node.stop(puppet, reason.clone()),
            Self::Panic => puppet.play(script(|_| panic!("boom"))).unwrap(),
            Self::Kill => node.kill(puppet),
            Self::Exit => node.exit(puppet, reason.clone()),
        }
        reason
    }
}

/// Ends a puppet of this node, and waits until it has ended and all have been told.
pub(crate) async fn end(node: &Node, puppet: &Pid<Puppet>, how: End) -> ExitReason {
    let ended = node.monitor(puppet);
    let reason = how.befall(node, puppet);
    assert_eq!(ended.await.reason, reason, "{how:?}");
    reason
}

/// Where two actors live: on one node, or on two that are joined.
pub(crate) struct Places {
    pub(crate) a: Node,
    pub(crate) b: Node,
    bridge: Option<Bridge>,
}

impl Places {
    /// What is between the two nodes.
    pub(crate) fn bridge(&self) -> &Bridge {
        self.bridge.as_ref().unwrap()
    }
}

/// One node, as both places.
pub(crate) fn here() -> Places {
    alone(node("a@h"))
}

/// Two nodes.
pub(crate) fn there() -> Places {
    joined(node("a@h"), node("b@h"))
}

/// These two nodes, joined.
pub(crate) fn joined(a: Node, b: Node) -> Places {
    let bridge = Some(Bridge::between(&a, &b));
    Places { a, b, bridge }
}

/// This node, as both places.
pub(crate) fn alone(a: Node) -> Places {
    Places { b: a.clone(), a, bridge: None }
}

/// First the one, then the other.
pub(crate) fn both() -> [Places; 2] {
    [here(), there()]
}

/// How often an actor of this node is watched.
pub(crate) fn watchers(node: &Node, pid: &impl AsRef<AnyPid>) -> u64 {
    node.actor_info(pid.as_ref()).unwrap().watchers
}

/// Whom an actor of this node is linked with.
pub(crate) fn links(node: &Node, pid: &impl AsRef<AnyPid>) -> Vec<AnyPid> {
    node.actor_info(pid.as_ref()).unwrap().links
}
