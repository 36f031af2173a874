//! What goes to the dead takes no memory, and what misbehaves again and again no more than once.

use std::process::Command;

use std::time::Duration;

use starlings_runtime::{Node, Pid, SpawnError, SupervisorMethods as _, SupervisorSpec, spec};

use super::{Doomed, DoomedMethods as _};
use crate::fixture::{Counter, CounterMethods as _, eventually, node};
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

/// Set for as many to the dead of another node as of this one.
const MANY: &str = "STARLINGS_TEST_MANY";

/// process_SUITE: spawn_with_binaries: what goes to the dead leaves no memory
#[test]
fn casts_to_the_dead_leave_memory_flat() {
    if std::env::var_os(ALONE).is_none() {
        assert!(passes_alone("hard_input::memory::casts_to_the_dead_leave_memory_flat"));
        return;
    }
    let elsewhere = if std::env::var_os(MANY).is_some() { 10_000_000 } else { 1_000_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (places, count) in both().into_iter().zip([10_000_000, elsewhere]) {
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

/// A supervisor whose child fails until it gives up.
async fn give_up(node: &Node) {
    let spec = SupervisorSpec::one_for_one().child(spec::<Doomed>(()).id("doomed"));
    let supervisor = spec.start(node).await.unwrap();
    while let Ok(children) = supervisor.which_children().await {
        if let Some(child) = &children[0].pid {
            let _ = node.pid::<Doomed>(child).hear();
        }
    }
}

/// Goal: each does no more harm the thousandth time than the first.
#[test]
fn what_misbehaves_again_and_again_leaves_memory_flat() {
    if std::env::var_os(ALONE).is_none() {
        let name = "hard_input::memory::what_misbehaves_again_and_again_leaves_memory_flat";
        assert!(passes_alone(name));
        return;
    }
    // Four panics a round, each of which would be printed with where it was.
    std::panic::set_hook(Box::new(|_| {}));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(async {
        let node = node("a@h");
        let rounds = async |count: usize| {
            for _ in 0..count {
                give_up(&node).await;
                let hung = node.spawn::<Counter>(-3).timeout(Duration::from_millis(50)).await;
                assert_eq!(hung, Err(SpawnError::Timeout));
                let full = node.spawn::<Counter>(0).capacity(1).await.unwrap();
                let refused = (0..100).filter(|_| full.add(1).is_err()).count();
                assert!(refused > 90, "{refused}");
                node.kill(&full);
            }
            eventually("all of it ends", async || node.actors_count() == 0).await;
        };
        rounds(300).await;
        let before = resident_bytes();
        rounds(2000).await;
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes");
    });
}
