//! The oracle has been seen to complain of each thing that it is there for.

use super::*;
use crate::faults::{Asked, SessionLog, TieId};

fn sent(accepted: u64, confirmed: u64, failed: bool) -> Sent {
    let failed = failed.then(|| "NoConnection".to_owned());
    Sent { sender: 0, logger: 0, accepted, confirmed, failed, broken: None }
}

fn session(streams: &[(u32, u64)]) -> SessionLog {
    let came = |(epoch, count): &(u32, u64)| Came { sender: 0, epoch: *epoch, count: *count };
    SessionLog { peer_life: 1, streams: streams.iter().map(came).collect(), ended: None }
}

/// What the oracle says of these epochs and sessions.
fn judged(epochs: Vec<Sent>, sessions: Vec<SessionLog>, watcher: WatchLog) -> Vec<String> {
    let streams = |sent| vec![sent];
    let (asks, ties) = (Vec::new, Vec::new);
    let epochs = (0..).zip(epochs).map(|(epoch, sent)| {
        let streams = streams(sent);
        Driven { epoch, streams, asks: asks(), ties: ties() }
    });
    let driven: Vec<_> = epochs.collect();
    let loggers = vec![LoggerLog { sessions, ..LoggerLog::default() }];
    let received = NodeLog { loggers, watcher };
    complaints(Sending { driven: &driven, received: &received, sender: None })
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

/// What the oracle says of some calls, of which so many came.
fn asked(asked: Asked, count: u64) -> usize {
    let driven = Driven { epoch: 3, streams: vec![], asks: vec![asked], ties: vec![] };
    let came = vec![Came { sender: 0, epoch: 3, count }];
    let loggers = vec![LoggerLog { asked: came, ..LoggerLog::default() }];
    let received = NodeLog { loggers, watcher: WatchLog::default() };
    complaints(Sending { driven: &[driven], received: &received, sender: None }).len()
}

#[test]
fn calls_end_once_and_are_carried_out_once() {
    let errors = BTreeMap::from([("Timeout".to_owned(), 2)]);
    let log = |made| Asked { asked: made, answered: 3, errors: errors.clone(), ..Asked::default() };
    for count in 3..=5 {
        assert_eq!(asked(log(5), count), 0);
    }
    assert_eq!(asked(log(5), 2), 1, "an answer that nobody gave");
    assert_eq!(asked(log(5), 6), 1, "more than were asked");
    assert_eq!(asked(log(6), 5), 1, "one that has not ended");
    assert_eq!(asked(log(4), 4), 1, "one that has ended twice");
    let broken = vec!["late".to_owned()];
    assert_eq!(asked(Asked { broken, ..log(5) }, 5), 1);
}

/// What the oracle says of a link: which of its ends are killed, whether both knew of it, the exits and
/// downs of the maker, and the exits of the other one.
fn tied(killed: (bool, bool), is_settled: bool, maker: (u32, u32), other: u32) -> usize {
    let tie = TieId { life: 1, epoch: 0, number: 0 };
    let (maker_killed, other_ends) = killed;
    let tied = Tied { tie, is_settled, is_told: true, maker_killed, other_ends };
    let node = |is_maker, (exits, downs)| {
        let end = TieEnd { is_maker, exits, downs, ..TieEnd::default() };
        let watcher = WatchLog { ties: vec![(tie, end)], ..WatchLog::default() };
        NodeLog { loggers: vec![], watcher }
    };
    let driven = Driven { epoch: 0, streams: vec![], asks: vec![], ties: vec![tied] };
    let (sender, received) = (node(true, maker), node(false, (other, 0)));
    let sending = Sending { driven: &[driven], received: &received, sender: Some(&sender) };
    complaints(sending).len()
}

#[test]
fn links_break_on_both_sides() {
    let (none, maker, other) = ((false, false), (true, false), (false, true));
    for (killed, is_settled, of_maker, of_other) in [
        (none, true, (1, 1), 1),
        (none, false, (1, 1), 0),
        (none, false, (1, 1), 1),
        (maker, true, (0, 0), 1),
        (maker, true, (1, 1), 1),
        (other, true, (1, 1), 0),
    ] {
        assert_eq!(tied(killed, is_settled, of_maker, of_other), 0);
    }
    for (what, killed, is_settled, of_maker, of_other) in [
        ("the maker alone", none, true, (1, 1), 0),
        ("the other one alone", none, true, (0, 1), 1),
        ("no down", none, true, (1, 0), 1),
        ("two downs", none, true, (1, 2), 1),
        ("two exits", none, true, (2, 1), 1),
        ("two exits of the other one", none, false, (1, 1), 2),
        ("no exit of a maker that was killed", maker, true, (0, 0), 0),
        ("no exit of one that was killed", other, true, (0, 1), 0),
    ] {
        assert_eq!(tied(killed, is_settled, of_maker, of_other), 1, "{what}");
    }
}

#[test]
fn an_end_that_is_only_told_with_the_session_is_complained_of() {
    let tie = TieId { life: 1, epoch: 0, number: 0 };
    let (is_settled, is_told) = (false, false);
    let tied = Tied { tie, is_settled, is_told, maker_killed: false, other_ends: true };
    let driven = Driven { epoch: 0, streams: vec![], asks: vec![], ties: vec![tied] };
    let received = NodeLog::default();
    let sending = Sending { driven: &[driven], received: &received, sender: None };
    assert_eq!(complaints(sending).len(), 1);
}

#[test]
fn what_nothing_mends_is_said_at_once() {
    let broken = Some("the count is not answered".to_owned());
    let stream = Sent { broken, ..sent(10, 5, false) };
    let driven = Driven { epoch: 0, streams: vec![stream], asks: vec![], ties: vec![] };
    let said = broken_of(&driven);
    assert!(said[0].starts_with("the count is not answered: Sent"), "{said:?}");

    let asked = Asked { broken: vec!["call 3 is open".to_owned()], ..Asked::default() };
    let driven = Driven { epoch: 0, streams: vec![], asks: vec![asked], ties: vec![] };
    assert_eq!(broken_of(&driven), ["call 3 is open: from 0 to 0"]);

    let mut log = NodeLog::default();
    assert_eq!(violations(&log), [""; 0]);
    log.loggers.push(LoggerLog { broken: vec!["twice".to_owned()], ..LoggerLog::default() });
    log.watcher.broken.push("again".to_owned());
    assert_eq!(violations(&log), ["logger 0: twice", "watcher: again"]);
}

/// What the oracle says of an epoch at once, which it says at the end too.
fn broken_of(driven: &Driven) -> Vec<String> {
    let received = NodeLog { loggers: vec![LoggerLog::default()], watcher: WatchLog::default() };
    let driven = std::slice::from_ref(driven);
    let all = complaints(Sending { driven, received: &received, sender: None });
    let said = driven.iter().flat_map(broken).collect::<Vec<_>>();
    assert!(said.len() == 1 && all.contains(&said[0]), "{said:?} {all:?}");
    said
}

#[test]
fn monitors_that_do_not_end_are_named() {
    let open = vec!["#7 of <b.3>".to_owned()];
    let watcher = WatchLog { made: 3, ended: 2, open, ..WatchLog::default() };
    let said = judged(vec![], vec![], watcher);
    assert!(said[0].contains("#7 of <b.3>"), "{said:?}");
}

#[test]
fn what_the_ends_of_a_link_complain_of_is_told() {
    let end = TieEnd { broken: vec!["a word after the end".to_owned()], ..TieEnd::default() };
    let ties = vec![(TieId { life: 1, epoch: 0, number: 0 }, end)];
    assert_eq!(judged(vec![], vec![], WatchLog { ties, ..WatchLog::default() }).len(), 1);
}
