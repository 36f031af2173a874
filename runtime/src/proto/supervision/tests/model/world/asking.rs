//! What is asked of the supervisor of a trace.

use super::super::super::super::*;
use super::super::log::{Asked, Attempt, Message, Name};
use super::super::setup::{POOL, REQUESTS_TIGHT, rules};
use super::World;

impl World<'_> {
    /// Whether something more is asked before anything else happens.
    pub(super) fn asks_more(&mut self) -> bool {
        !self.setup.one_by_one && self.random.one_in(4)
    }

    /// Asks for somebody who is being stopped as often as may wait, and twice more: under a dynamic
    /// supervisor nothing else waits.
    pub(super) fn ask_too_often(&mut self) {
        let stopping = self.stops.iter().find(|(_, (_, exited))| !exited);
        let Some((name, attempt)) = stopping.map(|(life, _)| *life) else { return };
        let is_tight = self.setup.requests_max <= REQUESTS_TIGHT;
        if self.setup.strategy != Strategy::Dynamic || !is_tight || self.random.one_in(4) {
            return;
        }
        for _ in 0..self.setup.requests_max + 2 {
            let whom = Whom::Pid(self.setup.life(name, attempt));
            self.say(Asked::TerminatePid(name, attempt), Request::Terminate(whom));
        }
    }

    pub(super) fn ask(&mut self) {
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        let name = self.random.below(POOL) as Name;
        let id = name.to_string();
        let which = match self.random.below(8) {
            // By ids a dynamic supervisor can only refuse.
            6 if dynamic && self.random.one_in(2) => 5,
            which => which,
        };
        let (asked, what) = match which {
            0..=2 => {
                let name = if dynamic { self.dynamic_names } else { name };
                self.dynamic_names += 1;
                let (key, spec) = (self.state.next_key(), self.setup.pool(name));
                self.names.insert(key, name);
                let rules = rules(&spec, self.setup.strategy);
                (Asked::Add(name), Request::Add(key, rules))
            }
            3 | 4 if !dynamic => (Asked::Terminate(name), Request::Terminate(Whom::Id(id))),
            3..=5 => {
                let Some((name, attempt)) = self.some_life() else { return };
                let whom = Whom::Pid(self.setup.life(name, attempt));
                (Asked::TerminatePid(name, attempt), Request::Terminate(whom))
            }
            6 => (Asked::StartAgain(name), Request::StartAgain(id)),
            _ => (Asked::Delete(name), Request::Delete(id)),
        };
        self.say(asked, what);
    }

    fn say(&mut self, asked: Asked, what: Request) {
        // From 1: for the models 0 is what was there from the beginning.
        let request = 1 + self.report.answers.len() as u64 + self.log.steps();
        self.arrived(Message::Asked(request, asked));
        self.input(Input::Asked(RequestId(request), what));
    }

    /// One whose pid somebody can know, since its start was reported: most are alive.
    fn some_life(&mut self) -> Option<(Name, Attempt)> {
        if !self.stops.is_empty() && self.random.one_in(2) {
            let which = self.random.below(self.stops.len());
            return self.stops.keys().nth(which).copied();
        }
        let dynamic = self.setup.strategy == Strategy::Dynamic;
        let most = if dynamic { self.alive.len() + 1 } else { self.alive.len().max(POOL) };
        let which = self.random.below(most);
        let alive = self.alive.keys().nth(which).copied();
        let (name, attempts) = (self.random.below(POOL) as Name, &self.attempts);
        let earlier = attempts.get(&name).map(|most| 1 + self.random.below(*most as usize));
        let life = alive.or_else(|| earlier.map(|attempt| (name, attempt as Attempt)));
        life.filter(|(name, attempt)| !self.is_starting(*name, *attempt))
    }
}
