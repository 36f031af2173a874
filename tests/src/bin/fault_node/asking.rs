//! Calls, some at once, each of which has to end in its time.

use std::time::{Duration, Instant};

use starlings::prelude::*;
use starlings_tests::faults::Asked;

use crate::in_order::in_order;
use crate::logger::{Logger, LoggerMethods as _, answer};
use crate::moves::Moves;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How much later it may end, on a machine that is busy or after the process was stopped.
const SLACK: Duration = Duration::from_secs(20);

/// Calls that are made at once. Count.
const AT_ONCE: u64 = 4;

/// One sender's calls to one logger.
pub(crate) struct Asker {
    pub(crate) sender: u32,
    pub(crate) epoch: u32,
    pub(crate) life: u64,
    pub(crate) logger: u32,
}

impl Asker {
    /// Makes so many calls, or as many as the session lasts.
    #[expect(clippy::disallowed_methods, reason = "what it measures is real time")]
    pub(crate) async fn ask(self, node: Node, to: Pid<Logger>, calls: u64) -> Asked {
        let (Self { sender, epoch, life, logger }, moves) = (self, Moves::of(&node));
        let mut log = Asked { sender, logger, ..Asked::default() };
        while log.asked < calls && log.broken.is_empty() && !log.errors.contains_key("NoConnection")
        {
            let (first, begun) = (log.asked, Instant::now());
            let numbers = first..calls.min(first + AT_ONCE);
            let call =
                |number| to.ask(life, (sender, epoch), number).timeout(TIMEOUT).into_future();
            let _open = moves.open(format!("calls {numbers:?} from {sender} to {logger}"));
            let outcomes = in_order(numbers.clone().map(call).collect(), TIMEOUT);
            let Ok(outcomes) = tokio::time::timeout(TIMEOUT + SLACK, outcomes).await else {
                log.broken.push(format!("calls {numbers:?} do not end"));
                return log;
            };
            log.asked += outcomes.ended.len() as u64;
            for (number, outcome) in numbers.zip(outcomes.ended) {
                match outcome {
                    Some(Ok(word)) if word == answer(life, (sender, epoch), number) => {
                        log.answered += 1;
                        moves.note();
                    }
                    Some(Ok(word)) => {
                        log.broken.push(format!("call {number} is answered with {word}"));
                    }
                    Some(Err(error)) => {
                        *log.errors.entry(error.kind().to_owned()).or_default() += 1;
                    }
                    // Said below, or it follows one of which it is.
                    None => {}
                }
            }
            if let Some(at) = outcomes.missing {
                let number = first + at as u64;
                log.broken.push(format!("call {number} is not answered, and a later one is"));
            }
            if begun.elapsed() > TIMEOUT + SLACK {
                log.broken.push(format!("call {first} took {:?}", begun.elapsed()));
            }
        }
        log
    }
}
