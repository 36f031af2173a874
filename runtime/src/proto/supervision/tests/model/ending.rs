//! The end of a supervisor, as both models have it: from the last child to the first each is stopped
//! and waited for; dynamic ones all at once. What was under way is waited for when its turn comes.

use super::super::super::Strategy;
use super::log::{Attempt, Entry, Go, History, Log, Message, Name, Op, Outcome, Report, Stop};
use super::losses::Restarts;

/// Where a child is when its supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Down,
    /// A start is under way.
    Starting(Attempt),
    Up(Attempt),
    /// A stop was asked for.
    Stopping(Attempt),
}

/// What came of a trace that was lived so; `left` is where the children were then, in start order, and
/// the report has their places.
pub(super) fn conclude(
    lived: Go,
    left: Vec<(Name, Left)>,
    strategy: Strategy,
    mut log: Log,
    mut report: Report,
    restarts: Restarts<'_>,
) -> History {
    let mut differs = None;
    match lived {
        Ok(()) => {}
        Err(Stop::For(cause)) => {
            report.ended = Some(cause);
            report.children.clear();
            end(strategy, left, &mut log, &mut report.ops);
        }
        Err(Stop::Differs(why)) => differs = Some(why),
    }
    let Restarts { count, explained, .. } = restarts;
    History { report, restarts: count, explained, differs }
}

/// Reads the rest of a trace and writes down what is done; `children` stand in start order.
fn end(strategy: Strategy, mut children: Vec<(Name, Left)>, log: &mut Log, ops: &mut Vec<Op>) {
    for (name, left) in &children {
        if let Left::Starting(attempt) = left {
            ops.push(Op::Cancel(*name, *attempt));
        }
    }
    let at_once = strategy == Strategy::Dynamic;
    stop_next(at_once, &mut children, ops);
    while let Some(entry) = log.next() {
        let (name, attempt, outcome) = match entry {
            Entry::Started(name, attempt, outcome) => (name, attempt, Some(outcome)),
            Entry::Stopped(name, attempt) | Entry::Arrived(Message::Exit(name, attempt, _)) => {
                (name, attempt, None)
            }
            Entry::Arrived(_) => continue,
        };
        if let Some((_, left)) = children.iter_mut().find(|(other, _)| *other == name) {
            *left = next(*left, attempt, outcome);
        }
        stop_next(at_once, &mut children, ops);
    }
}

/// Where a child is after the report of a start, or, with no outcome, after the end of this life.
fn next(left: Left, attempt: Attempt, outcome: Option<Outcome>) -> Left {
    match (left, outcome) {
        (Left::Starting(this), Some(Outcome::Up)) if this == attempt => Left::Up(attempt),
        (Left::Starting(this), Some(_)) if this == attempt => Left::Down,
        (Left::Up(this) | Left::Stopping(this), None) if this == attempt => Left::Down,
        (Left::Down | Left::Starting(..) | Left::Up(_) | Left::Stopping(_), _) => left,
    }
}

fn stop_next(at_once: bool, children: &mut [(Name, Left)], ops: &mut Vec<Op>) {
    for (name, left) in children.iter_mut().rev() {
        if let Left::Up(attempt) = *left {
            ops.push(Op::Stop(*name, attempt));
            *left = Left::Stopping(attempt);
        }
        if *left != Left::Down && !at_once {
            return;
        }
    }
}
