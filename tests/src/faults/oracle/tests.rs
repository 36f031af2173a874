//! The oracle has been seen to complain of each thing that it is there for.

use super::*;
use crate::faults::{Came, SessionLog, WatchLog};

fn sent(accepted: u64, confirmed: u64, failed: bool) -> Sent {
    let failed = failed.then(|| "NoConnection".to_owned());
    Sent { sender: 0, logger: 0, accepted, confirmed, failed }
}

fn session(streams: &[(u32, u64)]) -> SessionLog {
    let came = |(epoch, count): &(u32, u64)| Came { sender: 0, epoch: *epoch, count: *count };
    SessionLog { peer_life: 1, streams: streams.iter().map(came).collect(), ended: None }
}

/// What the oracle says of these epochs and sessions.
fn judged(epochs: Vec<Sent>, sessions: Vec<SessionLog>, watcher: WatchLog) -> Vec<String> {
    let streams = |sent| vec![sent];
    let epochs = (0..).zip(epochs).map(|(epoch, sent)| Driven { epoch, streams: streams(sent) });
    let driven: Vec<_> = epochs.collect();
    let loggers = vec![LoggerLog { sessions, broken: Vec::new() }];
    complaints(Sending { driven: &driven, received: &NodeLog { loggers, watcher } })
}

#[test]
fn what_is_as_promised_is_not_complained_of() {
    let epochs = vec![sent(10, 5, true), sent(0, 0, true), sent(7, 7, false), sent(4, 1, true)];
    let sessions = vec![session(&[(0, 6)]), session(&[]), session(&[(2, 7), (3, 2)])];
    let watcher = WatchLog { made: 3, ended: 3, ..WatchLog::default() };
    assert_eq!(judged(epochs, sessions, watcher), [""; 0]);
}

#[test]
fn everything_else_is() {
    let cases = [
        ("more than was sent", vec![sent(5, 0, true)], vec![session(&[(0, 6)])]),
        ("less than was confirmed", vec![sent(5, 5, true)], vec![session(&[(0, 4)])]),
        ("less than all, and no fault", vec![sent(5, 0, false)], vec![session(&[(0, 4)])]),
        ("nothing, and no fault", vec![sent(5, 0, false)], vec![]),
        ("of nobody", vec![], vec![session(&[(0, 4)])]),
        ("in two sessions", vec![sent(5, 0, true)], vec![session(&[(0, 2)]), session(&[(0, 2)])]),
        (
            "an epoch that was lost, and another one in the same session",
            vec![sent(5, 0, true), sent(5, 0, true)],
            vec![session(&[(0, 2), (1, 2)])],
        ),
        (
            "an earlier epoch in a later session",
            vec![sent(5, 0, true), sent(5, 0, true)],
            vec![session(&[(1, 2)]), session(&[(0, 2)])],
        ),
    ];
    for (what, epochs, sessions) in cases {
        assert_eq!(judged(epochs, sessions, WatchLog::default()).len(), 1, "{what}");
    }
    let watcher = WatchLog { made: 3, ended: 2, ..WatchLog::default() };
    assert_eq!(judged(vec![], vec![], watcher).len(), 1);
}
