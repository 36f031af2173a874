//! The node's own services, killed one by one: what they keep is still there, and new nodes can
//! connect.

use serde_json::{Value, json};

use crate::shell::Shell;

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
    a.until("group members g", &json!([boss]));
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
fn the_transport_guard_comes_back() {
    survives_the_death_of("transport");
}
