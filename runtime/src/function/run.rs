//! Running functions on other nodes, and on this one as if it were another.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::CallError;
use crate::function::RemoteFunction;
use crate::function::error::RunError;
use crate::function::running::{self, FunctionArgs, RunBack, Running};
use crate::identity::NodeId;
use crate::life::spawn::Spawn;
use crate::message::call::CALL_TIMEOUT_DEFAULT;
use crate::node::Node;
use crate::remote::carrier::{BoxFuture, LaneKey, Urgency};
use crate::remote::decoding::{self, Source};
use crate::remote::on::On;
use crate::remote::slots::{ReplySlot, hand_over};
use crate::remote::together::together;
use crate::remote::wire::{self, Header, RunRequest};

impl On {
    /// Runs a function there and gives its output: await it, after setting a `timeout`.
    ///
    /// Each run is an actor of that node; runs have no order among each other. On this node itself
    /// the function need not be registered, and nothing is encoded.
    pub fn run<F: RemoteFunction>(&self, function: F, args: F::Args) -> Run<F> {
        let _ = function;
        let (node, place) = (self.node.clone(), self.place.clone());
        Run { node, place, args, timeout: CALL_TIMEOUT_DEFAULT }
    }

    /// Runs a function there as an actor of its own, and gives its pid.
    ///
    /// The pid takes part in links, monitors and names. The actor takes no messages; its output is
    /// dropped. It ends with `Normal` when the function returns and with `Panic` when that panics; a
    /// kill, an exit and a stop end it at its next await point.
    ///
    /// # Source
    /// OTP `spawn/4`, `spawn_request/5`.
    pub fn spawn_fn<F: RemoteFunction>(&self, function: F, args: F::Args) -> Spawn<Running<F>> {
        let _ = function;
        Spawn::on(self.node.clone(), self.place.clone(), FunctionArgs::spawned(args))
    }
}

impl Node {
    /// Runs a function on several nodes at once, and gives one result for each, in the order given:
    /// await it, after setting a `timeout`. A node that is named twice runs it twice.
    ///
    /// # Source
    /// OTP `erpc:multicall/5`.
    pub fn multi_run<F>(&self, nodes: &[NodeId], function: F, args: F::Args) -> MultiRun<F>
    where
        F: RemoteFunction<Args: Clone>,
    {
        let runs = nodes.iter().map(|place| {
            let (node, place, args) = (self.clone(), place.clone(), args.clone());
            Run { node, place, args, timeout: CALL_TIMEOUT_DEFAULT }
        });
        let _ = function;
        MultiRun { runs: runs.collect() }
    }
}

/// A run that is not asked for yet: await it.
///
/// The timeout, 5 s unless set, is counted here: it is kept when the other node is stuck.
///
/// # Errors
/// Any [`RunError`]: each says whether the function may have run.
///
/// # Cancel safety
/// When the future is dropped, or times out, the run goes on where it is; its answer is never seen,
/// and nothing waits for it on either side. The same when this node goes.
///
/// # Source
/// OTP `erpc:call/5`, but for the timeout, which is infinite there.
#[must_use = "a run does nothing until it is awaited"]
pub struct Run<F: RemoteFunction> {
    node: Node,
    place: NodeId,
    args: F::Args,
    timeout: Duration,
}

impl<F: RemoteFunction> Run<F> {
    /// Waits at most so long for the output.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn ask(self) -> Result<F::Output, RunError> {
        let Self { node, place, args, timeout } = self;
        let answer = if place == *node.name() {
            node.timeout(timeout, run_here::<F>(&node, args)).await
        } else {
            let mut bytes = Vec::new();
            wire::append(&args, &mut bytes)
                .map_err(|error| RunError::BadArguments(error.to_string()))?;
            drop(args);
            node.timeout(timeout, run_there::<F>(&node, &place, &bytes)).await
        };
        answer.unwrap_or(Err(RunError::Timeout))
    }
}

impl<F: RemoteFunction> IntoFuture for Run<F> {
    type Output = Result<F::Output, RunError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

/// Runs on several nodes that are not asked for yet: see [`Node::multi_run`]. Dropped early, as
/// [`Run`].
#[must_use = "a run does nothing until it is awaited"]
pub struct MultiRun<F: RemoteFunction> {
    runs: Vec<Run<F>>,
}

impl<F: RemoteFunction> MultiRun<F> {
    /// Waits at most so long for the outputs, of all nodes together.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.runs.iter_mut().for_each(|run| run.timeout = timeout);
        self
    }
}

impl<F: RemoteFunction> IntoFuture for MultiRun<F> {
    type Output = Vec<Result<F::Output, RunError>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let runs = self.runs.into_iter().map(IntoFuture::into_future).collect();
        Box::pin(together(runs))
    }
}

async fn run_here<F: RemoteFunction>(node: &Node, args: F::Args) -> Result<F::Output, RunError> {
    let (back, answer) = RunBack::here();
    running::start::<F>(node, args, back);
    answer.await.unwrap_or(Err(RunError::ShuttingDown))
}

async fn run_there<F: RemoteFunction>(
    node: &Node,
    place: &NodeId,
    args: &[u8],
) -> Result<F::Output, RunError> {
    let no_connection = || RunError::NoConnection(place.clone());
    let peer = node.reach(place).await.map_err(|_| no_connection())?;
    let call = node.next_call();
    let (sender, answer) = oneshot::channel();
    peer.wait_for(call, Box::new(RunSlot::<F> { place: place.clone(), sender }));
    let _forget = peer.forget_later(call);
    let request = RunRequest { call, name: F::NAME.to_owned(), key: F::key() };
    let header = Header::Run(request);
    let mut payload = |out: &mut Vec<u8>| {
        wire::append_bytes(args, out);
        Ok(())
    };
    peer.send(LaneKey::of_sender(), Urgency::Refusable, &header, &mut payload)
        .map_err(|error| RunError::from_unsent(error, place))?;
    answer.await.map_err(|_closed| no_connection())?
}

/// Where the reader of a session puts the answer of a run.
struct RunSlot<F: RemoteFunction> {
    place: NodeId,
    sender: oneshot::Sender<Result<F::Output, RunError>>,
}

impl<F: RemoteFunction> ReplySlot for RunSlot<F> {
    fn fill(self: Box<Self>, source: Source<'_>, answer: Result<&[u8], CallError>) {
        let Self { place, sender } = *self;
        let output = answer.map_err(|error| RunError::from_call(error, &place)).and_then(|bytes| {
            decoding::decode_value_from(source, || wire::decode(bytes)).map_err(RunError::BadOutput)
        });
        hand_over(sender, output);
    }

    fn run_failed(self: Box<Self>, _: Source<'_>, error: RunError) {
        hand_over(self.sender, Err(error));
    }
}

impl<F: RemoteFunction> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("function", &F::NAME).field("place", &self.place).finish()
    }
}

impl<F: RemoteFunction> fmt::Debug for MultiRun<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiRun").field("runs", &self.runs).finish()
    }
}
