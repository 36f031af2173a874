//! Nodes that come, go, return, and meet.

use serde_json::json;

use crate::shell::Shell;

/// Three nodes, each connected with each.
fn three() -> (Shell, Shell, Shell) {
    let (mut a, mut b) = Shell::pair();
    let c = Shell::start("c@localhost");
    a.connect(&c);
    b.connect(&c);
    (a, b, c)
}

/// Goal: actors that block every thread of their node for longer than a peer may be silent do not make
/// the node look dead.
/// Method: more burners than threads, for 7 s; the silent period is 5 s.
#[test]
fn a_node_whose_threads_are_all_blocked_stays_connected() {
    let (mut a, _b) = Shell::pair();
    a.ok("monitor-nodes");
    let threads = std::thread::available_parallelism().map_or(8, usize::from);
    let burners: Vec<_> = (0..=threads).map(|_| a.text("spawn burner on b@localhost")).collect();
    for burner in &burners {
        a.ok(&format!("cast {burner} burn 7000"));
    }
    for burner in &burners {
        assert_eq!(a.ok(&format!("call {burner} burn 0 timeout 60000")), true);
    }
    assert_eq!(a.ok("nodes"), json!(["b@localhost"]));
    let downs = a.ok("flush");
    let downs = downs.as_array().unwrap().iter().filter(|event| event["type"] == "NodeDown");
    assert_eq!(downs.count(), 0);
}

/// Goal: after a `kill -9` of a node the others know it, and nothing of it is left in groups and
/// names, while its cache entries, which are everyone's, are.
#[test]
fn a_node_that_is_killed_leaves_nothing_but_its_cache_entries() {
    let (mut a, mut b, mut c) = three();
    for shell in [&mut a, &mut b, &mut c] {
        shell.ok("cache open shared");
        shell.ok("group join workers");
    }
    let (own, boss) = (c.text("self"), c.me());
    let (a_there, b_there) = (a.me(), b.me());
    let (a_here, b_here) = (a.text("self"), b.text("self"));
    c.ok(&format!("global register boss {own}"));
    c.ok("cache put shared from-c {\"text\": \"still here\"}");
    let lost = a.text("spawn counter 1 on c@localhost link");
    a.ok(&format!("monitor {lost}"));
    for shell in [&mut a, &mut b] {
        shell.until("global whereis boss", &json!(boss));
        shell.until("cache get shared from-c", &json!({"text": "still here"}));
        shell.ok("monitor-nodes");
    }
    let members = json!([a_here, b_there, boss]);
    a.until("group members workers", &members);
    c.kill();

    let events = a.events(|events| events.iter().filter(|e| e["type"] != "NodeUp").count() == 3);
    let of = |kind: &str| events.iter().filter(|e| e["type"] == kind).collect::<Vec<_>>();
    let (downs, exits, nodes) = (of("Down"), of("Exit"), of("NodeDown"));
    assert_eq!((&downs[0]["pid"], &exits[0]["pid"]), (&json!(lost), &json!(lost)));
    assert_eq!(downs[0]["reason"]["kind"], "NoConnection");
    assert_eq!(exits[0]["reason"]["kind"], "NoConnection");
    assert_eq!(nodes[0]["node"], "c@localhost");
    assert_eq!(nodes[0]["reason"]["kind"], "Closed");
    assert_eq!(b.event("NodeDown")["node"], "c@localhost");
    for (shell, members) in [(&mut a, json!([a_here, b_there])), (&mut b, json!([a_there, b_here]))]
    {
        shell.until("group members workers", &members);
        shell.until("global whereis boss", &json!(null));
        assert_eq!(shell.ok("cache get shared from-c"), json!({"text": "still here"}));
    }
    assert_eq!(a.ok("nodes"), json!(["b@localhost"]));
    assert_eq!(a.refused(&format!("call {lost} get")), "NoConnection");
    b.ok(&format!("global register boss {b_here}"));
    a.until("global whereis boss", &json!(b_there));
}

/// Goal: a node that shuts down in order is told from one that is lost.
#[test]
fn a_node_that_shuts_down_says_so() {
    let (mut a, b) = Shell::pair();
    // In one step: a monitor sent afterwards could come when the counter has ended already.
    a.ok("spawn counter 1 on b@localhost monitor");
    a.ok("monitor-nodes");
    b.quit();
    let events = a.events(|events| events.iter().any(|e| e["type"] == "NodeDown"));
    let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["NodeUp", "Down", "NodeDown"]);
    let reasons = [&events[1]["reason"]["kind"], &events[2]["reason"]["kind"]];
    assert_eq!(reasons, ["Shutdown", "Shutdown"]);
}

/// Goal: a pid of a life that is over never reaches an actor of the next one, though that has an
/// actor with the same number.
#[test]
fn pids_of_an_earlier_life_lead_nowhere() {
    let (mut a, b) = Shell::pair();
    let address = b.address.clone();
    // Not the first one, so that its number is still to come in the next life.
    let mut spawn = || a.text("spawn counter 40 on b@localhost");
    let old = (0..9).map(|_| spawn()).last().unwrap();
    a.ok("monitor-nodes");
    b.kill();
    a.event("NodeDown");
    let mut b = Shell::start_with("b@localhost", &["--listen", &address], crate::shell::COOKIE);
    a.connect(&b);
    assert_eq!(a.event("NodeUp")["node"], "b@localhost");
    let mut spawn = || b.text("spawn counter 7").replace("<0.", "<b@localhost.");
    let new = (0..20).map(|_| spawn()).find(|new| *new == old);
    let new = new.expect("the number comes again");
    assert_eq!(a.refused(&format!("call {old} get")), "NoProc");
    assert_eq!(a.ok(&format!("monitor {old}")).as_str().unwrap().chars().next(), Some('#'));
    assert_eq!(a.event("Down")["reason"]["kind"], "NoProc");
    // Once the shell has printed the new one, that is who is meant.
    b.ok(&format!("group join g {new}"));
    a.until("group members g", &json!([new]));
    assert_eq!(a.ok(&format!("call {new} get")), 7);
}

