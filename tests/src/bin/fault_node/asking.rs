//! Calls, one after another, each of which has to end in its time.

use std::time::{Duration, Instant};

use starlings::prelude::*;
use starlings_tests::faults::Asked;

use crate::logger::{Logger, LoggerMethods as _, answer};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How much later it may end, on a machine that is busy or after the process was stopped.
const SLACK: Duration = Duration::from_secs(20);

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
    pub(crate) async fn ask(self, to: Pid<Logger>, calls: u64) -> Asked {
        let Self { sender, epoch, life, logger } = self;
        let mut log = Asked { sender, logger, ..Asked::default() };
        while log.asked < calls && !log.errors.contains_key("NoConnection") {
            let (number, begun) = (log.asked, Instant::now());
            let call = to.ask(life, (sender, epoch), number).timeout(TIMEOUT).into_future();
            let Ok(outcome) = tokio::time::timeout(TIMEOUT + SLACK, call).await else {
                log.broken.push(format!("call {number} does not end"));
                return log;
            };
            log.asked += 1;
            match outcome {
                Ok(word) if word == answer(life, (sender, epoch), number) => log.answered += 1,
                Ok(word) => log.broken.push(format!("call {number} is answered with {word}")),
                Err(error) => *log.errors.entry(error.kind().to_owned()).or_default() += 1,
            }
            if begun.elapsed() > TIMEOUT + SLACK {
                log.broken.push(format!("call {number} took {:?}", begun.elapsed()));
            }
        }
        log
    }
}
