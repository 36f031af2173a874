//! Two nodes that send to each other, epoch by epoch, and all that they sent.

use std::time::Duration;

use starlings_tests::faults::oracle::{self, Sending};
use starlings_tests::faults::{Driven, Waited};

use super::process::{Asked, Process};
use super::quiet::until_driven;
use super::relay::Relay;

/// How long what has ended may take to stand in the logs.
const SETTLES: Duration = Duration::from_secs(10);

/// Two nodes, and a relay through which the one dials the other.
pub(crate) struct Pair {
    pub(crate) a: Process,
    pub(crate) b: Process,
    pub(crate) relay: Relay,
    pub(crate) epochs: Epochs,
}

/// What was sent between two lives of nodes.
#[derive(Default)]
pub(crate) struct Epochs {
    pub(crate) count: u32,
    pub(crate) from_a: Vec<Driven>,
    pub(crate) from_b: Vec<Driven>,
}

impl Pair {
    /// Two nodes with this heartbeat, in ms, and a relay with this seed.
    pub(crate) fn over_relay(heartbeat_ms: u64, seed: u64) -> Self {
        let (a, b) = (
            Process::start("a@localhost", heartbeat_ms),
            Process::start("b@localhost", heartbeat_ms),
        );
        let relay = Relay::to(&b.started.address, seed);
        Self { a, b, relay, epochs: Epochs::default() }
    }

    /// Connects unless a session is up, and has each send so many messages in each stream to the other.
    /// Both have ended, whole or by the loss of the session, when this returns.
    pub(crate) fn drive_both(&mut self, messages: u64) {
        self.a.meet(&mut self.b, &self.relay.address);
        self.epochs.drive_both((&mut self.a, &mut self.b), messages);
    }

    /// As [`Pair::drive_both`], after the end of a session that may be there, and nothing may fail.
    pub(crate) fn connect_and_drive_both(&mut self, messages: u64) {
        self.drive_both(messages);
        let downs = [self.a.log(), self.b.log()].map(|log| log.watcher.nodes_down);
        for driven in [&self.epochs.from_a, &self.epochs.from_b] {
            let last = driven.last().unwrap();
            let is_whole = last.streams.iter().all(|sent| sent.failed.is_none());
            assert!(is_whole, "{last:?}, after {downs:?}");
        }
    }

    /// How many messages were accepted for sending.
    pub(crate) fn sent(&self) -> u64 {
        let driven = self.epochs.from_a.iter().chain(&self.epochs.from_b);
        driven.flat_map(|driven| &driven.streams).map(|sent| sent.accepted).sum()
    }

    /// Ends the session and judges all; how many messages have come.
    pub(crate) fn judge(mut self) -> u64 {
        self.a.disconnect("b@localhost");
        self.epochs.judge((&mut self.a, &mut self.b))
    }
}

impl Epochs {
    /// Begins an epoch: each sends to the other.
    pub(crate) fn begin(&mut self, a: &mut Process, b: &mut Process, messages: u64) -> [Asked; 2] {
        self.count += 1;
        let (to_a, to_b) = (a.started.clone(), b.started.clone());
        [a.drive(self.count, &to_b, messages), b.drive(self.count, &to_a, messages)]
    }

    /// Waits until an epoch has ended on both sides. What is broken by then stays so.
    pub(crate) fn end(&mut self, a: &mut Process, b: &mut Process, [from_a, from_b]: &[Asked; 2]) {
        let [from_a, from_b] = until_driven([&mut *a, &mut *b], [from_a, from_b]);
        for (node, driven) in [(a, &from_a), (b, &from_b)] {
            let (broken, seen) = (oracle::broken(driven), oracle::violations(&node.log()));
            let (name, epoch) = (&node.name, self.count);
            assert!(broken.is_empty() && seen.is_empty(), "{name}, {epoch}: {broken:#?} {seen:#?}");
        }
        self.from_a.push(from_a);
        self.from_b.push(from_b);
    }

    pub(crate) fn drive_both(&mut self, (a, b): (&mut Process, &mut Process), messages: u64) {
        let asked = self.begin(a, b, messages);
        self.end(a, b, &asked);
    }

    /// Judges what was sent both ways, when no session is left; how many messages have come.
    pub(crate) fn judge(&self, (a, b): (&mut Process, &mut Process)) -> u64 {
        let mut came = 0;
        settled(|| {
            let (of_a, of_b) = (a.log_at_end(), b.log_at_end());
            came = oracle::came(&of_a) + oracle::came(&of_b);
            let to_a = Sending { driven: &self.from_b, received: &of_a, sender: Some(&of_b) };
            let to_b = Sending { driven: &self.from_a, received: &of_b, sender: Some(&of_a) };
            [oracle::complaints(to_a), oracle::complaints(to_b)].concat()
        });
        came
    }
}

/// Judges until there is nothing to complain of: what is missing may be on its way to the logs.
pub(crate) fn settled(mut judge: impl FnMut() -> Vec<String>) {
    let mut waited = Waited::start();
    loop {
        let complaints = judge();
        if complaints.is_empty() {
            return;
        }
        assert!(!waited.is_over(SETTLES), "{complaints:#?}");
    }
}
