use std::time::Duration;

use starlings_runtime::DownReason;

use super::super::{GRACE, Input, Output, State};
use super::{Facts, IdleRules};
use crate::wire::{Goodbye, Idle, Pulse};

const AFTER: u64 = 400;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A session whose heartbeats are far away.
fn state(after: Option<u64>, is_dialler: bool) -> State {
    let pulse = Pulse { heartbeat_ms: 1_000_000, silent_ms: 5_000_000 };
    let rules = IdleRules { after: after.map(at), is_dialler };
    State::new(at(0), 3, [pulse; 2]).with_idle(rules)
}

fn dialler() -> State {
    state(Some(AFTER), true)
}

fn listener() -> State {
    state(Some(AFTER), false)
}

fn handle(state: &mut State, now: u64, input: Input) -> Vec<Output> {
    let mut outbox = Vec::new();
    state.handle(at(now), input, &mut outbox);
    outbox
}

fn facts(needed: bool, sent: u32, delivered: u32) -> Facts {
    Facts { needed, sent: vec![sent, 0], delivered: vec![delivered, 0] }
}

/// Has sent 7 frames, and got 9.
fn quiet() -> Facts {
    facts(false, 7, 9)
}

fn ask() -> Idle {
    Idle::Ask(vec![7, 0])
}

fn agree() -> Idle {
    Idle::Agree(vec![9, 0])
}

fn heard(state: &mut State, now: u64, said: Idle, facts: Facts) -> Vec<Output> {
    handle(state, now, Input::IdleHeard(said, facts))
}

