//! What users and strangers do wrong: a typed error for the one, nothing at all for the others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::shell::{COOKIE, DEADLINE, Shell};

#[test]
fn commands_that_are_wrong_are_refused_by_kind() {
    let mut shell = Shell::start("a@localhost");
    let counter = shell.text("spawn counter 1 name taken");
    for (command, kind) in [
        ("dance", "BadCommand"),
        ("group dance", "BadCommand"),
        ("self too much", "BadCommand"),
        ("connect", "BadCommand"),
        ("cache put c k {oops", "BadCommand"),
        ("sleep long", "BadCommand"),
        ("await 5 nodes", "BadCommand"),
        ("await 5 await 5 nodes == []", "BadCommand"),
        ("connect nohost", "NodeIdError"),
        ("connect nobody@localhost", "NoAddress"),
        ("connect a@localhost 127.0.0.1:1", "SelfConnect"),
        ("connect nobody@localhost 127.0.0.1:1", "Unreachable"),
        ("connect nobody@localhost nonsense", "BadAddress"),
        ("disconnect nobody@localhost", "NoConnection"),
        ("send pid text", "NotAPid"),
        ("send <b@localhost.7> text", "NoConnection"),
        ("send <0.99999> text", "NoProc"),
        ("call <0.99999> get", "NoProc"),
        ("spawn teapot", "NotSpawnable"),
        ("spawn counter", "BadArguments"),
        ("spawn counter many", "BadArguments"),
        ("spawn relay 1", "BadArguments"),
        ("spawn counter 1 name taken", "NameTaken"),
        ("spawn counter 1 on b@localhost", "NoConnection"),
        ("register taken <0.1>", "Taken"),
        ("register gone <0.99999>", "NoProc"),
        ("group leave g", "NotJoined"),
        ("group join \"\"", "Empty"),
        ("global unregister nobody", "NotRegistered"),
        ("global register strongly <0.1> strong", "NotAvailable"),
        ("lock key", "NotAvailable"),
        ("cache get closed k", "NotOpen"),
        ("cache open \"\"", "BadName"),
        ("stats b@localhost", "NoConnection"),
    ] {
        assert_eq!(shell.refused(command), kind, "{command}");
    }
    assert_eq!(shell.refused(&format!("call {counter} fly")), "UnknownMethod");
    assert_eq!(shell.refused(&format!("call {counter} add much")), "BadArguments");
    let service = shell.text("whereis starlings.inspector");
    assert_eq!(shell.refused(&format!("call {service} tree")), "UnknownType");
    let listed = shell.ask("spawn teapot").unwrap_err();
    assert!(listed["message"].as_str().unwrap().contains("counter"), "{listed}");
    assert_eq!(shell.ok(&format!("call {counter} get")), 1);
}

#[test]
fn a_wrong_cookie_is_refused_and_hurts_nobody() {
    let (mut a, mut b) = Shell::pair();
    let mut wrong = Shell::start_with("w@localhost", &[], "another cookie");
    let connect = format!("connect {} {}", a.name, a.address);
    assert_eq!(wrong.refused(&connect), "HandshakeFailed");
    let connect = format!("connect {} {}", wrong.name, wrong.address);
    assert_eq!(a.refused(&connect), "HandshakeFailed");
    assert_eq!(a.ok("nodes"), json!(["b@localhost"]));
    assert_eq!(wrong.ok("nodes all"), json!([]));
    b.until("nodes", &json!(["a@localhost"]));
    let mut c = Shell::start("c@localhost");
    c.connect(&a);
}

/// Goal: whatever a stranger writes to the listening port costs it its connection, and no more.
#[test]
fn strangers_on_the_port_hurt_nobody() {
    let (mut a, mut b) = Shell::pair();
    let counter = a.text("spawn counter 1 on b@localhost");
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for length in [0, 1, 5, 100, 10_000, 1 << 20] {
        let mut bytes = vec![0; length];
        for byte in &mut bytes {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (noise >> 56) as u8;
        }
        for bytes in [bytes, vec![0xff; length], vec![0; length], b"GET / HTTP/1.1\r\n\r\n".into()]
        {
            let mut stranger = TcpStream::connect(&b.address).unwrap();
            // It may be closed on us at any point.
            let _ = stranger.write_all(&bytes);
            let _ = stranger.shutdown(std::net::Shutdown::Write);
            stranger.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut said = Vec::new();
            let ended = stranger.read_to_end(&mut said);
            let timed_out = ended.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
            assert!(!timed_out, "the connection of a stranger is closed");
            assert!(said.len() < 4096 && !String::from_utf8_lossy(&said).contains(COOKIE));
        }
    }
    assert_eq!(a.ok(&format!("call {counter} add 1")), 2);
    assert_eq!(b.ok("nodes"), json!(["a@localhost"]));
    let mut c = Shell::start("c@localhost");
    c.connect(&b);
}

/// Goal: a shell whose own actor is killed goes on with another one, and says so.
#[test]
fn a_shell_survives_the_death_of_its_own_actor() {
    let mut shell = Shell::start("a@localhost");
    let first = shell.text("self");
    shell.ok(&format!("kill {first}"));
    shell.until(&format!("info {first}"), &json!(null));
    let second = shell.text("self");
    assert_ne!(first, second);
    let exit = json!({"type": "Exit", "pid": first, "reason": {"kind": "Killed"}});
    assert_eq!(shell.ok("flush"), json!([exit]));
}
