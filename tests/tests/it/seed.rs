//! The session that every newcomer types, and the other ways to talk to a shell.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::binary::starlings;
use crate::shell::{COOKIE, Shell};

#[test]
fn the_seed_session_works_as_typed() {
    let (mut one, mut two) = (Shell::start("node1@localhost"), Shell::start("node2@localhost"));
    one.connect(&two);
    let counter = one.text("spawn counter 40 on node2@localhost");
    assert!(counter.starts_with("<node2@localhost."), "{counter}");
    assert_eq!(one.ok(&format!("call {counter} get")), 40);
    assert_eq!(one.ok("group join service_foo"), true);
    let member = one.text("self").replace("<0.", "<node1@localhost.");
    two.until("group members service_foo", &json!([member]));

    // The pid works at home in both of its forms, and the member can be sent to.
    let serial = counter.trim_start_matches("<node2@localhost.");
    assert_eq!(two.ok(&format!("cast <0.{serial} add 2")), true);
    two.until(&format!("call {counter} get"), &json!(42));
    assert_eq!(two.ok("group send service_foo hello to all"), true);
    // One after the other: a send to a group is not ordered with one to a member.
    let text = |text| json!({"type": "Message", "text": text});
    assert_eq!(one.event("Message"), text("hello to all"));
    assert_eq!(two.ok(&format!("send {member} \"and to one\"")), true);
    assert_eq!(one.event("Message"), text("and to one"));
    one.quit();
    two.quit();
}

/// Goal: what a user sees without `--json`, and that commands given on the command line run first.
#[test]
fn people_read_plain_lines() {
    let mut command = Command::new(starlings());
    let commands = "self; spawn counter 7; whereis nobody; cache open c; dance; quit";
    command.args(["shell", "--name", "plain@localhost", "--eval", commands]);
    let ended = command.env("STARLINGS_COOKIE", COOKIE).stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].starts_with("starlings node plain@localhost, incarnation "), "{printed}");
    assert!(lines[0].contains("listening on 127.0.0.1:"), "{printed}");
    assert!(lines[1].starts_with("<0.") && lines[2].starts_with("<0."), "{printed}");
    assert_eq!(lines[3..5], ["null", "true"], "{printed}");
    assert!(lines[5].starts_with("error BadCommand: "), "{printed}");
    assert_eq!(lines[6], "true");
    assert!(ended.status.success());
}

#[test]
fn options_that_are_wrong_end_with_2_and_say_why() {
    for (args, why) in [
        (&["shell"][..], "--name"),
        (&["shell", "--name", "a@localhost", "--loud"], "--loud"),
        (&["sing"], "sing"),
    ] {
        let ended = Command::new(starlings()).args(args).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(why), "{args:?}");
    }
    let nameless = ["shell", "--name", "no-host"];
    let mut command = Command::new(starlings());
    let ended = command.args(nameless).env("STARLINGS_COOKIE", COOKIE).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("name@host"));
}

/// Goal: every command of the table that needs no other node answers as the table says.
#[test]
fn one_node_alone_answers_all_commands() {
    let mut shell = Shell::start("alone@localhost");
    let me = shell.text("self");
    assert_eq!(shell.ok("nodes"), json!([]));
    assert_eq!(shell.ok("nodes all"), json!([]));
    let types = json!(["burner", "counter", "crasher", "fanout", "relay", "sleeper"]);
    assert_eq!(shell.ok("types"), types);
    assert_eq!(shell.ok("whereis nobody"), json!(null));
    let relay = shell.text("spawn relay name keeper");
    assert_eq!(shell.ok("whereis keeper"), relay);
    assert_eq!(shell.ok("names")["keeper"], relay);
    shell.ok(&format!("send {relay} a text"));
    assert_eq!(shell.ok(&format!("call {relay} take")), json!(["a text"]));
    assert_eq!(shell.ok("unregister keeper"), true);
    assert_eq!(shell.ok("unregister keeper"), false);
    assert_eq!(shell.ok(&format!("register keeper {relay}")), true);
    let info = shell.ok(&format!("info {relay}"));
    assert_eq!((&info["type"], &info["names"]), (&json!("relay"), &json!(["keeper"])));
    assert_eq!(shell.ok("info <0.99999>"), json!(null));
    assert_eq!(shell.ok("global whereis boss"), json!(null));
    shell.ok(&format!("global register boss {me}"));
    assert_eq!(shell.ok("global names"), json!({"boss": me}));
    shell.ok("global unregister boss");
    assert_eq!(shell.ok("group monitor g"), json!([]));
    shell.ok("group join g");
    assert_eq!(shell.ok("group local g"), json!([me]));
    assert_eq!(shell.ok("group list"), json!(["g"]));
    shell.ok("group leave g");
    assert_eq!(shell.ok("group members g"), json!([]));
    let event = |kind| json!({"type": kind, "group": "g", "pids": [me]});
    let events = shell.events(|events| events.len() == 2);
    assert_eq!(events, [event("Joined"), event("Left")]);
    assert_eq!(shell.ok("stats")["node"], "alone@localhost");
    assert!(shell.ok("help").as_str().unwrap().contains("global whereis NAME"));
    assert!(shell.ok("help group").as_str().unwrap().contains("group members GROUP"));
    let timed_out = shell.ask("await 30 nodes == [\"x@y\"]").unwrap_err();
    assert_eq!((&timed_out["kind"], &timed_out["last"]), (&json!("Timeout"), &json!([])));
    assert_eq!(shell.ok("quit"), true);
    shell.quit();
}
