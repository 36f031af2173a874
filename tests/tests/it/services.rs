//! The node's own services, killed one by one: what they keep is still there, and new nodes can
//! connect.

use std::time::Duration;

use serde_json::{Value, json};
use starlings::prelude::*;
use starlings::{ConnectError, SpawnError, address};
use tokio::time::Instant;

use crate::gossip::{self, Echo, EchoMethods as _, asks};
use crate::shell::{DEADLINE, Shell};

/// The first line of a tree with this id, or one that begins so if it ends with a dash.
fn find(tree: &Value, id: &str) -> Option<Value> {
    tree.as_array()?.iter().find_map(|line| {
        let found = line["id"].as_str().unwrap();
        if found == id || id.ends_with('-') && found.starts_with(id) {
            Some(line.clone())
        } else {
            find(&line["children"], id)
        }
    })
}

fn pid(shell: &mut Shell, id: &str) -> Option<String> {
    let found = find(&shell.ok("tree"), id)?;
    found["pid"].as_str().map(ToOwned::to_owned)
}

/// Kills a service of a node that holds a member, a name and an entry, and checks that all of it is
/// there for the nodes that know it and for a new one, and that news of the new one comes back.
fn survives_the_death_of(id: &str) {
    let (mut a, mut b) = Shell::pair();
    a.ok("cache open c");
    b.ok("cache open c");
    let (me, boss) = (b.text("self"), b.me());
    b.ok("group join g");
    b.ok(&format!("global register boss {me}"));
    b.ok("cache put c k 1");
    a.until("global whereis boss", &json!(boss));
    a.until("group members g", &json!([boss]));
    a.until("cache get c k", &json!(1));
    let before = pid(&mut b, id).unwrap_or_else(|| panic!("{id} is not in the tree"));
    b.ok(&format!("kill {before}"));
    b.until(&format!("info {before}"), &json!(null));

    assert_eq!(b.ok("group local g"), json!([me]));
    assert_eq!(b.ok("global whereis boss"), json!(me));
    assert_eq!(b.ok("cache get c k"), json!(1));
    let mut c = Shell::start("c@localhost");
    c.ok("cache open c");
    c.connect(&b);
    c.until("group members g", &json!([boss]));
    c.until("global whereis boss", &json!(boss));
    c.until("cache get c k", &json!(1));
    c.ok("group join g");
    let (own, deputy) = (c.text("self"), c.me());
    c.ok(&format!("global register deputy {own}"));
    c.ok("cache put c k2 2");
    b.until("group members g", &json!([me, deputy]));
    b.until("global whereis deputy", &json!(deputy));
    b.until("cache get c k2", &json!(2));
    b.ok("cache open another");
    a.ok(&format!("connect b@localhost {}", b.address));
    // The nodes that were connected with that node only meet through it.
    a.until("nodes", &json!(["b@localhost", "c@localhost"]));
    a.until("group members g", &json!([boss, deputy]));
    let counter = a.text("spawn counter 1 on b@localhost");
    assert_eq!(a.ok(&format!("call {counter} get")), 1);
}

#[test]
fn the_listener_comes_back() {
    survives_the_death_of("listener");
}

#[test]
fn the_sessions_supervisor_comes_back() {
    survives_the_death_of("sessions");
}

#[test]
fn a_session_is_made_again() {
    survives_the_death_of("session-");
}

#[test]
fn the_groups_server_comes_back() {
    survives_the_death_of("groups/default");
}

#[test]
fn the_names_server_comes_back() {
    survives_the_death_of("names/default");
}

#[test]
fn the_groups_of_the_caches_come_back() {
    survives_the_death_of("groups/starlings");
}

#[test]
fn the_caches_supervisor_comes_back() {
    survives_the_death_of("caches");
}

#[test]
fn a_cache_server_comes_back() {
    survives_the_death_of("c");
}

#[test]
fn the_inspector_comes_back() {
    survives_the_death_of("inspector");
}

#[test]
fn the_mesh_comes_back() {
    survives_the_death_of("mesh");
}

#[test]
fn the_transport_guard_comes_back() {
    survives_the_death_of("transport");
}

/// Waits until `holds`.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The child with this id of a supervisor with this name, if both run.
async fn child(node: &Node, supervisor: &str, id: &str) -> Option<AnyPid> {
    let supervisor = node.pid::<Supervisor>(&node.whereis(supervisor)?);
    let children = supervisor.which_children().await.ok()?;
    children.into_iter().find(|child| child.id == id)?.pid
}

/// Kills a service, and waits for the next one; `None` if its supervisor has ended.
async fn kill(node: &Node, supervisor: &str, id: &str) -> Option<AnyPid> {
    let before = child(node, supervisor, id).await?;
    node.kill(&before);
    let mut after = None;
    eventually("it is back, or will not be", async || {
        after = child(node, supervisor, id).await.filter(|after| *after != before);
        after.is_some() || node.whereis(supervisor).is_none()
    })
    .await;
    after
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_membership_comes_back() {
    let seed = gossip::start("seed@localhost", &[]).await;
    let seeds = [address(&seed).unwrap()];
    let a = gossip::start("a@localhost", &seeds).await;
    for node in [&seed, &a] {
        assert!(kill(node, "starlings.sessions", "membership").await.is_some());
    }
    // Without it nobody would hear of who joins, or could say where the others are.
    let b = gossip::start("b@localhost", &seeds).await;
    for (from, to) in [(&a, &b), (&b, &a)] {
        let echo = to.spawn::<Echo>("hello".to_owned()).await.unwrap();
        let text = format!("{:?}", echo.any());
        asks(&from.pid(&text.parse().unwrap()), Result::is_ok).await;
    }
}

async fn listening(name: &str) -> Node {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
    builder.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_services_end_for_good_shuts_down() {
    for is_killed in [true, false] {
        let (a, b) = (listening("a@localhost").await, listening("b@localhost").await);
        let addresses = [address(&a), address(&b)];
        let [to_a, to_b] = addresses.each_ref().map(Option::as_deref);
        a.connect(b.name(), to_b).await.unwrap();
        let echo = b.spawn::<Echo>("hello".to_owned()).await.unwrap();
        let there = a.pid::<Echo>(echo.any());
        assert!(there.echo().await.is_ok());
        let (heard, ended) = (a.monitor(&there), b.monitor(&echo));
        if is_killed {
            b.kill(b.system().unwrap());
        } else {
            while kill(&b, "starlings.node", "inspector").await.is_some() {}
        }
        assert_eq!(ended.await.reason, ExitReason::Shutdown);
        let reason = heard.await.reason;
        assert!([ExitReason::Shutdown, ExitReason::NoConnection].contains(&reason), "{reason}");
        eventually("its actors end", async || b.actors_count() == 0).await;
        eventually("its peer sees it go", async || a.nodes().is_empty()).await;
        assert_eq!(b.spawn::<Echo>(String::new()).await, Err(SpawnError::ShuttingDown));
        let again = a.connect(b.name(), to_b).await;
        assert!(again.is_err(), "nobody is let in: {again:?}");
        let out = b.connect(a.name(), to_a).await;
        assert!(matches!(out, Err(ConnectError::NoTransport)), "{out:?}");
    }
}
