//! A whole runtime, with actors, at the other end of a session whose bytes are arbitrary.

use std::sync::Arc;

use starlings_runtime::{
    BoxFuture, Cx, Down, DownReason, Exit, LaneKey, MethodKey, Node, NodeParts, Outlet,
    OutletError, Pid, RemoteFunction, SessionInfo, SessionIngress, Urgency, WireError, actor,
    method_key, remote,
};
use tokio::runtime::{Builder, Runtime};

use super::handshake::instance;
use crate::parts;

/// An actor with a method of each kind.
#[derive(Debug)]
pub struct Counter(i64);

#[actor(crate = starlings_runtime, name = "fuzz.counter")]
impl Counter {
    fn init(start: i64, cx: &mut Cx<Self>) -> Self {
        cx.monitor_nodes();
        Self(start)
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.0 = self.0.wrapping_add(k);
    }

    #[cast]
    #[evolve(1)]
    fn note(&mut self, text: String, more: Option<Vec<u8>>) {
        let length = text.len() + more.map_or(0, |more| more.len());
        self.0 = self.0.wrapping_add(i64::try_from(length).unwrap_or_default());
    }

    #[call]
    fn get(&self) -> i64 {
        self.0
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.0 = self.0.wrapping_add(i64::try_from(down.pid.serial()).unwrap_or_default());
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.0 = self.0.wrapping_add(i64::from(exit.linked));
    }
}

/// A function that other nodes run.
#[remote(crate = starlings_runtime, name = "fuzz.total")]
fn total(numbers: Vec<i64>, note: Option<String>) -> Result<i64, String> {
    let sum = numbers.into_iter().fold(0_i64, i64::wrapping_add);
    note.map_or(Ok(sum), Err)
}

/// The other end's, which takes everything.
#[derive(Debug)]
struct Sink;

impl Outlet for Sink {
    fn send(
        &self,
        _: LaneKey,
        _: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), OutletError> {
        encode(&mut Vec::new()).map_err(|error| OutletError::Encode(error.to_string()))
    }

    fn ready(self: Arc<Self>, _: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn close(&self, _: DownReason) {}
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// A node with two counters, of which the one is linked with and monitors an actor of the other node, and a
/// call to that which is not answered.
struct Scene {
    node: Node,
    counter: Pid<Counter>,
}

impl Scene {
    async fn new() -> Self {
        let mut parts = NodeParts::new(instance("a@h"));
        parts.add_spawnable::<Counter>().expect("one type");
        parts.add_function::<total>().expect("one function");
        let node = parts.start();
        let counter = node.spawn::<Counter>(1).await.expect("a counter");
        node.register("named", &counter).expect("a free name");
        Self { node, counter }
    }

    fn session(&self, greeting: Vec<u8>) -> Option<SessionIngress> {
        let info = SessionInfo { peer: instance("b@h"), hidden: false, greeting };
        self.node.ingress().session_up(info, Arc::new(Sink)).ok()
    }

    fn far(&self) -> Pid<Counter> {
        self.node.pid(&starlings_runtime::AnyPid::unbound(instance("b@h"), 7))
    }

    /// The node still does what nodes do.
    async fn is_well(&self) {
        let counter = self.node.spawn::<Counter>(1).await.expect("it spawns");
        assert_eq!(counter.get().await, Ok(1));
        self.node.shutdown().await;
    }
}

/// The name and the key of the function.
pub(crate) fn function() -> (&'static str, MethodKey) {
    (total::NAME, total::key())
}

/// The first counter's serial, the key of the arguments of a spawn, and a greeting.
pub(crate) fn facts() -> (u64, starlings_runtime::MethodKey, Vec<u8>) {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let scene = Scene::new().await;
            let greeting = scene.node.ingress().greeting();
            let args = method_key::<i64, ()>("fuzz.counter", "init");
            (scene.counter.any().serial(), args, greeting)
        })
    })
}

/// Each part is an envelope.
pub fn run(bytes: &[u8]) {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let scene = Scene::new().await;
            let greeting = scene.node.ingress().greeting();
            let session = scene.session(greeting).expect("its own greeting");
            let (far, monitor) = (scene.far(), scene.node.monitor(&scene.far()));
            let call = far.get().send();
            for part in parts(bytes) {
                if session.deliver(part).is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            session.down(DownReason::Closed);
            assert!(scene.node.nodes().is_empty(), "the session is over");
            // Each is over with the session at the latest.
            let (_, _) = (monitor.await, call.await);
            scene.is_well().await;
        });
    });
}

/// All of it is a greeting.
pub fn greet(bytes: &[u8]) {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let scene = Scene::new().await;
            if let Some(session) = scene.session(bytes.to_vec()) {
                let far = scene.far();
                let _ = (far.add(1), far.note(String::new(), None));
                let _ = scene.node.types_of(far.any().node());
                session.down(DownReason::Closed);
            }
            assert!(scene.node.nodes().is_empty());
            scene.is_well().await;
        });
    });
}
