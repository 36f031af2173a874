//! One run of a function, as an actor.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::oneshot;

use crate::actor::context::Cx;
use crate::actor::info::Info;
use crate::actor::{Actor, Method, Remote, Result, Wire};
use crate::error::CastError;
use crate::function::RemoteFunction;
use crate::function::error::RunError;
use crate::life::birth::{Answer, Birth};
use crate::life::cell::AnyCell as _;
use crate::life::spawn::Options;
use crate::message::reply::ReplyTo;
use crate::node::Node;
use crate::pid::Place;
use crate::reason::ExitReason;
use crate::remote::carrier::{LaneKey, Urgency};
use crate::remote::peer::Peer;
use crate::remote::wire::{self, CallRef, Header};

/// The actor that runs a function once and ends: what a pid of
/// [`On::spawn_fn`](crate::On::spawn_fn) points at.
///
/// It takes no messages. It ends with `Normal` when the function returns, with `Panic` when that
/// panics; a stop and an exit take effect at the function's next await point, as a kill does.
/// Source: OTP `spawn/4`.
pub struct Running<F: RemoteFunction> {
    start: Option<FunctionArgs<F>>,
}

/// What a run is started with: the function's arguments, which travel in their own form.
pub struct FunctionArgs<F: RemoteFunction> {
    args: F::Args,
    /// Who waits for the output; nobody, if the function was spawned.
    back: Option<Arc<RunBack<F::Output>>>,
}

/// The event with which the function begins: after the birth, so that whoever spawned it has the pid
/// before it does anything.
#[derive(Debug)]
struct Begin;

impl<F: RemoteFunction> Actor for Running<F> {
    type Args = FunctionArgs<F>;
    type Message = Infallible;

    const CAPACITY: usize = 1;
    const STOP_KILLS: bool = true;

    async fn init(start: FunctionArgs<F>, cx: &mut Cx<Self>) -> Result<Self> {
        if let Place::Here(cell) = cx.pid().place() {
            if let Some(back) = start.back.clone() {
                let tell = move |reason: &ExitReason| back.answer(Err(RunError::from_end(reason)));
                cell.core().on_end(Box::new(tell), Box::new(|| false));
            }
            cell.push_info(Info::new(Begin));
        }
        Ok(Self { start: Some(start) })
    }

    async fn handle(&mut self, message: Infallible, _: &mut Cx<Self>) -> Result<()> {
        match message {}
    }

    async fn info(&mut self, info: Info, cx: &mut Cx<Self>) -> Result<()> {
        let Some(FunctionArgs { args, back }) = self.start.take().filter(|_| info.is::<Begin>())
        else {
            return Ok(());
        };
        let output = F::run(args, cx.node()).await;
        if let Some(back) = back {
            back.answer(Ok(output));
        }
        Err(ExitReason::Normal)
    }

    fn wire() -> Option<Wire<Self>> {
        Some(Wire::of())
    }
}

impl<F: RemoteFunction> Remote for Running<F> {
    const NAME: &'static str = F::NAME;

    fn methods() -> &'static [Method] {
        &[]
    }

    fn method(message: &Infallible) -> usize {
        match *message {}
    }

    fn encode(message: &Infallible, _: &mut Vec<u8>) -> Result<(), postcard::Error> {
        match *message {}
    }

    fn decode(_: usize, _: &[u8], _: ReplyTo) -> Result<Infallible, postcard::Error> {
        Err(postcard::Error::DeserializeBadEncoding)
    }
}

impl<F: RemoteFunction> FunctionArgs<F> {
    /// For a run that nobody waits for.
    pub(crate) fn spawned(args: F::Args) -> Self {
        Self { args, back: None }
    }
}

impl<F: RemoteFunction> Serialize for FunctionArgs<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.args.serialize(serializer)
    }
}

impl<'de, F: RemoteFunction> Deserialize<'de> for FunctionArgs<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::Args::deserialize(deserializer).map(Self::spawned)
    }
}

/// Starts a run whose output goes to `back`, as a task: neither the asker nor the reader of a session
/// waits for it here.
pub(crate) fn start<F: RemoteFunction>(node: &Node, args: F::Args, back: RunBack<F::Output>) {
    let (here, back) = (node.clone(), Arc::new(back));
    node.run(async move {
        let (sender, born) = oneshot::channel();
        let options = Options::default();
        let birth = Birth { options: Box::new(options), answer: Answer::Here(sender) };
        let start = FunctionArgs { args, back: Some(Arc::clone(&back)) };
        here.start_actor::<Running<F>>(start, birth);
        match born.await {
            Ok(Ok(newborn)) => drop(newborn.claim()),
            Ok(Err(error)) => back.answer(Err(RunError::from_start(error))),
            Err(_closed) => back.answer(Err(RunError::ShuttingDown)),
        }
    });
}

/// Where the output of a run goes. The first answer counts.
pub(crate) struct RunBack<R>(Mutex<Option<To<R>>>);

enum To<R> {
    Here(oneshot::Sender<Result<R, RunError>>),
    There { peer: Arc<Peer>, call: CallRef },
}

impl<R: Serialize> RunBack<R> {
    pub(crate) fn here() -> (Self, oneshot::Receiver<Result<R, RunError>>) {
        let (sender, answer) = oneshot::channel();
        (Self(Mutex::new(Some(To::Here(sender)))), answer)
    }

    pub(crate) fn there(peer: Arc<Peer>, call: CallRef) -> Self {
        Self(Mutex::new(Some(To::There { peer, call })))
    }

    fn answer(&self, answer: Result<R, RunError>) {
        let to = self.0.lock().take();
        match (to, answer) {
            (None, _) => {}
            // An asker that has given up does not see it.
            (Some(To::Here(sender)), answer) => drop(sender.send(answer)),
            (Some(To::There { peer, call }), Err(error)) => refuse(&peer, call, error),
            (Some(To::There { peer, call }), Ok(output)) => {
                let header = Header::Reply { call };
                let mut payload = |out: &mut Vec<u8>| wire::append(&output, out);
                let sent = peer.send(LaneKey::of_sender(), Urgency::Forced, &header, &mut payload);
                if let Some(why) = sent.err().and_then(CastError::unsendable) {
                    refuse(&peer, call, RunError::BadOutput(why));
                }
            }
        }
    }
}

/// Answers a run from another node with an error. Fails only with the session, which the asker sees
/// by itself.
pub(crate) fn refuse(peer: &Arc<Peer>, call: CallRef, error: RunError) {
    let header = Header::RunFailed { call, error };
    let _ = peer.send(LaneKey::of_sender(), Urgency::Forced, &header, &mut |_| Ok(()));
}

impl<F: RemoteFunction> fmt::Debug for Running<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&F::NAME).finish()
    }
}

impl<F: RemoteFunction> fmt::Debug for FunctionArgs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FunctionArgs").field(&F::NAME).finish()
    }
}
