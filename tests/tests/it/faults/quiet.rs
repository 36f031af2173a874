//! Waits that go on as long as anything moves: what is open when all is quiet stays so.

use std::time::Duration;

use starlings_tests::faults::{Driven, Waited};

use super::process::{Asked, Process};

/// When nothing has moved for this long, nothing will. Longer than the silent period, and than a spawn or a
/// call without a timeout of its own waits.
const QUIET_AFTER: Duration = Duration::from_secs(10);

/// How often it is looked whether anything moves.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// What has moved on some nodes, as it was looked at again and again.
struct Quiet {
    moves: Vec<u64>,
    waited: Waited,
}

impl Quiet {
    /// From now on.
    fn start() -> Self {
        Self { moves: Vec::new(), waited: Waited::start() }
    }

    /// Looks at these nodes, the same ones each time. Panics with what is open on them once nothing moves.
    fn look(&mut self, nodes: &mut [&mut Process]) {
        let (mut moves, mut open) = (Vec::new(), Vec::new());
        for node in nodes {
            let (count, what) = node.moves();
            moves.push(count);
            open.push((node.name.clone(), what));
        }
        if self.moves != moves {
            *self = Self { moves, waited: Waited::start() };
        }
        let is_quiet = self.waited.is_over(QUIET_AFTER);
        assert!(!is_quiet, "all is quiet, and this is open: {open:#?}");
    }
}

/// Waits until all of these nodes have sent what they were to, as long as anything moves on one of them.
pub(crate) fn until_driven<const N: usize>(
    mut nodes: [&mut Process; N],
    asked: [&Asked; N],
) -> [Driven; N] {
    let (mut driven, mut quiet) = ([const { None }; N], Quiet::start());
    loop {
        for ((node, asked), driven) in nodes.iter_mut().zip(asked).zip(&mut driven) {
            *driven = driven.take().or_else(|| node.driven_within(asked, LOOKS_EVERY));
        }
        if driven.iter().all(Option::is_some) {
            return driven.map(Option::unwrap);
        }
        quiet.look(&mut nodes);
    }
}

/// Waits until a node has sent more than this many messages, as long as anything moves on it.
pub(crate) fn until_sent(node: &mut Process, count: u64) {
    let mut quiet = Quiet::start();
    while node.progress() < count {
        quiet.look(&mut [&mut *node]);
    }
}
