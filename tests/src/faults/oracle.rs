//! The oracle: what sending nodes say they sent, against what receiving nodes say has come.
//!
//! | What must hold | Who looks |
//! |---|---|
//! | no message twice, none out of order, no gap within a session | the logger, by its numbers |
//! | what comes of a stream is a prefix of what was sent | here |
//! | what was confirmed has come; what ended without a fault has come whole | here |
//! | no epoch goes on in another session; what is followed by another epoch has lost nothing | here |
//! | nothing comes to a later incarnation than it was sent to | the logger, by its own incarnation |
//! | ups and downs alternate; nothing comes before the up or after the down | the logger |
//! | each call ends once, in its time, with its own answer or an error; none is carried out twice | who asks, the logger, and their sums here |
//! | each monitor ends exactly once | the watcher, and its sums here |
//! | the downs of monitors come before the down of their node | the watcher |
//! | a link that both ends knew of breaks once on each side that lives; any other at most once | here |
//! | nothing comes of an actor after its exit or down, by pid or by name, short or long; all has come before an orderly one | the ends of pairs |
//!
//! Source: `docs/semantics.md`, "Delivery", "Exits, links, monitors", "Nodes".

use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat;

use super::{Came, Driven, LoggerLog, NodeLog, Sent, TieEnd, Tied, WatchLog};

/// One direction: all that was driven to one life of a node.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// The send logs of all epochs in which its loggers were the receivers.
    pub driven: &'a [Driven],
    /// Whether the life goes on, so that it could be asked for its log.
    pub received: &'a NodeLog,
    /// What the sending life has seen, if it could be asked at its end.
    pub sender: Option<&'a NodeLog>,
}

/// What does not hold of what one node sent in an epoch, as far as it can tell by itself: nothing that comes
/// later mends it.
#[must_use]
pub fn broken(driven: &Driven) -> Vec<String> {
    let of_streams = driven.streams.iter().filter_map(|sent| {
        let what = sent.broken.as_ref()?;
        Some(format!("{what}: {sent:?}"))
    });
    let of_asks = driven.asks.iter().flat_map(|asked| {
        asked.broken.iter().map(|what| format!("{what}: from {} to {}", asked.sender, asked.logger))
    });
    let untold = driven.ties.iter().filter(|tied| !tied.is_told);
    let untold = untold.map(|tied| format!("nobody tells the maker of the end of {tied:?}"));
    of_streams.chain(of_asks).chain(untold).collect()
}

/// What does not hold of what one node has seen so far, and nothing that comes later mends.
#[must_use]
pub fn violations(log: &NodeLog) -> Vec<String> {
    let loggers = (0_u32..).zip(&log.loggers);
    let of_loggers = loggers.flat_map(|(index, logger)| {
        logger.broken.iter().map(move |what: &String| format!("logger {index}: {what}"))
    });
    let of_watcher = log.watcher.broken.iter().map(|what| format!("watcher: {what}"));
    of_loggers.chain(of_watcher).chain(broken_ties(&log.watcher)).collect()
}

/// What does not hold; empty if all does.
#[must_use]
pub fn complaints(sending: Sending<'_>) -> Vec<String> {
    let mut complaints = violations(sending.received);
    complaints.extend(sending.driven.iter().flat_map(broken));
    for (index, log) in (0..).zip(&sending.received.loggers) {
        let sent = sent_to(index, sending.driven);
        let mut found = Vec::new();
        check_prefixes(&sent, log, &mut found);
        check_sessions(&sent, log, &mut found);
        check_asks(index, sending.driven, log, &mut found);
        complaints.extend(found.into_iter().map(|what| format!("logger {index}: {what}")));
    }
    let watcher = &sending.received.watcher;
    if watcher.made != watcher.ended {
        let WatchLog { made, ended, open, .. } = watcher;
        let what = format!("watcher: {made} monitors were made, {ended} have ended, not {open:?}");
        complaints.push(what);
    }
    check_ties(sending, &mut complaints);
    complaints
}

/// What the ends of pairs complain of.
fn broken_ties(watcher: &WatchLog) -> impl Iterator<Item = String> {
    let broken = watcher.ties.iter().flat_map(|(tie, end)| end.broken.iter().zip(repeat(tie)));
    broken.map(|(what, tie)| format!("{tie:?}: {what}"))
}

/// How many messages have come in all.
#[must_use]
pub fn came(log: &NodeLog) -> u64 {
    let sessions = log.loggers.iter().flat_map(|logger| &logger.sessions);
    sessions.flat_map(|session| &session.streams).map(|came| came.count).sum()
}

