use std::time::Duration;

use starlings_runtime::DownReason;

use super::{GRACE, Input, Output, Sequence, State};
use crate::wire::{Goodbye, NewPulse, Pulse};

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn open() -> State {
    State::new(at(0), 2, [pulse(1000), pulse(500)])
}

fn pulse(heartbeat_ms: u32) -> Pulse {
    Pulse { heartbeat_ms, silent_ms: 5 * heartbeat_ms }
}

fn handle(state: &mut State, now: Duration, input: Input) -> Vec<Output> {
    let mut outbox = Vec::new();
    state.handle(now, input, &mut outbox);
    outbox
}

#[test]
fn idle_lane_beats_and_busy_lane_does_not() {
    let mut state = open();
    assert_eq!(state.deadline(), Some(at(1000)));
    handle(&mut state, at(900), Input::Sent);
    assert_eq!(state.deadline(), Some(at(1900)));
    assert_eq!(handle(&mut state, at(1000), Input::Elapsed), []);
    assert_eq!(handle(&mut state, at(1900), Input::Elapsed), [Output::Heartbeat]);
    assert_eq!(state.deadline(), Some(at(2900)));
}

#[test]
fn silence_of_the_peer_ends_the_session() {
    let mut state = open();
    handle(&mut state, at(900), Input::Heard);
    for now in 1..=5 {
        assert_eq!(handle(&mut state, at(now * 1000), Input::Elapsed), [Output::Heartbeat]);
    }
    let outputs = handle(&mut state, at(5900), Input::Elapsed);
    assert_eq!(outputs, [Output::Closed(DownReason::HeartbeatTimeout)]);
    assert_eq!(state.deadline(), None);
}

/// Goal: times can be made shorter and longer while sessions live, without one end taking the other for
/// dead meanwhile.
/// Method: two states, each change told after a delay of up to the silent period.
#[test]
fn times_change_while_the_session_lives() {
    for (ask, delay) in [(100, 0), (100, 4000), (10_000, 0), (10_000, 4000)] {
        let mut ends =
            [State::new(at(0), 2, [pulse(1000); 2]), State::new(at(0), 2, [pulse(1000); 2])];
        let mut on_the_way: Vec<(Duration, usize, Input)> = Vec::new();
        let outputs = handle(&mut ends[0], at(0), Input::NewPulse(pulse(ask)));
        let mut said = vec![(0, outputs)];
        let mut now = at(0);
        loop {
            for (from, output) in said
                .drain(..)
                .flat_map(|(from, all)| all.into_iter().map(move |output| (from, output)))
            {
                let input = match output {
                    Output::Heartbeat => Input::Heard,
                    Output::Pulse(new) => Input::PulseHeard(new),
                    other @ (Output::Look
                    | Output::Idle(_)
                    | Output::Thaw
                    | Output::Goodbye(_)
                    | Output::Closed(_)) => {
                        panic!("{other:?} after {now:?}, asked for {ask} ms")
                    }
                };
                on_the_way.push((now + at(delay), 1 - from, input));
                handle(&mut ends[from], now, Input::Sent);
            }
            on_the_way.sort_by_key(|(due, ..)| *due);
            let alarms = [0, 1].map(|end| (ends[end].deadline().unwrap(), end));
            let alarm = *alarms.iter().min().unwrap();
            match on_the_way.first() {
                Some((due, ..)) if *due <= alarm.0 => {
                    let (due, to, input) = on_the_way.remove(0);
                    now = due;
                    handle(&mut ends[to], now, Input::Heard);
                    said.push((to, handle(&mut ends[to], now, input)));
                }
                _ => {
                    now = alarm.0;
                    said.push((alarm.1, handle(&mut ends[alarm.1], now, Input::Elapsed)));
                }
            }
            if now > at(60_000) {
                break;
            }
        }
        let beat = at(u64::from(ask.max(1000)));
        assert!(ends.iter().all(|end| end.pulses.heartbeat() == beat), "{ends:?}");
    }
    let mut state = open();
    let theirs = NewPulse { pulse: pulse(100), is_answer: false };
    let answer = NewPulse { pulse: pulse(1000), is_answer: true };
    let outputs = handle(&mut state, at(1), Input::PulseHeard(theirs));
    assert_eq!(outputs, [Output::Pulse(answer)]);
    assert_eq!(
        handle(&mut state, at(1), Input::PulseHeard(answer)),
        [],
        "answers are not answered"
    );
}

