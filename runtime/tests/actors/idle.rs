//! Sessions that are closed for want of use: what keeps them, and what becomes of what is sent meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use starlings_runtime::{
    BoxFuture, CallError, Carrier, CastError, ConnectError, DownReason, ExitReason, Node,
    NodeEvent, NodeId, Pid, actor,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods, eventually, node};

/// After this long, what a test waits for does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps what it is sent, in order.
#[derive(Debug)]
struct Log(Vec<u32>);

#[actor(name = "test.idle_log", spawnable = false, crate = starlings_runtime)]
impl Log {
    fn init() -> Self {
        Self(Vec::new())
    }

    #[cast]
    fn note(&mut self, number: u32, bytes: Vec<u8>) {
        drop(bytes);
        self.0.push(number);
    }

    #[call]
    fn all(&self) -> Vec<u32> {
        self.0.clone()
    }

    #[cast]
    fn hear(&mut self, rumour: Rumour) {
        drop(rumour);
    }

    #[cast]
    fn fail(&mut self) -> starlings_runtime::Result<()> {
        Err(ExitReason::error("as told"))
    }
}

/// Sends a note of its own as it is encoded.
struct Rumour(Option<Pid<Log>>);

impl Serialize for Rumour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.iter().for_each(|log| log.note(7, vec![]).unwrap());
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Rumour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self(None))
    }
}

/// Makes a new session between two nodes each time it is asked.
#[derive(Debug)]
struct Rejoin {
    nodes: [Node; 2],
    bridges: Arc<Mutex<Vec<Arc<Bridge>>>>,
    may_connect: AtomicBool,
}

