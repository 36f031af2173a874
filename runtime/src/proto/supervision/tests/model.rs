//! The decisions against an independent model of OTP's rules, on random traces.
//!
//! `world` drives `State`: it performs its outputs in random order, lets children end, asks for
//! things, lets time pass, and writes down what arrived when (`log`). `otp` is a supervisor as the
//! manual of OTP describes it: a list of children, one thing after another, waiting for each start
//! and stop. It reads the same log as its mailbox. Both must do the same.
//!
//! Where several children have tracks of their own there is no one order of what is done; then each
//! child's own history is compared, which does not depend on the others but for the end. In half of
//! those traces one thing is done after another, and everything is compared. A supervisor
//! told to end in the middle of something cannot be compared with OTP, which would not hear it;
//! there the invariants of `world` alone are checked. They are: no child has two lives at once, all
//! are stopped in reverse order at the end, and nothing is left then.

mod log;
mod otp;
mod random;
mod setup;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;

use self::log::{Ended, Log, Op, Report};
use self::otp::Otp;
use self::random::Random;
use self::setup::Setup;
use self::world::World;
use super::super::{EndCause, Strategy};

/// Traces of a normal run; `STARLINGS_TRACES` sets another number.
const TRACES: u64 = 100_000;

const STRATEGIES: [Strategy; 4] =
    [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne, Strategy::Dynamic];

#[derive(Debug, Default)]
struct Figures {
    traces: u64,
    steps: u64,
    restarts: u64,
    gave_up: u64,
    auto_shutdown: u64,
    not_begun: u64,
    cut: u64,
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
        assert!(figures.restarts > 0 && figures.gave_up > 0 && figures.auto_shutdown > 0);
    }
}

fn compare(seed: u64, strategy: Strategy, figures: &mut Figures) {
    let mut random = Random(seed);
    let setup = Setup::random(strategy, &mut random);
    let mut world = World::new(&setup, random);
    world.run();
    let (ours, log) = world.into_report();
    figures.traces += 1;
    figures.steps += log.steps();
    figures.gave_up += u64::from(ours.ended == Some(Ended::For(EndCause::Intensity)));
    figures.auto_shutdown += u64::from(ours.ended == Some(Ended::For(EndCause::AutoShutdown)));
    figures.not_begun += u64::from(ours.ended == Some(Ended::For(EndCause::StartFailed)));
    if ours.ended == Some(Ended::Cut) {
        figures.cut += 1;
        return;
    }
    let text = |log: &Log| format!("seed {seed}, {setup:#?}\n{log}");
    let kept = log.clone();
    let exact = strategy.is_grouped() || setup.one_by_one;
    let theirs = match Otp::new(&setup, log).run() {
        Ok(report) => report,
        // The end cut short what independent children were at.
        Err(_) if ours.ended.is_some() && !exact => return,
        Err(why) => panic!("{why}\n{}\nours: {ours:#?}", text(&kept)),
    };
    figures.restarts += theirs.restarts;
    let same = if exact { ours == theirs.report } else { agree(&ours, &theirs.report) };
    assert!(same, "ours: {ours:#?}\nOTP: {:#?}\n{}", theirs.report, text(&kept));
}

/// Whether two histories of independent children are the same.
fn agree(ours: &Report, theirs: &Report) -> bool {
    if ours.ended.is_some() || theirs.ended.is_some() {
        // What came first decides over the cause, and over how far each child came.
        return ours.ended.is_some() == theirs.ended.is_some();
    }
    let places = |report: &Report| report.children.iter().copied().collect::<BTreeMap<_, _>>();
    places(ours) == places(theirs)
        && by_child(&ours.ops) == by_child(&theirs.ops)
        && ours.answers == theirs.answers
}

fn by_child(ops: &[Op]) -> BTreeMap<u64, Vec<Op>> {
    let mut histories: BTreeMap<u64, Vec<Op>> = BTreeMap::new();
    for op in ops {
        histories.entry(op.name()).or_default().push(*op);
    }
    histories
}
