//! Functions run in another process.

use std::process::Command;

use serde_json::json;
use tokio::time::Instant;

use crate::shell::Shell;

#[test]
fn a_function_runs_in_another_process() {
    let (mut a, mut b) = Shell::pair();
    assert_eq!(a.ok("run b@localhost 0"), "b@localhost");
    assert_eq!(a.ok("run a@localhost 0"), "a@localhost");
    assert_eq!(a.refused("run c@localhost 0"), "NoConnection");
    assert_eq!(a.refused("run b@localhost 60000 timeout 20"), "Timeout");
    assert_eq!(b.ok("run a@localhost 1"), "a@localhost");
    // Its node goes while it runs.
    a.send("run b@localhost 60000 timeout 60000");
    b.kill();
    assert_eq!(a.answer().unwrap_err()["kind"], "NoConnection");
}

/// Goal: the deadline of a run is kept by the asker. Method: the other process is stopped by its
/// system, as one that swaps or is being debugged, and goes on later.
#[test]
fn a_timeout_comes_on_time_from_a_process_that_stands_still() {
    let (mut a, b) = Shell::pair();
    signal(&b, "STOP");
    let start = Instant::now();
    assert_eq!(a.refused("run b@localhost 0 timeout 500"), "Timeout");
    let took = start.elapsed().as_millis();
    assert!((500..2000).contains(&took), "{took} ms");
    signal(&b, "CONT");
    assert_eq!(a.ok("run b@localhost 1"), "b@localhost", "not the late answer of the first");
    assert_eq!(a.ok("flush"), json!([]));
}

fn signal(shell: &Shell, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(shell.process()).status();
    assert!(sent.unwrap().success());
}