/// Goal: two nodes that dial each other at the same moment end with one session.
#[test]
fn dials_that_cross_make_one_session() {
    for _ in 0..5 {
        let (mut a, mut b) = (Shell::start("a@localhost"), Shell::start("b@localhost"));
        a.ok("monitor-nodes");
        b.ok("monitor-nodes");
        let (to_a, to_b) = (a.address.clone(), b.address.clone());
        a.send(&format!("connect b@localhost {to_b}"));
        b.send(&format!("connect a@localhost {to_a}"));
        assert_eq!((a.answer(), b.answer()), (Ok(json!(true)), Ok(json!(true))));
        let pid = a.text("spawn counter 1 on b@localhost");
        assert_eq!(a.ok(&format!("call {pid} get")), 1);
        for (shell, other) in [(&mut a, "b@localhost"), (&mut b, "a@localhost")] {
            assert_eq!(shell.ok("nodes"), json!([other]));
            let events = shell.ok("flush");
            let events = events.as_array().unwrap();
            let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
            assert_eq!(kinds, ["NodeUp"], "{events:?}");
        }
    }
}

#[test]
fn hidden_nodes_are_in_nobodys_nodes() {
    let mut a = Shell::start("a@localhost");
    let mut hidden = Shell::start_with("h@localhost", &["--hidden"], crate::shell::COOKIE);
    hidden.connect(&a);
    a.until("nodes hidden", &json!(["h@localhost"]));
    assert_eq!(a.ok("nodes"), json!([]));
    assert_eq!(a.ok("nodes all"), json!(["h@localhost"]));
    assert_eq!(hidden.ok("nodes"), json!([]));
    let counter = hidden.text("spawn counter 3 on a@localhost");
    assert_eq!(hidden.ok(&format!("call {counter} get")), 3);
}

/// Goal: what a hidden node has of names, groups and caches is its own, and it sees nothing of the others',
/// whether that was there before they met or came later; a session it has all the same.
/// Method: a third node that is not hidden sees all of the first one's, so that there was time for it.
#[test]
fn hidden_nodes_take_no_part_in_names_groups_and_caches() {
    let mut a = Shell::start("a@localhost");
    let mut c = Shell::start("c@localhost");
    let mut hidden = Shell::start_with("h@localhost", &["--hidden"], crate::shell::COOKIE);
    for shell in [&mut a, &mut c, &mut hidden] {
        shell.ok("cache open cache");
    }
    let puts = |shell: &mut Shell, when: &str| {
        let (me, name) = (shell.text("self"), shell.name[..1].to_owned());
        shell.ok(&format!("group join {when}"));
        shell.ok(&format!("global register {name}.{when} {me}"));
        shell.ok(&format!("cache put cache {name}.{when} 1"));
    };
    puts(&mut a, "before");
    puts(&mut hidden, "before");
    hidden.connect(&a);
    hidden.connect(&c);
    c.connect(&a);
    puts(&mut a, "after");
    puts(&mut hidden, "after");
    let at_a = a.me();
    for when in ["before", "after"] {
        c.until(&format!("group members {when}"), &json!([at_a]));
        c.until(&format!("global whereis a.{when}"), &json!(at_a));
        c.until(&format!("cache get cache a.{when}"), &json!(1));
    }
    for shell in [&mut a, &mut c] {
        // All that was sent before is there when this is answered.
        let counter = hidden.text(&format!("spawn counter 1 on {}", shell.name));
        assert_eq!(hidden.ok(&format!("call {counter} get")), 1);
        let counter = shell.text("spawn counter 2 on h@localhost");
        assert_eq!(shell.ok(&format!("call {counter} get")), 2);
        assert_eq!(shell.ok("cache size cache"), 2);
    }
    assert_eq!(hidden.ok("cache size cache"), 2);
    for when in ["before", "after"] {
        for shell in [&mut a, &mut c] {
            let members = shell.ok(&format!("group members {when}"));
            let own = if shell.name == "a@localhost" { shell.text("self") } else { at_a.clone() };
            assert_eq!(members, json!([own]), "{} of {when}", shell.name);
            assert_eq!(shell.ok(&format!("global whereis h.{when}")), json!(null));
            assert_eq!(shell.ok(&format!("cache get cache h.{when}")), json!(null));
        }
        let own = hidden.text("self");
        assert_eq!(hidden.ok(&format!("group members {when}")), json!([own]));
        assert_eq!(hidden.ok(&format!("global whereis a.{when}")), json!(null));
        assert_eq!(hidden.ok(&format!("cache get cache a.{when}")), json!(null));
    }
}

#[test]
fn disconnected_nodes_meet_again() {
    let (mut a, mut b) = Shell::pair();
    a.ok("monitor-nodes");
    b.ok("group join g");
    let member = b.me();
    a.until("group members g", &json!([member]));
    assert_eq!(a.ok("disconnect b@localhost"), true);
    let down = a.event("NodeDown");
    assert_eq!(down["reason"]["kind"], "Disconnected");
    a.until("group members g", &json!([]));
    assert_eq!(a.refused("disconnect b@localhost"), "NoConnection");
    a.ok("connect b@localhost");
    a.until("group members g", &json!([member]));
    b.until("nodes", &json!(["a@localhost"]));
}