#[test]
fn end_of_any_lane_ends_the_session_once() {
    let mut state = open();
    let outputs = handle(&mut state, at(1), Input::LaneEnded { lane: 1 });
    assert_eq!(outputs, [Output::Closed(DownReason::Closed)]);
    assert_eq!(handle(&mut state, at(2), Input::LaneEnded { lane: 0 }), []);
    assert_eq!(handle(&mut state, at(2), Input::Overflowed), []);
    assert_eq!(handle(&mut state, at(9999), Input::Elapsed), []);
}

#[test]
fn disconnect_says_goodbye_flushes_and_waits_for_the_peer() {
    let mut state = open();
    let close = Input::Close(DownReason::Disconnected);
    let outputs = handle(&mut state, at(10), close.clone());
    assert_eq!(outputs, [Output::Goodbye(Goodbye::Disconnect)]);
    assert_eq!(handle(&mut state, at(10), close), [], "once");
    for lane in [0, 1] {
        assert_eq!(handle(&mut state, at(11), Input::Flushed { lane }), []);
    }
    assert_eq!(handle(&mut state, at(12), Input::LaneEnded { lane: 0 }), []);
    let outputs = handle(&mut state, at(12), Input::LaneEnded { lane: 1 });
    assert_eq!(outputs, [Output::Closed(DownReason::Disconnected)]);
}

#[test]
fn goodbye_that_cannot_be_flushed_is_cut_short() {
    let mut state = open();
    handle(&mut state, at(10), Input::Close(DownReason::Shutdown));
    assert_eq!(state.deadline(), Some(at(10) + GRACE));
    assert_eq!(handle(&mut state, at(500), Input::Elapsed), []);
    let outputs = handle(&mut state, at(10) + GRACE, Input::Elapsed);
    assert_eq!(outputs, [Output::Closed(DownReason::Shutdown)]);
}

#[test]
fn goodbye_of_the_peer_counts_when_all_lanes_are_read_to_their_end() {
    let mut state = open();
    let goodbye = Goodbye::Shutdown;
    let outputs = handle(&mut state, at(10), Input::GoodbyeHeard { lane: 0, goodbye });
    assert_eq!(outputs, [], "lane 1 may still hold envelopes");
    let outputs = handle(&mut state, at(20), Input::GoodbyeHeard { lane: 1, goodbye });
    assert_eq!(outputs, [Output::Closed(DownReason::Shutdown)]);
}

#[test]
fn goodbye_on_one_lane_only_is_cut_short() {
    let mut state = open();
    let goodbye = Goodbye::Disconnect;
    handle(&mut state, at(10), Input::GoodbyeHeard { lane: 1, goodbye });
    let outputs = handle(&mut state, at(10) + GRACE, Input::Elapsed);
    assert_eq!(outputs, [Output::Closed(DownReason::Closed)]);
}

#[test]
fn both_sides_may_say_goodbye_at_once() {
    let mut state = open();
    handle(&mut state, at(10), Input::Close(DownReason::Shutdown));
    for lane in [0, 1] {
        let goodbye = Goodbye::Shutdown;
        assert_eq!(handle(&mut state, at(11), Input::GoodbyeHeard { lane, goodbye }), []);
    }
    assert_eq!(handle(&mut state, at(12), Input::Flushed { lane: 0 }), []);
    let outputs = handle(&mut state, at(12), Input::Flushed { lane: 1 });
    assert_eq!(outputs, [Output::Closed(DownReason::Shutdown)]);
}

#[test]
fn faults_end_the_session_at_once() {
    let violated = || Input::Violated("why".to_owned());
    let faults = [
        (violated(), DownReason::ProtocolError("why".to_owned())),
        (Input::Overflowed, DownReason::Overflow),
        (Input::Close(DownReason::Closed), DownReason::Closed),
    ];
    for (input, reason) in faults {
        assert_eq!(handle(&mut open(), at(1), input), [Output::Closed(reason)]);
    }
}

#[test]
fn sequence_takes_each_number_once_and_wraps() {
    let mut sequence = Sequence::default();
    assert!(sequence.take(0).is_ok());
    assert!(sequence.take(0).is_err());
    assert!(sequence.take(2).is_err());
    assert!(sequence.take(1).is_ok());
    let mut last = Sequence { expected: u32::MAX };
    assert!(last.take(u32::MAX).is_ok());
    assert!(last.take(0).is_ok());
}
