//! Gossip membership, through the library: nodes of one process, with datagrams over loopback.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{CallError, MembershipConfig, address};
use tokio::time::{Instant, sleep};

pub(crate) struct Echo(String);

#[actor(name = "it.echo")]
impl Echo {
    fn init(what: String) -> Self {
        Self(what)
    }

    #[call]
    fn echo(&self) -> String {
        self.0.clone()
    }
}

/// A node that finds the others through `seeds`, ten times as fast as by default.
pub(crate) async fn start(name: &str, seeds: &[String]) -> Node {
    let mut gossip = MembershipConfig::new(seeds);
    gossip.timings.probe_interval = Duration::from_millis(100);
    gossip.timings.probe_timeout = Duration::from_millis(50);
    gossip.timings.gossip_interval = Duration::from_millis(20);
    gossip.timings.rejoin_interval = Duration::from_millis(500);
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it").gossip(gossip);
    builder.start().await.unwrap()
}

/// Asks until the answer is as wanted.
pub(crate) async fn asks(
    echo: &Pid<Echo>,
    is_met: impl Fn(&std::result::Result<String, CallError>) -> bool,
) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = echo.echo().timeout(Duration::from_secs(2)).await;
        if is_met(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "the last answer is {answer:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_share_a_seed_reach_each_others_pids_on_demand() {
    let seed = start("seed@localhost", &[]).await;
    let seeds = [address(&seed).unwrap()];
    let (a, b) = (start("a@localhost", &seeds).await, start("b@localhost", &seeds).await);
    let echo = b.spawn::<Echo>("hello".to_owned()).await.unwrap();
    let text = format!("{:?}", echo.any());
    let from_a: Pid<Echo> = a.pid(&text.parse().unwrap());
    assert!(a.nodes().is_empty() && b.nodes().is_empty(), "nobody is connected yet");
    asks(&from_a, Result::is_ok).await;
    assert_eq!(a.nodes(), [b.name().clone()], "to the one that is used, and to no other");
    assert!(seed.nodes().is_empty());
    // Who has left is forgotten: there is nothing to dial.
    b.shutdown().await;
    let gone = |answer: &std::result::Result<String, CallError>| {
        matches!(answer, Err(CallError::NoConnection(_)))
    };
    asks(&from_a, gone).await;
}
