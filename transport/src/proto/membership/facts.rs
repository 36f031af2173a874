//! What is believed of whom: news taken in, suspicions, refutations, verdicts.

use std::time::Duration;

use starlings_runtime::{NodeId, NodeInstance};

use super::events::{Output, Reason};
use super::members::Status;
use super::suspicion::Suspicion;
use super::wire::{self, ACCUSERS_TOLD, Fact, Message, Update};
use super::{Phase, State};

/// Members that ping a suspected one at once, on average. 10: in a small cluster everybody, so that one
/// that reaches it is enough; in a large one no more than it can answer.
const VOUCHERS: usize = 10;

/// An accusation: whom, under which number, by whom.
type Charge<'a> = (&'a NodeInstance, u32, NodeId);

impl State {
    /// Takes what the sender of a datagram says of itself. `false`: nobody listens to it.
    pub(super) fn hears(&mut self, now: Duration, from: &Fact, outbox: &mut Vec<Output>) -> bool {
        let known = self.members.get(&from.member.node);
        if let Some(later) = known.filter(|known| known.incarnation > from.member.incarnation) {
            // It ought to know that another life has its name.
            let update = wire::encode(&later.update(&from.member.node));
            let mut datagram = wire::begin(&self.me, &Message::Gossip);
            datagram.extend_from_slice(&update);
            self.post(from.address.clone(), datagram, outbox);
            return false;
        }
        let is_same = |incarnation| incarnation == from.member.incarnation;
        if known.is_some_and(|known| {
            is_same(known.incarnation) && matches!(known.status, Status::Left { .. })
        }) {
            return false;
        }
        self.note_heard(&from.member.node);
        self.on_up(now, from.clone(), true, outbox);
        true
    }

    pub(super) fn on_update(
        &mut self,
        now: Duration,
        update: Update,
        is_news: bool,
        outbox: &mut Vec<Output>,
    ) {
        match update {
            Update::Up(fact) => self.on_up(now, fact, is_news, outbox),
            Update::Suspect { member, refutation, accuser } => {
                self.on_suspect(now, (&member, refutation, accuser), outbox);
            }
            Update::Down { fact, accusers } => self.on_down(now, fact, accusers, outbox),
            Update::Left(fact) => self.on_left(now, fact, outbox),
        }
    }

    /// A datagram of this node's own name that this life did not send, or news of one.
    pub(super) fn on_namesake(&mut self, fact: &Fact, outbox: &mut Vec<Output>) {
        let by = fact.member.incarnation;
        if by > self.me.member.incarnation && matches!(self.phase, Phase::Member) {
            self.phase = Phase::Superseded;
            outbox.push(Output::Superseded { by });
        }
    }

    fn on_up(&mut self, now: Duration, fact: Fact, is_news: bool, outbox: &mut Vec<Output>) {
        let node = fact.member.node.clone();
        if node == self.me.member.node {
            return self.on_namesake(&fact, outbox);
        }
        let before = self.members.get(&node).map(|known| {
            ((known.incarnation, known.refutation), known.is_up(), known.status.clone())
        });
        let stated = (fact.member.incarnation, fact.refutation);
        let was_up = match before {
            None => false,
            Some((known, ..)) if stated <= known => return,
            Some((known, _, Status::Left { .. })) if stated.0 == known.0 => return,
            Some((known, is_up, _)) => {
                if is_up && stated.0 > known.0 {
                    self.supersede(now, &node, &fact, outbox);
                }
                is_up && stated.0 == known.0
            }
        };
        self.suspicions.remove(&node);
        if !self.members.put(fact.clone(), Status::Up, &mut self.random) {
            self.metrics.dropped += 1;
            return;
        }
        if !was_up {
            let (member, address) = (fact.member.clone(), fact.address.clone());
            outbox.push(Output::Up { member, address });
        }
        if is_news {
            self.spread(&Update::Up(fact));
        }
    }

