//! Sessions that are closed for want of use, through the library: nodes of one process over loopback TCP,
//! which find each other by gossip.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{
    AnyPid, CallError, CastError, DownReason, Groups, MembershipConfig, Names, address,
};
use tokio::time::{Instant, sleep};

/// Long enough that a busy machine does not close what is used meanwhile.
const AFTER: Duration = Duration::from_millis(400);

const PATIENCE: Duration = Duration::from_secs(20);

struct Tally(Vec<u32>);

#[actor(name = "it.tally")]
impl Tally {
    fn init() -> Self {
        Self(Vec::new())
    }

    #[cast]
    fn add(&mut self, number: u32) {
        self.0.push(number);
    }

    #[call]
    fn all(&self) -> Vec<u32> {
        self.0.clone()
    }

    #[call]
    async fn slow(&self, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }
}

async fn start(name: &str, seeds: &[String]) -> Node {
    let mut gossip = MembershipConfig::new(seeds);
    gossip.timings.probe_interval = Duration::from_millis(100);
    gossip.timings.probe_timeout = Duration::from_millis(50);
    gossip.timings.gossip_interval = Duration::from_millis(20);
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it").gossip(gossip);
    builder.close_idle(AFTER).spawnable::<Tally>().start().await.unwrap()
}

/// Three nodes; the first is the seed of the others.
async fn cluster() -> [Node; 3] {
    let a = start("a@localhost", &[]).await;
    let seeds = [address(&a).unwrap()];
    [a, start("b@localhost", &seeds).await, start("c@localhost", &seeds).await]
}

/// A pid on `to`, as `from` has it without a session.
async fn tally(from: &Node, to: &Node) -> Pid<Tally> {
    let tally = to.spawn::<Tally>(()).await.unwrap();
    let text = format!("{:?}", tally.any());
    from.pid(&text.parse::<AnyPid>().unwrap())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never is so that {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until gossip has told of the node, and it answers.
async fn answers(tally: &Pid<Tally>) {
    until("it answers", async || tally.all().await.is_ok()).await;
}

fn is_connected(a: &Node, b: &Node) -> bool {
    a.nodes().contains(b.name())
}

async fn closes(a: &Node, b: &Node) {
    until("they are not connected", async || !is_connected(a, b) && !is_connected(b, a)).await;
}

/// Waits for several times as long as it takes to close a session, as seen by one that is closed twice.
async fn stays(between: [&Node; 2], witness: [&Node; 2]) {
    let [a, b] = between;
    let mut events = a.node_events();
    for _ in 0..2 {
        let echo = tally(witness[0], witness[1]).await;
        answers(&echo).await;
        closes(witness[0], witness[1]).await;
    }
    while let Ok(event) = events.try_recv() {
        assert_ne!(event.node(), b.name(), "{event:?}");
    }
    assert!(is_connected(a, b));
}

/// Goal: a pid that was got while the session was there works after the session has been closed, for casts
/// and calls, and nothing is lost or overtaken however often that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pid_works_across_any_number_of_ends_for_want_of_use() {
    let [a, b, c] = cluster().await;
    let there = tally(&b, &c).await;
    answers(&there).await;
    let mut events = b.node_events();
    let mut sent = Vec::new();
    for round in 0..3 {
        closes(&b, &c).await;
        let down = loop {
            match events.recv().await.unwrap() {
                NodeEvent::Down { peer, reason, .. } if peer.node == *c.name() => break reason,
                NodeEvent::Down { .. } | NodeEvent::Up { .. } => {}
            }
        };
        assert_eq!(down, DownReason::Idle);
        for number in 10 * round..10 * round + 5 {
            there.add(number).unwrap();
            sent.push(number);
        }
        assert_eq!(there.all().await, Ok(sent.clone()));
        assert!(is_connected(&b, &c));
    }
    assert!(a.nodes().is_empty(), "nobody needs the seed");
}

/// Goal: names of a node lead to it as pids do, whether or not there is a session at the moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_another_node_works_after_its_session_was_closed() {
    let [_a, b, c] = cluster().await;
    let there = tally(&b, &c).await;
    answers(&there).await;
    c.register("tally", &c.pid::<Tally>(there.any())).unwrap();
    for number in 0..3 {
        closes(&b, &c).await;
        b.on(c.name()).cast_named::<Tally>("tally", TallyMessage::Add { number }).unwrap();
        assert_eq!(there.all().await, Ok((0..=number).collect()));
    }
    let stranger = "stranger@localhost".parse().unwrap();
    let refused = b.on(&stranger).cast_named::<Tally>("tally", TallyMessage::Add { number: 9 });
    assert_eq!(refused, Err(CastError::NoConnection(stranger)));
}

