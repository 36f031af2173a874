//! What goes to the dead takes no memory.

use std::process::Command;

use starlings_runtime::Pid;

use crate::fixture::{Counter, CounterMethods as _, eventually};
use crate::puppet::both;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap()
}

/// Whether the test of this name passes in a process of its own, where no other uses memory.
fn passes_alone(name: &str) -> bool {
    let binary = std::env::current_exe().unwrap();
    let run = Command::new(binary).args(["--exact", name]).env(ALONE, "1").output().unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{output}");
    output.contains("1 passed")
}

/// Set for a test that runs in a process of its own.
const ALONE: &str = "STARLINGS_TEST_ALONE";

/// Set for ten times as many.
const MANY: &str = "STARLINGS_TEST_MANY";

/// process_SUITE: spawn_with_binaries: what goes to the dead leaves no memory
#[test]
fn casts_to_the_dead_leave_memory_flat() {
    if std::env::var_os(ALONE).is_none() {
        assert!(passes_alone("hard_input::memory::casts_to_the_dead_leave_memory_flat"));
        return;
    }
    let count = if std::env::var_os(MANY).is_some() { 10_000_000 } else { 1_000_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (places, count) in both().into_iter().zip([count, count / 10]) {
            let counter = places.b.spawn::<Counter>(0).await.unwrap();
            places.b.kill(&counter);
            eventually("it ends", async || places.b.actors_count() == 0).await;
            let dead: Pid<Counter> = places.a.pid(counter.any());
            let cast = || drop(dead.crash("x".repeat(100)));
            (0..count / 10).for_each(|_| cast());
            let before = resident_bytes();
            (0..count).for_each(|_| cast());
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < 4 << 20, "{grown} bytes for {count} casts");
            let undeliverable = places.b.counters().read().undeliverable;
            let remote = places.a.name() != places.b.name();
            assert_eq!(undeliverable, if remote { count / 10 + count } else { 0 });
        }
    });
}
