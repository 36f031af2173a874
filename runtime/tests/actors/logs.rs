//! What a node logs, and where tests read it.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{ExitReason, Pid};
use tracing::Level;

use crate::bridge::Bridge;
use crate::fixture::{Counter, eventually, node};

/// Where the subscriber writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Writes down what this thread logs, until the guard is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        self.listen_at(Level::TRACE)
    }

    /// As [`Log::listen`], for what is of this level or above.
    pub(crate) fn listen_at(&self, level: Level) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of the runtime that say this, without their time.
pub(crate) fn said(log: &Log, what: &str) -> Vec<String> {
    let text = log.text();
    let is_it = |line: &&str| line.contains(what) && line.contains("starlings_runtime::");
    let without_time = |line: &str| line.split_once(' ').unwrap().1.trim_start().to_owned();
    text.lines().filter(is_it).map(without_time).collect()
}

pub(crate) fn assert_one(log: &Log, level: &str, what: &str, fields: &str) {
    let lines = said(log, what);
    let [line] = &lines[..] else { panic!("{what}: {lines:#?}") };
    assert!(line.starts_with(level) && line.ends_with(&format!("{what} {fields}")), "{line}");
}

#[tokio::test]
async fn the_end_of_an_actor_is_logged_with_its_node_pid_type_and_reason() {
    let (a, b, log) = (node("a@h"), node("b@h"), Log::default());
    let _listening = log.listen();
    let ended: Pid<Counter> = a.spawn::<Counter>(1).await.unwrap();
    let _lives = b.spawn::<Counter>(1).await.unwrap();
    a.stop(&ended, ExitReason::error("enough"));
    a.monitor(&ended).await;
    // The end of who monitors here is logged too.
    let end = format!("actor ended node=a@h pid={ended}");
    eventually("it is logged", async || !said(&log, &end).is_empty()).await;
    assert_one(&log, "DEBUG", &end, "kind=\"test.counter\" reason=Error: enough");
}

#[tokio::test]
async fn nodes_that_come_and_go_are_logged_with_both_names_and_the_reason() {
    let (a, b, log) = (node("a@h"), node("b@h"), Log::default());
    let _listening = log.listen();
    let bridge = Bridge::between(&a, &b);
    bridge.cut();
    eventually("it is logged", async || said(&log, "node event").len() == 4).await;
    let lines = said(&log, "node event");
    for (at, peer) in [("a@h", "b@h"), ("b@h", "a@h")] {
        let of = format!("node event node={at} peer={peer} event=");
        let [up, down] = &lines.iter().filter(|line| line.contains(&of)).collect::<Vec<_>>()[..]
        else {
            panic!("{lines:#?}")
        };
        assert!(up.starts_with("INFO") && up.contains("event=Up {"), "{up}");
        assert!(down.starts_with("INFO") && down.contains("event=Down {"), "{down}");
        assert!(down.contains("reason: Closed"), "{down}");
    }
}
