//! How the world of a trace performs the outputs of `State`, and what must hold of them.

use super::super::super::super::*;
use super::super::log::{Answered, Attempt, Op, Outcome};
use super::{Start, World};

impl World<'_> {
    pub(super) fn input(&mut self, input: Input) {
        let mut outbox = Vec::new();
        let begins = matches!(input, Input::Begin(_)) || self.begins;
        let about = self.state.child_of(&input);
        self.state.handle(self.now, input, &mut outbox);
        self.begins = begins && !self.state.has_begun();
        // As the driver does.
        let takes_a_place = |key: &ChildKey| {
            self.state.children().get(*key).is_some_and(|child| child.life.takes_a_place())
        };
        if let Some(key) = about.filter(|key| !takes_a_place(key)) {
            self.placed.remove(&key);
        }
        outbox.into_iter().for_each(|output| self.perform(output));
        self.check_places();
        let under_way = self.starts.len() + self.stops.len();
        self.overlapped |= !self.is_ending() && under_way > 1;
    }

    /// Who starts or lives has a place on a node, and nobody else.
    fn check_places(&self) {
        let alive = |key: &ChildKey| self.alive.values().any(|alive| alive == key);
        let here = |key: &ChildKey| self.starts.contains_key(key) || alive(key);
        let all =
            self.alive.values().chain(self.starts.keys()).all(|key| self.placed.contains(key));
        let same = all && self.placed.iter().all(here);
        assert!(same, "places {:?}\n{:?}\n{}", self.placed, self.setup, self.log);
    }

    /// At the end children are stopped in reverse order, but for dynamic ones.
    fn check_order(&mut self, key: ChildKey) {
        if !self.is_ending() || self.setup.strategy == Strategy::Dynamic {
            return;
        }
        assert!(self.last_stop.is_none_or(|last| key < last), "not in reverse order");
        self.last_stop = Some(key);
    }

    fn perform(&mut self, output: Output) {
        let over = self.is_over();
        let late =
            matches!(output, Output::Start { .. } | Output::Stop { .. } | Output::End { .. });
        assert!(!(over && late), "{output:?} after the end");
        match output {
            Output::Start { key } => self.perform_start(key),
            Output::Cancel { key, shutdown } => {
                assert_eq!(shutdown, self.setup.pool(self.names[&key]).shutdown);
                let Start { name, attempt, .. } = self.starts[&key];
                self.report.ops.push(Op::Cancel(name, attempt));
                self.perform_cancel(key);
            }
            Output::Stop { key, pid, shutdown } => {
                let (name, attempt) = (self.names[&key], (pid.serial() % 1000) as Attempt);
                assert_eq!(pid, self.setup.life(name, attempt));
                assert_eq!(shutdown, self.setup.pool(name).shutdown);
                self.check_order(key);
                self.report.ops.push(Op::Stop(name, attempt));
                self.stops.insert((name, attempt), (key, false));
            }
            Output::Forget { key } => {
                self.placed.remove(&key);
            }
            Output::Answer { request, answer } => {
                let before = self.report.answers.insert(request.0, answered(&answer));
                assert_eq!(before, None, "one answer to each request");
            }
            Output::End { cause, .. } => {
                let late = self.stops.values().all(|(_, exited)| *exited);
                assert!(self.starts.is_empty() && late, "something is under way at the end");
                assert!(self.alive.is_empty(), "somebody is left at the end");
                self.report.ended = Some(cause);
            }
        }
    }

    fn perform_start(&mut self, key: ChildKey) {
        let name = self.names[&key];
        assert!(!self.alive.keys().any(|(alive, _)| *alive == name), "{name} lives twice");
        let attempt = self.attempts.entry(name).or_default();
        *attempt += 1;
        let attempt = *attempt;
        let outcome = match self.random.below(self.setup.fails_one_in) {
            0 if self.random.one_in(3) => Outcome::Ignored,
            0 if self.setup.place(name, attempt) > 0 && self.random.one_in(2) => Outcome::Lost,
            0 => Outcome::Failed,
            _ => Outcome::Up,
        };
        if outcome == Outcome::Up {
            self.alive.insert((name, attempt), key);
        }
        self.placed.insert(key);
        self.report.ops.push(Op::Start(name, attempt));
        self.starts.insert(key, Start { name, attempt, outcome });
    }

    /// A start that is given up may fail for it.
    fn perform_cancel(&mut self, key: ChildKey) {
        let gives_up = self.random.one_in(2);
        let start = self.starts.get_mut(&key).unwrap();
        if gives_up && self.alive.remove(&(start.name, start.attempt)).is_some() {
            start.outcome = Outcome::Failed;
        }
    }
}

fn answered(answer: &Answer) -> Answered {
    match answer {
        Answer::Started(_) => Answered::Started,
        Answer::Ignored => Answered::Ignored,
        Answer::Failed(_) => Answered::Failed,
        Answer::Done => Answered::Done,
        Answer::Refused(error) => match error {
            ChildError::AlreadyPresent(_) => Answered::AlreadyPresent,
            ChildError::NotFound(_) => Answered::NotFound,
            ChildError::Running(_) => Answered::Running,
            ChildError::Restarting(_) => Answered::Restarting,
            ChildError::BadSpec(_) => Answered::BadSpec,
            ChildError::Dynamic => Answered::Dynamic,
            ChildError::Ending => Answered::Ending,
            ChildError::MaxChildren(_) => Answered::MaxChildren,
            ChildError::Busy => Answered::Busy,
        },
    }
}