impl Carrier for Rejoin {
    fn connect(
        &self,
        _: NodeId,
        _: Option<String>,
    ) -> BoxFuture<'static, Result<(), ConnectError>> {
        let ([a, b], bridges) = (self.nodes.clone(), Arc::clone(&self.bridges));
        Box::pin(async move {
            bridges.lock().push(Arc::new(Bridge::between(&a, &b)));
            Ok(())
        })
    }

    fn disconnect(&self, _: &NodeId) -> bool {
        false
    }

    fn may_connect(&self, _: &NodeId) -> bool {
        self.may_connect.load(Ordering::SeqCst)
    }

    fn knows(&self, _: &NodeId) -> bool {
        true
    }

    fn shutdown(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Pair {
    a: Node,
    b: Node,
    carrier: Arc<Rejoin>,
    /// An actor on `b`, as `a` has it.
    log: Pid<Log>,
}

impl Pair {
    async fn new() -> Self {
        let (a, b) = (node("a@h"), node("b@h"));
        let bridge = Arc::new(Bridge::between(&a, &b));
        let carrier = Arc::new(Rejoin {
            nodes: [a.clone(), b.clone()],
            bridges: Arc::new(Mutex::new(vec![bridge])),
            may_connect: AtomicBool::new(true),
        });
        assert!(a.set_carrier(Arc::clone(&carrier) as Arc<dyn Carrier>));
        let log = b.spawn::<Log>(()).await.unwrap();
        let log = a.pid(log.any());
        Self { a, b, carrier, log }
    }

    /// The last session.
    fn bridge(&self) -> Arc<Bridge> {
        Arc::clone(self.carrier.bridges.lock().last().unwrap())
    }

    fn note(&self, number: u32) {
        self.log.note(number, vec![]).unwrap();
    }
}

#[tokio::test]
async fn what_is_sent_while_a_session_is_being_closed_goes_by_the_next() {
    let pair = Pair::new().await;
    let mut events = pair.a.node_events();
    pair.note(1);
    pair.bridge().freeze(&pair.a);
    pair.note(2);
    let (call, monitor) = (pair.log.all().send(), pair.a.monitor(&pair.log));
    pair.note(3);
    pair.bridge().end_idle();
    pair.note(4);
    assert_eq!(call.await, Ok(vec![1, 2]));
    assert_eq!(pair.log.all().await, Ok(vec![1, 2, 3, 4]));
    assert!(matches!(events.try_recv(), Ok(NodeEvent::Down { reason: DownReason::Idle, .. })));
    assert!(matches!(events.try_recv(), Ok(NodeEvent::Up { .. })));
    assert!(events.try_recv().is_err(), "one session for all of it");
    pair.log.fail().unwrap();
    assert_eq!(monitor.await.reason, ExitReason::error("as told"), "it was not lost on the way");
}

#[tokio::test]
async fn after_an_end_for_want_of_use_the_next_message_connects() {
    let pair = Pair::new().await;
    for number in 0..3 {
        pair.note(number);
        pair.bridge().end_idle();
        assert!(pair.a.nodes().is_empty());
    }
    assert_eq!(pair.log.all().await, Ok(vec![0, 1, 2]));
}

#[tokio::test]
async fn what_is_kept_goes_first_when_the_session_goes_on() {
    let pair = Pair::new().await;
    pair.bridge().freeze(&pair.a);
    pair.note(1);
    pair.note(2);
    let call = pair.log.all().send();
    pair.bridge().thaw(&pair.a);
    pair.note(3);
    assert_eq!(call.await, Ok(vec![1, 2]));
    assert_eq!(pair.log.all().await, Ok(vec![1, 2, 3]));
    assert_eq!(pair.carrier.bridges.lock().len(), 1);
}

/// Goal: the program's code runs under no lock, and what it sends while it is encoded is kept too.
/// Method: it sends on a thread of its own, since no timer ends a wait of a thread for itself.
#[tokio::test]
async fn what_sends_as_it_is_encoded_can_be_kept() {
    let pair = Pair::new().await;
    pair.bridge().freeze(&pair.a);
    let (log, (done, is_done)) = (pair.log.clone(), oneshot::channel());
    std::thread::spawn(move || done.send(log.hear(Rumour(Some(log.clone())))));
    let sent = timeout(PATIENCE, is_done).await.expect("it waits for no lock that it holds");
    assert_eq!(sent, Ok(Ok(())));
    pair.bridge().end_idle();
    let all = pair.log.all().await.unwrap();
    assert!(!all.is_empty() && all.iter().all(|note| *note == 7), "{all:?}");
}

#[tokio::test]
async fn what_is_kept_fails_with_a_session_that_is_lost() {
    let pair = Pair::new().await;
    pair.bridge().freeze(&pair.a);
    let (call, monitor) = (pair.log.all().send(), pair.a.monitor(&pair.log));
    pair.bridge().cut();
    let no_connection = || Err(CallError::NoConnection(pair.b.name().clone()));
    assert_eq!(call.await, no_connection());
    assert_eq!(monitor.await.reason, ExitReason::NoConnection);

    // So it does if there is no way to make another.
    assert_eq!(pair.log.all().await, Ok(vec![]));
    pair.bridge().freeze(&pair.a);
    let (call, monitor) = (pair.log.all().send(), pair.a.monitor(&pair.log));
    pair.carrier.may_connect.store(false, Ordering::SeqCst);
    pair.bridge().end_idle();
    assert_eq!(call.await, no_connection());
    assert_eq!(monitor.await.reason, ExitReason::NoConnection);
}

#[tokio::test]
async fn what_is_kept_is_bounded_but_one_message_and_signals_are_taken() {
    let pair = Pair::new().await;
    pair.bridge().freeze(&pair.a);
    pair.log.note(0, vec![0; 2 << 20]).unwrap();
    assert_eq!(pair.log.note(1, vec![0; 1 << 20]), Err(CastError::Overloaded));
    pair.bridge().thaw(&pair.a);
    assert_eq!(pair.log.all().await, Ok(vec![0]));
    pair.bridge().freeze(&pair.a);
    let taken = (1..10_000).take_while(|number| pair.log.note(*number, vec![]).is_ok()).count();
    assert_eq!(taken, 4096);
    let monitor = pair.a.monitor(&pair.log);
    pair.bridge().end_idle();
    eventually("all have come", async || {
        pair.log.all().await.is_ok_and(|all| all == (0..=4096).collect::<Vec<_>>())
    })
    .await;
    pair.log.fail().unwrap();
    assert_eq!(monitor.await.reason, ExitReason::error("as told"));
}

/// Whether neither end needs the session, now that nothing is under way.
fn is_idle(pair: &Pair) -> bool {
    let needs = [&pair.a, &pair.b].map(|node| pair.bridge().is_needed(node));
    needs == [false, false]
}

/// What was sent until now counts no more.
fn forget_use(pair: &Pair) {
    let _ = is_idle(pair);
}

#[tokio::test]
async fn session_is_needed_by_what_hangs_on_it() {
    let pair = Pair::new().await;
    pair.note(1);
    assert!(pair.bridge().is_needed(&pair.a), "it was used");
    assert_eq!(pair.log.all().await, Ok(vec![1]));
    forget_use(&pair);
    assert!(is_idle(&pair), "a pid alone is no need");

    // Each of these is a need at one end at least, for as long as it is there.
    let monitor = pair.a.monitor(&pair.log);
    forget_use(&pair);
    assert!(pair.bridge().is_needed(&pair.a) && pair.bridge().is_needed(&pair.b), "a monitor");
    drop(monitor);
    forget_use(&pair);
    assert!(is_idle(&pair), "it is taken back");

    let counter = pair.b.spawn::<Counter>(7).await.unwrap();
    let counter = pair.a.pid::<Counter>(counter.any());
    let call = counter.get_later().send();
    forget_use(&pair);
    assert!(pair.bridge().is_needed(&pair.a), "a call waits");
    drop(call);
    assert!(!pair.bridge().is_needed(&pair.a), "nobody waits any more");

    let holds = [pair.a.hold(pair.b.name()), pair.a.hold(pair.b.name())];
    for hold in holds {
        assert!(pair.bridge().is_needed(&pair.a), "{hold:?}");
    }
    assert!(!pair.bridge().is_needed(&pair.a), "nobody holds it any more");
    let shares = Arc::new(AtomicBool::new(true));
    let (shared, b) = (Arc::clone(&shares), pair.b.name().clone());
    pair.a.hold_while(move |peer| peer.node == b && shared.load(Ordering::SeqCst));
    assert!(pair.bridge().is_needed(&pair.a), "a service shares something");
    shares.store(false, Ordering::SeqCst);
    assert!(!pair.bridge().is_needed(&pair.a));
}

#[tokio::test]
async fn upkeep_is_no_use_and_other_casts_by_name_are() {
    let pair = Pair::new().await;
    pair.b.register("log", &pair.b.bind(pair.log.any())).unwrap();
    forget_use(&pair);
    let message = || LogMessage::Note { number: 1, bytes: vec![] };
    let on_b = pair.a.on(pair.b.name());
    on_b.cast_named_in_background::<Log>("log", message()).unwrap();
    assert!(!pair.bridge().is_needed(&pair.a));
    on_b.cast_named::<Log>("log", message()).unwrap();
    assert!(pair.bridge().is_needed(&pair.a));
    assert_eq!(pair.log.all().await, Ok(vec![1, 1]));
}
