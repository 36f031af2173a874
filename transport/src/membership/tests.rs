//! Members over real datagrams, on loopback.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Membership, MembershipConfig, MembershipError, drive_membership};
use crate::cookie::Cookie;
use crate::proto::membership::{Config, DATAGRAM_BYTES_MAX};
use crate::testing::{Event, FakeRuntime, Net, Node, PATIENCE};
use starlings_runtime::{DownReason, NodeId};

struct Member {
    node: Node,
    membership: Arc<Membership<FakeRuntime>>,
    driver: JoinHandle<()>,
}

/// Ten times as fast as by default, so that tests are.
fn fast(seeds: &[String]) -> MembershipConfig {
    let mut config = MembershipConfig::new(seeds);
    config.timings = Config {
        probe_interval: Duration::from_millis(100),
        probe_timeout: Duration::from_millis(50),
        gossip_interval: Duration::from_millis(20),
        sync_interval: Duration::from_secs(3),
        rejoin_interval: Duration::from_millis(500),
        ..Config::default()
    };
    config
}

impl Member {
    async fn start(name: &str, seeds: &[String]) -> Self {
        Self::start_as(name, 1, "127.0.0.1:0", seeds).await
    }

    async fn start_as(name: &str, incarnation: u64, listen: &str, seeds: &[String]) -> Self {
        let node = Node::start_as(&Net::Tcp, name, incarnation, |config, _| {
            config.listen = Some(listen.to_owned());
        });
        let node = node.await;
        let cookie = Cookie::new(*b"secret");
        let opened = Membership::open(node.hub.clone(), cookie.clone(), fast(seeds)).await;
        let membership = opened.unwrap();
        let driver = tokio::spawn(drive_membership(membership.clone()));
        Self { node, membership, driver }
    }

    /// `len` members that all know each other.
    async fn cluster(len: usize) -> Vec<Self> {
        let mut members = vec![Self::start("n0", &[]).await];
        let seeds = [members[0].node.address.clone()];
        for number in 1..len {
            members.push(Self::start(&format!("n{number}"), &seeds).await);
        }
        for member in &members {
            member.counts(len - 1).await;
        }
        members
    }

