//! The driver of `proto::supervision`'s stops: watches who is to stop, asks it, and kills it when it is
//! late.

use super::Supervisor;
use super::reports::Report;
use crate::actor::context::Cx;
use crate::bond::monitor::Ear;
use crate::pid::AnyPid;
use crate::proto::supervision::{ChildKey, Input, Shutdown, StopInput, StopOutput};
use crate::reason::ExitReason;

impl Supervisor {
    /// Stops a child within its shutdown time, here or elsewhere.
    pub(super) fn stop_child(
        &mut self,
        key: ChildKey,
        pid: AnyPid,
        shutdown: Shutdown,
        cx: &Cx<Self>,
    ) {
        let reports = &self.reports;
        let ear = self.ear.get_or_insert_with(|| {
            let reports = reports.clone();
            Ear::new(cx.node(), move |down| reports.push(Report::Ended(down.pid)))
        });
        ear.monitor(&pid);
        self.decide_stop(StopInput::Asked { key, pid, shutdown }, cx);
    }

    /// Hands over one input of the stops, and performs what comes of it.
    pub(super) fn decide_stop(&mut self, input: StopInput, cx: &Cx<Self>) {
        let mut outbox = Vec::new();
        self.stops.handle(self.started.elapsed(), input, &mut outbox);
        for output in outbox {
            match output {
                StopOutput::Ask { pid } => cx.node().stop(&pid, ExitReason::Shutdown),
                StopOutput::Kill { key, pid, is_late } => {
                    if is_late {
                        tracing::warn!(
                            node = %cx.node().name(),
                            supervisor = %cx.pid(),
                            child = self.id_of(key),
                            %pid,
                            "killed: it did not stop in time"
                        );
                    }
                    cx.node().kill(&pid);
                }
                StopOutput::Over { key, pid } => self.decide(Input::Stopped { key, pid }, cx),
            }
        }
        self.set_alarm(cx);
    }
}