    fn on_suspect(&mut self, now: Duration, charge: Charge<'_>, outbox: &mut Vec<Output>) {
        let (member, refutation, accuser) = (charge.0, charge.1, &charge.2);
        if *member == self.me.member {
            return self.refute(refutation);
        }
        // An accusation by this node that comes back, or one by somebody whom it does not know.
        let is_known = self.members.get(accuser).is_some_and(|accuser| accuser.is_up());
        if *accuser == member.node || !is_known {
            return;
        }
        let Some(known) = self.members.get(&member.node) else { return };
        if known.incarnation != member.incarnation || known.refutation > refutation {
            return;
        }
        if !known.is_up() {
            // The accuser has missed the verdict.
            if !self.news.tells_of(&member.node) {
                let update = known.update(&member.node);
                self.spread(&update);
            }
            return;
        }
        if refutation > known.refutation {
            // Only the member itself can have raised it: it has refuted everything before.
            self.members.raise(&member.node, refutation);
            self.suspicions.remove(&member.node);
        }
        self.accuse(now, charge, outbox);
    }

    /// Notes an accusation of a member that is up.
    pub(super) fn accuse(&mut self, now: Duration, charge: Charge<'_>, outbox: &mut Vec<Output>) {
        let (member, refutation, accuser) = charge;
        let members = self.members_len();
        if let Some(suspicion) = self.suspicions.get_mut(&member.node) {
            if !suspicion.accuse(now, accuser.clone(), members, &self.config) {
                return;
            }
        } else {
            let suspicion = Suspicion::new(now, accuser.clone(), members, &self.config);
            self.suspicions.insert(member.node.clone(), suspicion);
            if accuser != self.me.member.node {
                self.vouch(&member.node, outbox);
            }
        }
        outbox.push(Output::Suspected { member: member.clone(), accuser: accuser.clone() });
        self.spread(&Update::Suspect { member: member.clone(), refutation, accuser });
    }

    /// Pings a member that somebody else suspects, with that suspicion: if this node reaches it, it hears
    /// of it at once, and its answer refutes it. About ten of all members do so.
    fn vouch(&mut self, node: &NodeId, outbox: &mut Vec<Output>) {
        let is_chosen = self.random.index(self.members_len()) < VOUCHERS;
        let Some(known) = self.members.get(node) else { return };
        if is_chosen && self.config.parts.vouching {
            let (to, number) = (known.fact(node), self.draw());
            self.send(&to, &Message::Ping { number, to: node.clone() }, outbox);
        }
    }

    /// Somebody's verdict. It counts as what the accusers say, so the member has the time to refute
    /// that every suspicion has; a verdict of the other half of a healed partition counts for nothing.
    fn on_down(
        &mut self,
        now: Duration,
        fact: Fact,
        accusers: Vec<NodeId>,
        outbox: &mut Vec<Output>,
    ) {
        if fact.member == self.me.member {
            return self.refute(fact.refutation);
        }
        if fact.member.node == self.me.member.node {
            return self.on_namesake(&fact, outbox);
        }
        let node = fact.member.node.clone();
        let known = self.members.get(&node).map(|known| (known.incarnation, known.is_up()));
        match known {
            Some((incarnation, true)) if incarnation == fact.member.incarnation => {
                for accuser in accusers {
                    let charge = (&fact.member, fact.refutation, accuser);
                    self.on_suspect(now, charge, outbox);
                }
            }
            Some((incarnation, false)) if incarnation == fact.member.incarnation => {
                // Its life up to that number is over.
                self.members.raise(&node, fact.refutation);
            }
            Some((incarnation, _)) if incarnation > fact.member.incarnation => {}
            Some((_, is_up)) => {
                if is_up {
                    self.supersede(now, &node, &fact, outbox);
                }
                self.remember(fact, Status::Down { since: now, accusers });
            }
            None => self.remember(fact, Status::Down { since: now, accusers }),
        }
    }