    async fn waits(&self, what: &str, mut is_met: impl FnMut(&Membership<FakeRuntime>) -> bool) {
        let met = async {
            while !is_met(&self.membership) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(2 * PATIENCE, met).await.is_err() {
            panic!("{}: {what} never comes, but {:?}", self.node.id(), self.membership.members());
        }
    }

    async fn counts(&self, others: usize) {
        self.waits("the count", |membership| membership.members().len() == others).await;
    }

    async fn misses(&self, node: &NodeId) {
        let has = |members: Vec<(starlings_runtime::NodeInstance, String)>| {
            members.iter().any(|(member, _)| member.node == *node)
        };
        self.waits("the down", |membership| !has(membership.members())).await;
    }

    /// Gone without a word: neither datagrams nor connections are answered.
    async fn crash(self) -> Node {
        self.driver.abort();
        let _ = self.driver.await;
        self.node
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_one_of_eight_is_seen_by_all_others() {
    let mut members = Member::cluster(8).await;
    let victim = members.pop().unwrap();
    let at = members.first().unwrap();
    // A session by name alone: gossip has told the address.
    let connected = crate::dial::connect(at.node.hub.clone(), victim.node.id(), None);
    connected.await.unwrap();
    let gone = victim.crash().await;
    for member in &members {
        member.misses(&gone.id()).await;
        member.counts(6).await;
        assert_eq!(member.node.hub.address(&gone.id()), None, "its address is forgotten");
    }
    let down = Event::Down(gone.id(), DownReason::HeartbeatTimeout);
    at.node.sees("the end of its session", |events| events.contains(&down)).await;
    let verdicts: u64 = members.iter().map(|member| member.membership.metrics().verdicts).sum();
    assert_eq!(verdicts, 7, "each has come to its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_supersedes_the_life_before() {
    let mut members = Member::cluster(4).await;
    let seeds = [members[0].node.address.clone()];
    let gone = members.pop().unwrap();
    let address = gone.node.address.clone();
    // Its driver is gone first, so it says no farewell.
    gone.crash().await.hub.stop();
    // The address is free once the sockets of the life before are closed.
    let again = timeout(PATIENCE, async {
        loop {
            let is_free = UdpSocket::bind(&address).await.is_ok()
                && tokio::net::TcpListener::bind(&address).await.is_ok();
            if is_free {
                return Member::start_as("n3", 2, &address, &seeds).await;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    let again = again.await.unwrap_or_else(|_| panic!("{address} never gets free"));
    again.counts(3).await;
    for member in &members {
        let life = again.node.instance();
        let has = |membership: &Membership<FakeRuntime>| {
            membership.members().iter().any(|(member, _)| *member == life)
        };
        member.waits("the next life", has).await;
        assert_eq!(member.membership.metrics().verdicts, 0, "nobody had to be judged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_is_a_leave_and_no_crash() {
    let mut members = Member::cluster(5).await;
    let leaver = members.pop().unwrap();
    leaver.node.hub.stop();
    timeout(PATIENCE, leaver.membership.left()).await.unwrap();
    timeout(PATIENCE, leaver.driver).await.unwrap().unwrap();
    for member in &members {
        member.misses(&leaver.node.id()).await;
        assert_eq!(member.membership.metrics().verdicts, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn driver_that_is_dropped_is_followed_by_another() {
    let mut members = Member::cluster(3).await;
    let member = members.pop().unwrap();
    member.driver.abort();
    let driver = tokio::spawn(drive_membership(member.membership.clone()));
    let late = Member::start("late", std::slice::from_ref(&member.node.address)).await;
    late.counts(3).await;
    assert!(!driver.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_datagrams_are_counted_and_change_nothing() {
    let members = Member::cluster(2).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let garbage = [vec![], vec![0; 7], vec![1; 300], vec![0xff; DATAGRAM_BYTES_MAX + 500]];
    for bytes in &garbage {
        socket.send_to(bytes, &members[0].node.address).await.unwrap();
    }
    let count = garbage.len() as u64;
    members[0].waits("the count of bad ones", |it| it.metrics().bad == count).await;
    members[0].counts(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_cookie_is_not_heard() {
    let members = Member::cluster(2).await;
    let stranger = Node::start(&Net::Tcp, "stranger").await;
    let config = fast(&[members[0].node.address.clone()]);
    let cookie = Cookie::new(*b"other");
    let opened = Membership::open(stranger.hub.clone(), cookie.clone(), config).await;
    let membership = opened.unwrap();
    let driver = tokio::spawn(drive_membership(membership.clone()));
    members[0].waits("what is not heard", |it| it.metrics().bad >= 2).await;
    members[0].counts(1).await;
    assert_eq!(membership.members(), []);
    driver.abort();
}

#[tokio::test]
async fn addresses_that_cannot_be_reached_are_refused() {
    let cookie = Cookie::new(*b"secret");
    let open = |node: &Node, config| Membership::open(node.hub.clone(), cookie.clone(), config);
    let deaf = Node::start_as(&Net::Tcp, "deaf", 1, |config, _| config.listen = None).await;
    let refused = open(&deaf, fast(&[])).await;
    assert!(matches!(refused, Err(MembershipError::NotListening)));
    let everywhere = |config: &mut crate::TransportConfig| {
        config.listen = Some("0.0.0.0:0".to_owned());
    };
    let node = Node::start_as(&Net::Tcp, "all", 1, |config, _| everywhere(config)).await;
    assert!(matches!(open(&node, fast(&[])).await, Err(MembershipError::NoAddress(_))));
    for bad in ["", "x", ":1", "h:0", "h:port"] {
        let refused = open(&node, fast(&[bad.to_owned()])).await;
        let is_refused =
            matches!(refused, Err(MembershipError::BadAddress(_) | MembershipError::NoAddress(_)));
        assert!(is_refused, "{bad:?}");
    }
    let mut config = fast(&[]);
    config.advertise = Some(format!("localhost:{}", 4711));
    assert!(open(&node, config).await.is_ok());
}
