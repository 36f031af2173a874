//! The decisions against independent models of OTP's rules, on random traces.
//!
//! `world` drives `State`: it performs its outputs in random order, lets children end, asks for
//! things, lets time pass, and writes down what arrived when (`log`). A model reads the same log, and
//! must do the same: each start, stop and cancelled start in the same order, each answer, and the
//! same children in the same places at the end, or the same end. No trace is compared in part.
//!
//! | model | what it is | for which traces |
//! |---|---|---|
//! | `otp` | a supervisor as OTP's manual describes it: a mailbox, one thing at a time | groups; independent children, of half the traces, of whom one does something at a time |
//! | `apart` | such a supervisor for each child, which share the list of children and the bounds | independent children |
//!
//! Traces of independent children in which one thing is done at a time are held against both, and so
//! both models against each other. What they share is what a loss of a node counts (`losses`) and
//! how a supervisor ends (`ending`).
//!
//! In all traces time passes also while starts and stops are under way, children live on several
//! nodes that go, at once or in order, the number of children may be bounded, so may that of the
//! requests that wait, tightly, and the supervisor may be told to end in the middle of something.
//! `world` has invariants of its own beside: no child has two lives at once, each is stopped as its
//! spec says, all are stopped in reverse order at the end, nothing is left then, and the places that
//! children take on nodes are those of the children there are. The figures that are printed say how
//! many traces were compared with which model, and how often what was tried.
//!
//! Not in the traces: jitter of delays and specs that a supervisor cannot begin with, which have tests of
//! their own beside this file.

mod apart;
mod ending;
mod log;
mod losses;
mod otp;
mod random;
mod setup;
mod world;

use std::io::Write as _;

use self::apart::Apart;
use self::log::{Answered, History, Log, Op, Report};
use self::otp::Otp;
use self::random::Random;
use self::setup::Setup;
use self::world::World;
use super::super::{EndCause, Strategy};

/// Traces of a normal run; `STARLINGS_TRACES` sets another number.
const TRACES: u64 = 100_000;

const STRATEGIES: [Strategy; 4] =
    [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne, Strategy::Dynamic];

/// How many traces there were, with which models they were compared, and what happened in them.
#[derive(Debug, Default)]
struct Figures {
    traces: u64,
    with_otp: u64,
    with_apart: u64,
    with_both: u64,
    entries: u64,
    restarts: u64,
    /// Restarts that did not count, since the loss of a node did.
    explained: u64,
    cancelled: u64,
    busy: u64,
    beyond_bound: u64,
    gave_up: u64,
    auto_shutdown: u64,
    not_begun: u64,
    told_to_end: u64,
    /// Of those: in the middle of something.
    cut_short: u64,
}

#[test]
fn decisions_are_those_of_an_independent_model_of_otp() {
    let traces = std::env::var("STARLINGS_TRACES").ok().and_then(|traces| traces.parse().ok());
    let mut figures: [Figures; 4] = Default::default();
    for seed in 0..traces.unwrap_or(TRACES) {
        let which = (seed % 4) as usize;
        compare(seed, STRATEGIES[which], &mut figures[which]);
    }
    for (strategy, figures) in STRATEGIES.iter().zip(figures) {
        writeln!(std::io::stderr(), "{strategy:?}: {figures:?}").unwrap();
        let Figures { traces, with_otp, with_apart, with_both, .. } = figures;
        assert_eq!(traces, with_otp + with_apart - with_both, "each with one model at least");
        let tried = [
            figures.restarts,
            figures.explained,
            figures.cancelled,
            figures.busy,
            figures.beyond_bound,
            figures.gave_up,
            figures.auto_shutdown,
            figures.told_to_end,
            figures.cut_short,
        ];
        assert!(tried.iter().all(|count| *count > 0), "all of it was tried");
    }
}

fn compare(seed: u64, strategy: Strategy, figures: &mut Figures) {
    let mut random = Random(seed);
    let setup = Setup::random(strategy, &mut random);
    let mut world = World::new(&setup, random);
    world.run();
    let (one_at_a_time, cut_short) = (world.is_one_at_a_time(), world.is_cut_short());
    let (ours, log) = world.into_report();
    figures.count(&ours, &log);
    figures.cut_short += u64::from(cut_short);
    let with_otp = strategy.is_grouped() || one_at_a_time;
    let with_apart = !strategy.is_grouped();
    figures.with_otp += u64::from(with_otp);
    figures.with_apart += u64::from(with_apart);
    figures.with_both += u64::from(with_otp && with_apart);
    let otp = with_otp.then(|| Otp::new(&setup, log.clone()).run());
    let apart = with_apart.then(|| Apart::new(&setup, log.clone()).run());
    for (model, theirs) in [("otp", otp), ("apart", apart)] {
        let Some(theirs) = theirs else { continue };
        let History { mut report, restarts, explained, differs } = theirs;
        if report.ended.is_some() {
            for request in log.requests() {
                report.answers.entry(request).or_insert(Answered::Ending);
            }
        }
        let same = differs.is_none() && ours == report;
        let trace = format_args!("{model}, seed {seed}, {setup:#?}\n{log}");
        assert!(same, "ours: {ours:#?}\nmodel: {report:#?}\n{differs:?}\n{trace}");
        if model == "apart" || !with_apart {
            figures.restarts += restarts;
            figures.explained += explained;
        }
    }
}

impl Figures {
    fn count(&mut self, ours: &Report, log: &Log) {
        let answered = |what| ours.answers.values().filter(|answer| **answer == what).count();
        self.traces += 1;
        self.entries += log.steps();
        let cancelled = ours.ops.iter().filter(|op| matches!(op, Op::Cancel(..)));
        self.cancelled += cancelled.count() as u64;
        self.busy += answered(Answered::Busy) as u64;
        self.beyond_bound += answered(Answered::MaxChildren) as u64;
        match ours.ended {
            Some(EndCause::Intensity) => self.gave_up += 1,
            Some(EndCause::AutoShutdown) => self.auto_shutdown += 1,
            Some(EndCause::StartFailed) => self.not_begun += 1,
            Some(EndCause::Asked) => self.told_to_end += 1,
            Some(EndCause::BadSpec) | None => {}
        }
    }
}
