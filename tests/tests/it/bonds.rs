//! Links, monitors, exits and spawns across processes.

use serde_json::json;

use crate::shell::Shell;

#[test]
fn a_monitor_tells_the_true_reason_once() {
    let (mut a, _b) = Shell::pair();
    for (end, reason) in [
        ("crash boom", json!({"kind": "Panic", "message": "boom"})),
        ("fail no luck", json!({"kind": "Error", "message": "no luck"})),
        ("stop", json!({"kind": "Normal"})),
    ] {
        let spawned = a.ok("spawn crasher on b@localhost monitor");
        let (pid, monitor) = (spawned["pid"].as_str().unwrap(), &spawned["monitor"]);
        let second = a.text(&format!("monitor {pid}"));
        a.ok(&format!("cast {pid} {end}"));
        let downs = a.events(|events| events.len() >= 2);
        let down = |monitor| json!({"type": "Down", "ref": monitor, "pid": pid, "reason": reason});
        assert_eq!(downs, [down(monitor.clone()), down(json!(second))]);
        let late = a.text(&format!("monitor {pid}"));
        let down = a.event("Down");
        assert_eq!((&down["ref"], &down["reason"]["kind"]), (&json!(late), &json!("NoProc")));
    }
    assert_eq!(a.ok("flush"), json!([]));
}

#[test]
fn links_hold_across_processes() {
    let (mut a, mut b) = Shell::pair();
    let crasher = a.text("spawn crasher on b@localhost link");
    let error = a.ask(&format!("call {crasher} crash boom")).unwrap_err();
    assert_eq!(error["kind"], "Down");
    let reason = json!({"kind": "Panic", "message": "boom"});
    assert_eq!(a.event("Exit"), json!({"type": "Exit", "pid": crasher, "reason": reason}));

    // A link that was ended is silent; one that was made by hand is not.
    let silent = a.text("spawn crasher on b@localhost link");
    a.ok(&format!("unlink {silent}"));
    a.ok(&format!("kill {silent}"));
    b.until(&format!("info {silent}"), &json!(null));
    let loud = a.text("spawn counter 1 on b@localhost");
    a.ok(&format!("link {loud}"));
    a.ok(&format!("link {loud}"));
    a.ok(&format!("kill {loud}"));
    let exits = a.events(|events| !events.is_empty());
    assert_eq!(exits, [json!({"type": "Exit", "pid": loud, "reason": {"kind": "Killed"}})]);

    // An exit by hand ends who does not trap exits, and is told to who does.
    let counter = b.ok("spawn counter 1 monitor");
    let counter = counter["pid"].as_str().unwrap();
    let counter = counter.replace("<0.", "<b@localhost.");
    a.ok(&format!("exit {counter} Normal"));
    assert_eq!(a.ok(&format!("call {counter} get")), 1);
    a.ok(&format!("exit {counter} out of here"));
    let down = b.event("Down");
    assert_eq!(down["reason"], json!({"kind": "Error", "message": "out of here"}));
    let other = b.text("self").replace("<0.", "<b@localhost.");
    let me = a.text("self").replace("<0.", "<a@localhost.");
    a.ok(&format!("exit {other} Shutdown"));
    let exit = json!({"type": "Exit", "pid": me, "reason": {"kind": "Shutdown"}});
    assert_eq!(b.event("Exit"), exit);
}

#[test]
fn a_demonitor_takes_its_down_back() {
    let (mut a, _b) = Shell::pair();
    let counter = a.text("spawn counter 1 on b@localhost");
    let (first, second) =
        (a.text(&format!("monitor {counter}")), a.text(&format!("monitor {counter}")));
    assert_eq!(a.ok(&format!("demonitor {first}")), true);
    assert_eq!(a.ok(&format!("demonitor {first}")), false);
    a.ok(&format!("kill {counter}"));
    let downs = a.events(|events| !events.is_empty());
    assert_eq!(downs.len(), 1);
    assert_eq!(downs[0]["ref"], second);
}

#[test]
fn a_call_times_out_and_its_late_reply_is_never_seen() {
    let (mut a, _b) = Shell::pair();
    let sleeper = a.text("spawn sleeper on b@localhost");
    assert_eq!(a.refused(&format!("call {sleeper} sleep 300 timeout 20")), "Timeout");
    assert_eq!(a.ok(&format!("call {sleeper} sleep 1")), true);
    assert_eq!(a.ok("flush"), json!([]));
}

#[test]
fn a_supervisor_restarts_its_counters_and_ends_with_its_owner() {
    let (mut a, mut b) = Shell::pair();
    let fanout = a.text("spawn fanout 3 on b@localhost");
    let before = a.ok(&format!("call {fanout} which"));
    let pids: Vec<_> = before.as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    a.ok(&format!("call {} add 5", pids[1]));
    a.ok(&format!("monitor {}", pids[1]));
    a.ok(&format!("kill {}", pids[1]));
    a.event("Down");
    let survivor = |shell: &mut Shell| shell.ok(&format!("call {fanout} which"));
    let mut after = survivor(&mut a);
    while after.as_array().unwrap().len() < 3 {
        after = survivor(&mut a);
    }
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_ne!(after[1], before[1]);
    assert_eq!(a.ok(&format!("call {} get", after[1].as_str().unwrap())), 0);
    a.ok(&format!("kill {fanout}"));
    for pid in after.as_array().unwrap() {
        b.until(&format!("info {}", pid.as_str().unwrap()), &json!(null));
    }
}
