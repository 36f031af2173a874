//! Caches across processes.

use serde_json::json;

use crate::shell::Shell;

#[test]
fn writes_come_everywhere_and_watches_tell_of_them() {
    let (mut a, mut b) = Shell::pair();
    a.ok("cache open c");
    a.ok("cache put c early 1");
    b.ok("cache open c");
    b.until("cache get c early", &json!(1));
    assert_eq!(b.ok("cache watch c ea"), json!({"early": 1}));
    a.ok("cache put c early [2, {\"x\": null}]");
    a.ok("cache put c other true");
    a.ok("cache del c early");
    let changes = b.events(|events| events.iter().any(|event| event["value"].is_null()));
    let change =
        |value| json!({"type": "CacheChanged", "cache": "c", "key": "early", "value": value});
    assert_eq!(changes.last(), Some(&change(json!(null))));
    assert!(changes.iter().all(|event| event["key"] == "early"), "{changes:?}");
    b.until("cache keys c", &json!(["other"]));
    assert_eq!(b.ok("cache size c"), 1);
    assert_eq!(b.ok("cache get c early"), json!(null));
    assert_eq!(b.ok("cache del c early"), false);
    a.ok("cache put c short 1 ttl 50");
    for shell in [&mut a, &mut b] {
        shell.until("cache keys c", &json!(["other"]));
    }
    assert_eq!(a.refused("cache put c k 1 consistency All"), "NotAvailable");
}

/// Goal: replicas that were written to apart hold everything when they meet.
#[test]
fn replicas_that_meet_late_hold_everything() {
    let (mut a, mut b) = (Shell::start("a@localhost"), Shell::start("b@localhost"));
    for (shell, name) in [(&mut a, "a"), (&mut b, "b")] {
        shell.ok("cache open c");
        for key in 0..50 {
            shell.ok(&format!("cache put c {name}{key} {key}"));
        }
    }
    a.connect(&b);
    for shell in [&mut a, &mut b] {
        shell.until("cache size c", &json!(100));
        assert_eq!(shell.ok("cache get c b49"), 49);
    }
}
