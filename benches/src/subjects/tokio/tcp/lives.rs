//! Tasks of another process, each started, asked once and stopped: what a spawn there is at the least.

use std::collections::HashMap;
use std::time::Instant;

use super::{Frame, Pair};
use crate::child::{self, check, rate};
use crate::cost::Meter;
use crate::figure::Figure;
use crate::subjects::tokio::{Counter, counter, get};

/// The tasks of a server.
#[derive(Default)]
pub(super) struct Tasks {
    started: u64,
    living: HashMap<u64, Counter>,
}

impl Tasks {
    pub(super) fn start(&mut self) -> u64 {
        self.started += 1;
        self.living.insert(self.started, counter());
        self.started
    }

    pub(super) async fn ask(&self, task: u64) -> child::Result<u64> {
        get(self.living.get(&task).ok_or("no such task")?).await
    }

    pub(super) fn stop(&mut self, task: u64) {
        self.living.remove(&task);
    }
}

impl Pair {
    /// Always has `at_once` tasks there, each of which waits for its start or its answer.
    pub(super) async fn spawn(&mut self, count: u64, at_once: u64) -> child::Result<Figure> {
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        for _ in 0..at_once {
            self.writer.put(&Frame::Start).await?;
        }
        self.writer.flush().await?;
        let (mut asked, mut ended) = (at_once, 0);
        while ended < count {
            match self.reader.next().await? {
                Some(Frame::Started(task)) => self.writer.put(&Frame::Ask(task)).await?,
                Some(Frame::Answer(task, sum)) => {
                    check("the sum", sum, 0)?;
                    self.writer.put(&Frame::Stop(task)).await?;
                    ended += 1;
                    if asked < count {
                        self.writer.put(&Frame::Start).await?;
                        asked += 1;
                    }
                }
                _ => return Err("no answer from the server".into()),
            }
            if !self.reader.has_frame() {
                self.writer.flush().await?;
            }
        }
        meter.stop(rate(count, start).into(), count)
    }
}
