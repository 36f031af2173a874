//! The bodies of frames that are not envelopes, and the machine of a session that takes them.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use starlings_transport::proto::session::{Facts, IdleRules, Input, Output, Sequence, State};
use starlings_transport::wire::{Fragment, Goodbye, Idle, NewPulse, Pulse, decode};

use crate::parts;

fn checked<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    bytes: &[u8],
) -> Option<M> {
    let message: M = decode(bytes)?;
    let again = postcard::to_allocvec(&message).expect("a message");
    assert_eq!(decode::<M>(&again).as_ref(), Some(&message), "encoded again");
    Some(message)
}

/// Each part is a lane's next body; what it decodes to happens to a session, a moment later each time.
pub fn run(bytes: &[u8]) {
    let pulse = Pulse { heartbeat_ms: 1000, silent_ms: 5000 };
    let (mut now, mut sequence) = (Duration::ZERO, Sequence::default());
    let rules = IdleRules { after: Some(Duration::from_millis(200)), is_dialler: true };
    let mut state = State::new(now, 3, [pulse, pulse]).with_idle(rules);
    let mut outbox = Vec::new();
    for part in parts(bytes) {
        let _ = checked::<Fragment>(part);
        let number = checked::<u32>(part);
        let _ = number.map(|number| sequence.take(number));
        let lane = part.first().map_or(0, |byte| byte % 5);
        now += Duration::from_millis(part.len() as u64 * 100);
        if let Some(goodbye) = checked::<Goodbye>(part) {
            state.handle(now, Input::GoodbyeHeard { lane, goodbye }, &mut outbox);
        }
        let facts = |delivered| Facts { needed: false, sent: vec![0, 0], delivered };
        if let Some(said) = checked::<Idle>(part) {
            // As if all that it tells of had come.
            let delivered = match &said {
                Idle::Ask(sent) | Idle::Agree(sent) => sent.clone(),
                Idle::Decline | Idle::Withdraw => vec![0, 0],
            };
            state.handle(now, Input::IdleHeard(said, facts(delivered)), &mut outbox);
        }
        match checked::<NewPulse>(part) {
            Some(new) if new.pulse.is_possible() => {
                state.handle(now, Input::PulseHeard(new), &mut outbox);
            }
            _ => state.handle(now, Input::Heard, &mut outbox),
        }
        if state.deadline().is_some_and(|deadline| deadline <= now) {
            state.handle(now, Input::Elapsed, &mut outbox);
            if outbox.contains(&Output::Look) {
                state.handle(now, Input::Looked(facts(vec![0, 0])), &mut outbox);
            }
        }
    }
    let closed = outbox.iter().position(|output| matches!(output, Output::Closed(_)));
    assert!(closed.is_none_or(|at| at + 1 == outbox.len()), "the end is the last: {outbox:?}");
}