/// Goal: the end of a session is never in the way of what is sent at that very moment.
/// Method: casts at intervals about as long as the time after which the session is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_a_session_is_being_closed_arrives_once_and_in_order() {
    let [_a, b, c] = cluster().await;
    let (to_c, to_b) = (tally(&b, &c).await, tally(&c, &b).await);
    answers(&to_c).await;
    answers(&to_b).await;
    let mut sent = Vec::new();
    for number in 0..30 {
        to_c.add(number).unwrap();
        to_b.add(number).unwrap();
        sent.push(number);
        sleep(AFTER + Duration::from_millis(u64::from(number) * 5)).await;
    }
    assert_eq!(to_c.all().await, Ok(sent.clone()));
    assert_eq!(to_b.all().await, Ok(sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_monitors_calls_and_holds_keep_their_session() {
    let [a, b, c] = cluster().await;
    let there = tally(&b, &c).await;
    answers(&there).await;
    let monitor = b.monitor(&there);
    stays([&b, &c], [&a, &b]).await;
    stays([&c, &b], [&a, &c]).await;
    drop(monitor);
    closes(&b, &c).await;

    answers(&there).await;
    let hold = c.hold(b.name());
    stays([&b, &c], [&a, &b]).await;
    drop(hold);
    closes(&b, &c).await;

    // A call that takes many times as long as a session lasts.
    assert_eq!(there.slow(3000).await, Ok(3000));
    closes(&b, &c).await;
    let mut events = b.node_events();
    assert_eq!(there.slow(3000).await, Ok(3000));
    assert!(matches!(events.try_recv(), Ok(NodeEvent::Up { .. })));
    assert!(events.try_recv().is_err(), "one session for the whole call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_groups_keep_their_sessions_and_lose_nobody() {
    let [a, b, c] = cluster().await;
    let there = tally(&b, &c).await;
    answers(&there).await;
    let here = c.pid::<Tally>(there.any());
    let groups = |node: &Node| Groups::of(node, "default");
    groups(&c).join("tallies", &here).unwrap();
    until("b sees the member", async || groups(&b).members("tallies").len() == 1).await;
    stays([&b, &c], [&a, &b]).await;
    assert_eq!(groups(&b).members("tallies").len(), 1);
    groups(&c).leave("tallies", &here).unwrap();
    closes(&b, &c).await;

    answers(&there).await;
    let names = |node: &Node| Names::of(node, "default");
    names(&c).register("tally", &here).unwrap();
    until("b sees the name", async || names(&b).whereis("tally").is_some()).await;
    stays([&b, &c], [&a, &b]).await;
    assert!(names(&b).whereis("tally").is_some());
    c.exit(&here, ExitReason::error("done"));
    closes(&b, &c).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_are_kept_connected_and_a_mesh_keep_their_sessions() {
    let [a, b, c] = cluster().await;
    let builder = Node::builder("d@localhost").listen("127.0.0.1:0").cookie("it");
    let builder = builder.keep_connected(c.name().as_str(), address(&c).unwrap());
    let d = builder.close_idle(AFTER).start().await.unwrap();
    let mesh = Node::builder("mesh@localhost").listen("127.0.0.1:0").cookie("it");
    let mesh = mesh.start().await.unwrap();
    b.connect(mesh.name(), Some(&address(&mesh).unwrap())).await.unwrap();
    until("d is connected", async || is_connected(&d, &c) && is_connected(&c, &d)).await;
    stays([&c, &d], [&a, &c]).await;
    stays([&b, &mesh], [&a, &b]).await;
}

/// A pid of a node that has left is no connection, also when the session with it was closed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_after_the_session_was_closed_is_no_connection() {
    let [_a, b, c] = cluster().await;
    let there = tally(&b, &c).await;
    answers(&there).await;
    closes(&b, &c).await;
    c.shutdown().await;
    let name = c.name().clone();
    until("it is no connection", async || {
        there.all().await == Err(CallError::NoConnection(name.clone()))
    })
    .await;
}