    fn on_left(&mut self, now: Duration, fact: Fact, outbox: &mut Vec<Output>) {
        let node = fact.member.node.clone();
        if node == self.me.member.node {
            return self.on_namesake(&fact, outbox);
        }
        let left = Status::Left { since: now };
        let Some(known) = self.members.get(&node) else {
            return self.remember(fact, left);
        };
        let is_over = matches!(known.status, Status::Left { .. });
        if known.incarnation > fact.member.incarnation
            || (is_over && known.incarnation == fact.member.incarnation)
        {
            return;
        }
        if known.is_up() {
            let member = NodeInstance { node: node.clone(), incarnation: known.incarnation };
            let reason = if known.incarnation == fact.member.incarnation {
                Reason::Left
            } else {
                Reason::Superseded { by: fact.member.incarnation }
            };
            outbox.push(Output::Down { member, reason });
        }
        self.suspicions.remove(&node);
        self.remember(fact.clone(), left);
        self.spread(&Update::Left(fact));
    }

    /// A later life of a member that is up: the earlier one is gone.
    fn supersede(&mut self, now: Duration, node: &NodeId, later: &Fact, outbox: &mut Vec<Output>) {
        let Some(known) = self.members.get(node) else { return };
        let fact = known.fact(node);
        let reason = Reason::Superseded { by: later.member.incarnation };
        outbox.push(Output::Down { member: fact.member.clone(), reason });
        self.suspicions.remove(node);
        self.remember(fact, Status::Down { since: now, accusers: Vec::new() });
    }

    /// Says that this life is there, after all that is said under `refutation`.
    fn refute(&mut self, refutation: u32) {
        if refutation < self.me.refutation {
            return;
        }
        self.me.refutation = refutation.saturating_add(1);
        self.metrics.refuted += 1;
        self.health.worsen(1);
        let up = Update::Up(self.me.clone());
        self.spread(&up);
    }

    /// Ends suspicions whose time is over: with a verdict, or with nothing.
    pub(super) fn judge(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        let is_over = |suspicion: &Suspicion| suspicion.deadline(&self.config) <= now;
        let over = self.suspicions.iter().filter(|(_, suspicion)| is_over(suspicion));
        let over: Vec<_> = over.map(|(node, _)| node.clone()).collect();
        for node in over {
            let Some(fact) = self.members.get(&node).map(|known| known.fact(&node)) else {
                continue;
            };
            let called = self.suspicions.get_mut(&node).map(|it| it.call(now, &self.config));
            if called == Some(true) {
                let number = self.draw();
                self.send(&fact, &Message::Ping { number, to: node }, outbox);
                continue;
            }
            let Some(suspicion) = self.suspicions.remove(&node) else { continue };
            let mut accusers = suspicion.accusers;
            if accusers.len() < self.accusers_min() {
                self.metrics.lapsed += 1;
                continue;
            }
            self.metrics.verdicts += 1;
            let status = Status::Down { since: now, accusers: accusers.clone() };
            self.remember(fact.clone(), status);
            let (member, reason) =
                (fact.member.clone(), Reason::Verdict { accusers: accusers.clone() });
            outbox.push(Output::Down { member, reason });
            accusers.truncate(ACCUSERS_TOLD);
            self.spread(&Update::Down { fact: fact.clone(), accusers });
            // If it lives after all it hears so at once, and can say so.
            self.send(&fact, &Message::Gossip, outbox);
        }
    }

    /// How many accusers a verdict takes now. Who hears nobody waits for no other accuser: either there
    /// is none left, or this member is cut off, and then it is a side of a partition like any other.
    fn accusers_min(&self) -> usize {
        match self.members.hears_anybody() {
            true => self.config.accusers_min(self.members_len()),
            false => 1,
        }
    }

    /// What is held against a node, to be told to it with whatever it is sent.
    pub(super) fn charge(&self, node: &NodeId) -> Option<Update> {
        let known = self.members.get(node)?;
        if !known.is_up() {
            return Some(known.update(node));
        }
        let accuser = self.suspicions.get(node)?.accusers.first()?.clone();
        let Fact { member, refutation, .. } = known.fact(node);
        self.config.parts.buddy.then_some(Update::Suspect { member, refutation, accuser })
    }

    fn remember(&mut self, fact: Fact, status: Status) {
        self.members.put(fact, status, &mut self.random);
    }

    pub(super) fn spread(&mut self, update: &Update) {
        if !self.news.add(update) {
            self.metrics.dropped += 1;
        }
    }
}
