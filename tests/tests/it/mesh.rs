//! Nodes that come to know each other through others, over loopback TCP.

use starlings::prelude::*;
use starlings::{AutoConnect, NodeBuilder, address};
use tokio::time::Instant;

use crate::shell::DEADLINE;

fn builder(name: &str) -> NodeBuilder {
    Node::builder(name).cookie("it")
}

async fn start(name: &str) -> Node {
    builder(name).listen("127.0.0.1:0").start().await.unwrap()
}

async fn connect(from: &Node, to: &Node) {
    from.connect(to.name(), address(to).as_deref()).await.unwrap();
}

/// Waits until each of these is connected with all others of them, and with nobody else.
async fn meshed(nodes: &[&Node]) {
    let deadline = Instant::now() + DEADLINE;
    for node in nodes {
        let others = nodes.iter().filter(|other| other.name() != node.name());
        let others: Vec<_> = others.map(|other| other.name().clone()).collect();
        while node.nodes() != others {
            let found = node.nodes();
            assert!(Instant::now() < deadline, "{}: {found:?}, not {others:?}", node.name());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

/// Goal: a node that connects with one node of a cluster is connected with all, whichever one it is and
/// whoever dials.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_connects_with_one_is_connected_with_all() {
    let (a, b, c) =
        (start("a@localhost").await, start("b@localhost").await, start("c@localhost").await);
    connect(&a, &b).await;
    connect(&c, &b).await;
    meshed(&[&a, &b, &c]).await;
    let d = start("d@localhost").await;
    connect(&a, &d).await;
    meshed(&[&a, &b, &c, &d]).await;
    // Two clusters that meet at one place become one.
    let (e, f) = (start("e@localhost").await, start("f@localhost").await);
    connect(&e, &f).await;
    connect(&f, &c).await;
    meshed(&[&a, &b, &c, &d, &e, &f]).await;
}

/// Goal: what is found through others is what names and groups are shared with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_reach_nodes_that_were_met_through_another() {
    struct Idle;
    #[actor(name = "it.mesh.idle")]
    impl Idle {
        fn init() -> Self {
            Self
        }
    }
    let (a, b, c) =
        (start("a@localhost").await, start("b@localhost").await, start("c@localhost").await);
    connect(&a, &b).await;
    connect(&c, &b).await;
    let idle = a.spawn::<Idle>(()).await.unwrap();
    a.names().register("boss", idle.any()).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while c.names().whereis("boss").is_none() {
        assert!(Instant::now() < deadline, "the name did not come");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    b.shutdown().await;
    meshed(&[&a, &c]).await;
    assert_eq!(c.names().whereis("boss").as_ref(), Some(idle.any()));
}

/// Goal: a node that nobody can dial dials those that come after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_listen_dials_those_that_come_later() {
    let (b, c) = (start("b@localhost").await, start("c@localhost").await);
    let a = builder("a@localhost").start().await.unwrap();
    connect(&a, &b).await;
    connect(&c, &b).await;
    meshed(&[&a, &b, &c]).await;
}

/// Goal: a node that listens on all addresses tells of none of them, but of the one it was given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_behind_a_wildcard_address_is_found_where_it_says() {
    let (b, c) = (start("b@localhost").await, start("c@localhost").await);
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let a = builder("a@localhost").listen(format!("0.0.0.0:{port}"));
    let a = a.advertise(format!("localhost:{port}")).start().await.unwrap();
    connect(&a, &b).await;
    meshed(&[&a, &b]).await;
    connect(&c, &b).await;
    meshed(&[&a, &b, &c]).await;
}

/// Goal: who does not want to be part of the mesh is not: hidden nodes, those that say so, those that
/// connect only when asked for, and those that close sessions nobody needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stay_apart_are_left_alone() {
    let (a, b) = (start("a@localhost").await, start("b@localhost").await);
    connect(&a, &b).await;
    let apart = [
        builder("h@localhost").hidden(),
        builder("i@localhost").full_mesh(false),
        builder("j@localhost").auto_connect(AutoConnect::Never),
        builder("k@localhost").close_idle(DEADLINE),
    ];
    let mut kept = Vec::new();
    for builder in apart {
        let node = builder.listen("127.0.0.1:0").start().await.unwrap();
        connect(&node, &b).await;
        kept.push(node);
    }
    // One that comes later is told of all that are to be known.
    let c = start("c@localhost").await;
    connect(&c, &b).await;
    let deadline = Instant::now() + DEADLINE;
    while !c.nodes().contains(a.name()) {
        assert!(Instant::now() < deadline, "the mesh did not come");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Whoever was going to be told has been told before the last one was.
    assert_eq!(a.nodes(), [b.name().clone(), c.name().clone()]);
    assert_eq!(c.nodes(), [a.name().clone(), b.name().clone()]);
    for node in kept {
        let (visible, hidden) = (node.nodes(), node.hidden_nodes());
        assert_eq!([visible, hidden].concat(), [b.name().clone()], "{}", node.name());
    }
}