fn sent_to(logger: u32, driven: &[Driven]) -> BTreeMap<(u32, u32), &Sent> {
    let streams = driven.iter().flat_map(|driven| {
        driven.streams.iter().map(move |sent| ((sent.sender, driven.epoch), sent))
    });
    streams.filter(|(_, sent)| sent.logger == logger).collect()
}

fn check_prefixes(
    sent: &BTreeMap<(u32, u32), &Sent>,
    log: &LoggerLog,
    complaints: &mut Vec<String>,
) {
    let mut came: BTreeMap<_, u64> = BTreeMap::new();
    for stream in log.sessions.iter().flat_map(|session| &session.streams) {
        *came.entry((stream.sender, stream.epoch)).or_default() += stream.count;
        if !sent.contains_key(&(stream.sender, stream.epoch)) {
            complaints.push(format!("{stream:?} came, which nobody sent"));
        }
    }
    for (name, sent) in sent {
        let count = came.get(name).copied().unwrap_or_default();
        if count > sent.accepted {
            complaints.push(format!("{count} messages came of {sent:?}"));
        }
        let is_whole = sent.failed.is_none() && sent.broken.is_none();
        if count < sent.confirmed || (is_whole && count < sent.accepted) {
            complaints.push(format!("only {count} messages came of {sent:?}"));
        }
    }
}

fn check_sessions(
    sent: &BTreeMap<(u32, u32), &Sent>,
    log: &LoggerLog,
    complaints: &mut Vec<String>,
) {
    let mut latest = None;
    for session in &log.sessions {
        let epochs = session.streams.iter().map(|stream| stream.epoch);
        let epochs: BTreeSet<_> = epochs.collect();
        if epochs.first().is_some_and(|first| latest >= Some(*first)) {
            complaints.push(format!("epochs {epochs:?} in a session after that of {latest:?}"));
        }
        latest = latest.max(epochs.last().copied());
        // What is followed by another epoch of the same session has lost nothing.
        let is_followed = |epoch: u32| epochs.contains(&epoch) && epochs.last() > Some(&epoch);
        for ((_, epoch), sent) in sent {
            if is_followed(*epoch) && sent.failed.is_some() {
                complaints.push(format!("{sent:?} is followed by {epochs:?}"));
            }
        }
    }
}

/// Every answer was one of the logger's, which answered no more than it was asked.
fn check_asks(logger: u32, driven: &[Driven], log: &LoggerLog, complaints: &mut Vec<String>) {
    let asks = driven.iter().flat_map(|driven| driven.asks.iter().zip(repeat(driven.epoch)));
    for (asked, epoch) in asks.filter(|(asked, _)| asked.logger == logger) {
        let is_it = |came: &&Came| came.sender == asked.sender && came.epoch == epoch;
        let came = log.asked.iter().find(is_it).map_or(0, |came| came.count);
        let ended = asked.answered + asked.errors.values().sum::<u64>();
        if came < asked.answered || came > asked.asked || ended != asked.asked {
            complaints.push(format!("{came} calls came of {asked:?}"));
        }
    }
}

/// Each link has broken as it must, on the side that made it and on the other one.
fn check_ties(sending: Sending<'_>, complaints: &mut Vec<String>) {
    for tied in sending.driven.iter().flat_map(|driven| &driven.ties) {
        if let Some(sender) = sending.sender {
            let maker = end_of(sender, tied, true);
            let (exits, downs) = maker.map_or((0, 0), |end| (end.exits, end.downs));
            let least = u32::from(!tied.maker_killed);
            if !(least..=1).contains(&exits) || !(least..=1).contains(&downs) {
                complaints.push(format!("{exits} exits and {downs} downs of {tied:?}"));
            }
        }
        let exits = end_of(sending.received, tied, false).map_or(0, |end| end.exits);
        let least = u32::from(tied.is_settled && !tied.other_ends);
        if !(least..=1).contains(&exits) {
            complaints.push(format!("{exits} exits at the other end of {tied:?}"));
        }
    }
}

fn end_of<'a>(log: &'a NodeLog, tied: &Tied, is_maker: bool) -> Option<&'a TieEnd> {
    let mut ties = log.watcher.ties.iter();
    let found = ties.find(|(tie, end)| *tie == tied.tie && end.is_maker == is_maker);
    found.map(|(_, end)| end)
}

#[cfg(test)]
mod tests;
