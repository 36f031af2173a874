//! The decisions against an independent model of OTP's rules, on random traces.
//!
//! `world` drives `State`: it performs its outputs in random order, lets children end, asks for
//! things, lets time pass, and writes down what arrived when (`log`). `otp` is a supervisor as the
//! manual of OTP describes it: a list of children, one thing after another, waiting for each start
//! and stop. It reads the same log as its mailbox. Both must do the same.
//!
//! Where several children have tracks of their own there is no one order of what is done; then each
//! child's own history is compared, which does not depend on the others but for the end; if there
//! is one, each history as far as both go. In half of those traces one thing is done after another,
//! and everything is compared. A supervisor told to end in the middle of something cannot be
//! compared with OTP, which would not hear it; there the invariants of `world` alone are checked.
//! They are: no child has two lives at once, each is stopped as its spec says, all are stopped in
//! reverse order at the end, and nothing is left then. The figures that are printed say how many
//! traces were compared how.
//!
//! Where everything is compared, time passes also while starts and stops are under way, children
//! live on several nodes that go, at once or in order, and the number of children may be bounded.
//! That requests are refused as `Busy` is not in the traces: it takes a thousand of them.

mod log;
mod otp;
mod random;
mod setup;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;

use self::log::{Answered, Ended, Op, Report};
use self::otp::Otp;
use self::random::Random;
use self::setup::Setup;
use self::world::World;
use super::super::{EndCause, Strategy};

/// Traces of a normal run; `STARLINGS_TRACES` sets another number.
const TRACES: u64 = 100_000;

const STRATEGIES: [Strategy; 4] =
    [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne, Strategy::Dynamic];

/// How many traces there were, and how they were compared: each in one of four ways.
#[derive(Debug, Default)]
struct Figures {
    traces: u64,
    /// All that was done and answered, in one order.
    in_full: u64,
    /// All that was done with each child and answered, without the order between children.
    child_by_child: u64,
    /// Of independent children whose supervisor ended: of each how far both came.
    up_to_the_end: u64,
    /// Cut short, which OTP cannot be: the invariants of `world` alone.
    not_at_all: u64,
    entries: u64,
    restarts: u64,
    /// Restarts that did not count, since the loss of a node did.
    explained: u64,
    gave_up: u64,
    auto_shutdown: u64,
    not_begun: u64,
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
        assert!(figures.explained > 0);
        let Figures { traces, in_full, child_by_child, up_to_the_end, not_at_all, .. } = figures;
        assert_eq!(traces, in_full + child_by_child + up_to_the_end + not_at_all);
    }
}

fn compare(seed: u64, strategy: Strategy, figures: &mut Figures) {
    let mut random = Random(seed);
    let setup = Setup::random(strategy, &mut random);
    let mut world = World::new(&setup, random);
    world.run();
    let (ours, log) = world.into_report();
    figures.traces += 1;
    figures.entries += log.steps();
    figures.gave_up += u64::from(ours.ended == Some(Ended::For(EndCause::Intensity)));
    figures.auto_shutdown += u64::from(ours.ended == Some(Ended::For(EndCause::AutoShutdown)));
    figures.not_begun += u64::from(ours.ended == Some(Ended::For(EndCause::StartFailed)));
    if ours.ended == Some(Ended::Cut) {
        figures.not_at_all += 1;
        return;
    }
    let kept = log.clone();
    let theirs = Otp::new(&setup, log).run();
    figures.restarts += theirs.restarts;
    figures.explained += theirs.explained;
    let has_ended = ours.ended.is_some() || theirs.report.ended.is_some();
    let (how, same) = if setup.is_exact() {
        (&mut figures.in_full, theirs.differs.is_none() && ours == theirs.report)
    } else if has_ended {
        // The end may have cut short what independent children were at in the model's order.
        let both = theirs.report.ended.is_some() || theirs.differs.is_some();
        let same = both && ours.ended.is_some() && agree_so_far(&ours, &theirs.report);
        (&mut figures.up_to_the_end, same)
    } else {
        let same = theirs.differs.is_none() && agree(&ours, &theirs.report);
        (&mut figures.child_by_child, same)
    };
    *how += 1;
    let (why, theirs) = (theirs.differs, theirs.report);
    assert!(same, "ours: {ours:#?}\nOTP: {theirs:#?}\n{why:?}\nseed {seed}, {setup:#?}\n{kept}");
}

/// Whether two histories of independent children are the same.
fn agree(ours: &Report, theirs: &Report) -> bool {
    let places = |report: &Report| report.children.iter().copied().collect::<BTreeMap<_, _>>();
    places(ours) == places(theirs)
        && by_child(&ours.ops) == by_child(&theirs.ops)
        && ours.answers == theirs.answers
}

/// Whether two histories of independent children are the same as far as both go. How far each child
/// came before its supervisor ended, and so which of its lives was stopped then, is left to order.
fn agree_so_far(ours: &Report, theirs: &Report) -> bool {
    let (ours_by_child, theirs_by_child) = (by_child(&ours.ops), by_child(&theirs.ops));
    let same_ops = ours_by_child.iter().all(|(name, ours)| {
        let theirs = theirs_by_child.get(name).map_or(&[][..], Vec::as_slice);
        let (ours, theirs) = (without_last_stop(ours), without_last_stop(theirs));
        ours.starts_with(theirs) || theirs.starts_with(ours)
    });
    let same_answer = |(request, ours): (&u64, &Answered)| {
        theirs.answers.get(request).is_none_or(|theirs| theirs == ours)
    };
    same_ops && ours.answers.iter().all(same_answer)
}

fn without_last_stop(ops: &[Op]) -> &[Op] {
    match ops {
        [before @ .., Op::Stop(..)] => before,
        [.., Op::Start(..)] | [] => ops,
    }
}

fn by_child(ops: &[Op]) -> BTreeMap<u64, Vec<Op>> {
    let mut histories: BTreeMap<u64, Vec<Op>> = BTreeMap::new();
    for op in ops {
        histories.entry(op.name()).or_default().push(*op);
    }
    histories
}