/// Looks whenever it wants to, until it asks; when that was.
fn asks(state: &mut State) -> u64 {
    loop {
        let now = u64::try_from(state.deadline().unwrap().as_millis()).unwrap();
        assert!(now <= 10 * AFTER, "it asks some time");
        assert_eq!(handle(state, now, Input::Elapsed), [Output::Look]);
        match &handle(state, now, Input::Looked(quiet()))[..] {
            [] => {}
            [Output::Idle(said)] => {
                assert_eq!(*said, ask());
                return now;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// An end that has agreed, at twice the time.
fn agreed() -> State {
    let mut state = listener();
    let outputs = heard(&mut state, 2 * AFTER, Idle::Ask(vec![9, 0]), quiet());
    assert_eq!(outputs, [Output::Idle(Idle::Agree(vec![7, 0]))]);
    state
}

#[test]
fn end_that_is_quiet_for_the_time_asks_and_closes_when_the_other_agrees() {
    let mut state = dialler();
    assert_eq!(asks(&mut state), AFTER);
    let outputs = heard(&mut state, AFTER + 1, agree(), quiet());
    assert_eq!(outputs, [Output::Goodbye(Goodbye::Idle)]);
    for lane in [0, 1, 2] {
        assert_eq!(handle(&mut state, AFTER + 2, Input::Flushed { lane }), []);
    }
    for lane in [0, 1] {
        assert_eq!(handle(&mut state, AFTER + 3, Input::LaneEnded { lane }), []);
    }
    let outputs = handle(&mut state, AFTER + 3, Input::LaneEnded { lane: 2 });
    assert_eq!(outputs, [Output::Closed(DownReason::Idle)]);
}

#[test]
fn need_puts_the_ask_off_for_the_whole_time() {
    let mut state = dialler();
    let used = AFTER / 2;
    for now in [AFTER / 4, used] {
        assert_eq!(handle(&mut state, now, Input::Elapsed), [Output::Look]);
        assert_eq!(handle(&mut state, now, Input::Looked(facts(true, 7, 9))), []);
    }
    assert_eq!(asks(&mut state), used + AFTER);
}

#[test]
fn end_that_needs_it_or_is_not_quiet_or_misses_something_declines() {
    let declines = [Output::Thaw, Output::Idle(Idle::Decline)];
    let late = 2 * AFTER;
    let theirs = || Idle::Ask(vec![9, 0]);
    assert_eq!(heard(&mut listener(), late, theirs(), facts(true, 7, 9)), declines, "needed");
    assert_eq!(heard(&mut listener(), AFTER - 1, theirs(), quiet()), declines, "too early");
    assert_eq!(heard(&mut listener(), late, theirs(), facts(false, 7, 8)), declines, "under way");
    assert_eq!(heard(&mut listener(), late, Idle::Ask(vec![]), quiet()), declines, "other lanes");
    let mut never = state(None, false);
    assert_eq!(heard(&mut never, late, theirs(), quiet()), declines, "it closes none");
}

#[test]
fn end_that_closes_no_sessions_does_not_look() {
    let mut never = state(None, true);
    assert_eq!(handle(&mut never, 500_000, Input::Elapsed), []);
    assert_eq!(never.deadline(), Some(at(1_000_000)));
}

#[test]
fn asker_that_is_declined_asks_again_soon_and_agrees_meanwhile() {
    let mut state = dialler();
    let asked = asks(&mut state);
    assert_eq!(heard(&mut state, asked, Idle::Decline, quiet()), []);
    let outputs = heard(&mut state, asked + 1, Idle::Ask(vec![9, 0]), quiet());
    assert_eq!(outputs, [Output::Idle(Idle::Agree(vec![7, 0]))]);
    let mut state = dialler();
    let asked = asks(&mut state);
    heard(&mut state, asked, Idle::Decline, quiet());
    assert_eq!(asks(&mut state), asked + AFTER / 4);
}

#[test]
fn asker_that_needs_it_meanwhile_or_misses_something_withdraws() {
    let withdraws = [Output::Thaw, Output::Idle(Idle::Withdraw)];
    for facts in [facts(true, 7, 9), facts(false, 8, 9), facts(false, 7, 8)] {
        let mut state = dialler();
        let asked = asks(&mut state);
        assert_eq!(heard(&mut state, asked, agree(), facts.clone()), withdraws, "{facts:?}");
    }
}

#[test]
fn end_that_agreed_goes_on_after_a_withdrawal_and_ends_with_the_goodbye() {
    let mut state = agreed();
    assert_eq!(heard(&mut state, 2 * AFTER, Idle::Withdraw, quiet()), [Output::Thaw]);
    let mut state = agreed();
    let goodbye = Goodbye::Idle;
    for lane in [1, 0] {
        let outputs = handle(&mut state, 2 * AFTER, Input::GoodbyeHeard { lane, goodbye });
        assert_eq!(outputs, []);
    }
    let outputs = handle(&mut state, 2 * AFTER, Input::GoodbyeHeard { lane: 2, goodbye });
    assert_eq!(outputs, [Output::Closed(DownReason::Idle)]);
}

/// Goal: who is kept waiting by an agreement is so for a bounded time.
#[test]
fn end_that_agreed_and_hears_no_more_ends_after_the_silent_period() {
    let pulse = Pulse { heartbeat_ms: 100, silent_ms: 500 };
    let rules = IdleRules { after: Some(at(AFTER)), is_dialler: false };
    let mut state = State::new(at(0), 3, [pulse; 2]).with_idle(rules);
    let agrees = heard(&mut state, AFTER, Idle::Ask(vec![9, 0]), quiet());
    assert_eq!(agrees.len(), 1);
    for now in (AFTER..AFTER + 500).step_by(100) {
        handle(&mut state, now, Input::Heard);
        let outputs = handle(&mut state, now, Input::Elapsed);
        assert!(outputs.iter().all(|output| *output == Output::Heartbeat), "{outputs:?}");
    }
    let outputs = handle(&mut state, AFTER + 500, Input::Elapsed);
    assert_eq!(outputs, [Output::Closed(DownReason::HeartbeatTimeout)]);
}

/// The end that says goodbye waits for the other for as long as that may be there, not for the grace time
/// alone: who dials again too early would cut it off.
#[test]
fn goodbye_for_want_of_use_is_waited_for() {
    let mut state = dialler();
    let asked = asks(&mut state);
    heard(&mut state, asked, agree(), quiet());
    let (until, silent) = (state.deadline().unwrap(), at(5_000_000));
    assert_eq!(until, at(asked) + silent.max(GRACE));
}

#[test]
fn of_asks_that_cross_that_of_the_dialler_counts() {
    let (mut a, mut b) = (dialler(), listener());
    let now = asks(&mut a).max(asks(&mut b));
    assert_eq!(heard(&mut a, now, Idle::Ask(vec![9, 0]), quiet()), [Output::Thaw]);
    let outputs = heard(&mut b, now, Idle::Ask(vec![9, 0]), quiet());
    assert_eq!(outputs, [Output::Idle(Idle::Agree(vec![7, 0]))]);
    assert_eq!(heard(&mut a, now, agree(), quiet()), [Output::Goodbye(Goodbye::Idle)]);
}

#[test]
fn words_out_of_turn_are_violations() {
    let is_violation =
        |outputs: &[Output]| matches!(outputs, [Output::Closed(DownReason::ProtocolError(_))]);
    for said in [agree(), Idle::Decline, Idle::Withdraw] {
        let outputs = heard(&mut dialler(), 1, said.clone(), quiet());
        assert!(is_violation(&outputs), "{said:?} at once: {outputs:?}");
    }
    for said in [ask(), agree(), Idle::Decline] {
        let outputs = heard(&mut agreed(), 2 * AFTER, said.clone(), quiet());
        assert!(is_violation(&outputs), "{said:?} after the agreement: {outputs:?}");
    }
    let goodbye = Goodbye::Idle;
    let outputs = handle(&mut dialler(), 1, Input::GoodbyeHeard { lane: 1, goodbye });
    assert!(is_violation(&outputs), "{outputs:?}");
    let pulse = Pulse { heartbeat_ms: 1000, silent_ms: 5000 };
    let mut earlier = State::new(at(0), 3, [pulse; 2]);
    assert!(is_violation(&heard(&mut earlier, 1, ask(), quiet())), "of an earlier version");
}

#[test]
fn end_in_another_way_wins() {
    let mut state = agreed();
    let outputs = handle(&mut state, 2 * AFTER, Input::Close(DownReason::Disconnected));
    assert_eq!(outputs, [Output::Goodbye(Goodbye::Disconnect)]);
    let mut state = dialler();
    let asked = asks(&mut state);
    handle(&mut state, asked, Input::Close(DownReason::Disconnected));
    assert_eq!(heard(&mut state, asked, agree(), quiet()), [Output::Thaw]);
}
