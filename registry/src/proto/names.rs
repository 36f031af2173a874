//! Eventually consistent names of one scope: available in every partition, one owner in the end.
//!
//! A node publishes name -> claim for its own pids. Claims of several nodes for one name meet when
//! two nodes registered it without knowing of each other; then the greatest claim wins, by `order`
//! and then by pid, the same on every node that sees the same claims ([`Owner`]). A node that sees
//! its own claim beaten withdraws it and says so once.
//!
//! Invariant: what [`State::whereis`] returns depends on nothing but the set of facts; a claim of
//! this node is published only while no greater one is known.

mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starlings_runtime::{AnyPid, NodeInstance};

use super::replication::{self, Full};
use super::{Input, Output};
use crate::key::{Key, Metadata};
use crate::wire::{Claim, NamesMessage};
pub use view::Owner;
use view::View;

/// What happens to names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The visible owner of a name is another one, or has claimed it anew.
    Changed {
        /// The name.
        name: Key,
        /// Who had it.
        before: Option<Owner>,
        /// Who has it.
        after: Option<Owner>,
    },
    /// A pid of this node has lost its name to one that had registered it elsewhere at the same
    /// time. Said once, by the loser's node alone, after the [`Event::Changed`].
    Conflict {
        /// The name.
        name: Key,
        /// Who lost it: of this node.
        loser: AnyPid,
        /// Who has it.
        winner: AnyPid,
    },
    /// A name of a pid of this node was moved by `re_register` on another node.
    Moved {
        /// The name.
        name: Key,
        /// Who had it: of this node.
        from: AnyPid,
        /// Who has it.
        to: AnyPid,
    },
}

/// Where sends and events go.
pub type Outbox = Vec<Output<NamesMessage, Event>>;

/// Why a name was not registered or unregistered. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Names are registered on the node of their pid.
    #[error("the pid is not of this node")]
    NotLocal,
    /// Somebody has the name, perhaps the pid itself.
    #[error("the name is taken by {owner}")]
    Taken {
        /// Who.
        owner: AnyPid,
    },
    /// Nobody has the name.
    #[error("the name is not registered")]
    NotRegistered,
    /// A pid of another node has the name: ask that node.
    #[error("the name belongs to {owner}, of another node")]
    OwnedElsewhere {
        /// Who.
        owner: AnyPid,
    },
    /// See [`Full`].
    #[error(transparent)]
    Full(#[from] Full),
}

/// The names of one scope on one node.
#[derive(Debug)]
pub struct State {
    facts: replication::State<Key, Claim>,
    view: View,
    /// The names of each pid of this node, by serial; none is empty.
    held: BTreeMap<u64, BTreeSet<Key>>,
    /// The greatest order seen in any claim.
    order: u64,
}

impl State {
    /// A scope without names. For `stream` and the interval see [`replication::State::new`].
    #[must_use]
    pub fn new(me: NodeInstance, stream: u64, digest_interval: Duration) -> Self {
        Self {
            facts: replication::State::new(me, stream, digest_interval),
            view: View::default(),
            held: BTreeMap::new(),
            order: 0,
        }
    }

    /// Gives `name` to `pid`, if nobody is seen to have it. Seen here from now on.
    ///
    /// The caller sees to it that `pid` is alive, and calls [`State::pid_down`] when it dies.
    ///
    /// # Errors
    /// `NotLocal`, `Taken`, `Full`.
    pub fn register(
        &mut self,
        name: Key,
        pid: &AnyPid,
        metadata: Metadata,
        outbox: &mut Outbox,
    ) -> Result<(), NameError> {
        self.check_local(pid)?;
        if let Some(owner) = self.view.owner(&name) {
            return Err(NameError::Taken { owner: owner.pid.clone() });
        }
        self.claim(name, pid, metadata, None, outbox)
    }

    /// Gives `name` to `pid` whoever has it; also the way to change metadata. The one who had it is
    /// not in conflict: its node says [`Event::Moved`].
    ///
    /// # Errors
    /// `NotLocal`, `Full`.
    pub fn re_register(
        &mut self,
        name: Key,
        pid: &AnyPid,
        metadata: Metadata,
        outbox: &mut Outbox,
    ) -> Result<(), NameError> {
        self.check_local(pid)?;
        let before = self.view.owner(&name).map(|owner| owner.pid.clone());
        let replaces = before.filter(|before| before != pid);
        self.claim(name, pid, metadata, replaces, outbox)
    }

    /// Takes a name from a pid of this node.
    ///
    /// # Errors
    /// `NotRegistered`, `OwnedElsewhere`.
    pub fn unregister(&mut self, name: &Key, outbox: &mut Outbox) -> Result<(), NameError> {
        match self.view.owner(name) {
            None => Err(NameError::NotRegistered),
            Some(owner) if owner.pid.instance() != self.facts.me() => {
                Err(NameError::OwnedElsewhere { owner: owner.pid.clone() })
            }
            Some(_) => {
                self.withdraw([name.clone()].into(), outbox);
                Ok(())
            }
        }
    }

    /// Takes all names from a dead pid of this node.
    pub fn pid_down(&mut self, pid: &AnyPid, outbox: &mut Outbox) {
        if self.check_local(pid).is_ok() {
            let names = self.held.get(&pid.serial()).cloned().unwrap_or_default();
            self.withdraw(names, outbox);
        }
    }

    /// Who has a name.
    #[must_use]
    pub fn whereis(&self, name: &Key) -> Option<&Owner> {
        self.view.owner(name)
    }

    /// All names with their owners, in order.
    pub fn names(&self) -> impl Iterator<Item = (&Key, &Owner)> {
        self.view.owners()
    }

    /// The names of a pid of this node.
    pub fn names_of(&self, pid: &AnyPid) -> impl Iterator<Item = &Key> {
        let local = self.check_local(pid).is_ok();
        self.held.get(&pid.serial()).filter(|_| local).into_iter().flatten()
    }

    /// Takes one input and appends what follows from it.
    pub fn handle(&mut self, now: Duration, input: Input<NamesMessage>, outbox: &mut Outbox) {
        let mut inner = Vec::new();
        self.facts.handle(now, input, &mut inner);
        self.forward(inner, outbox);
    }

    /// When it wants [`Input::Elapsed`] next.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.facts.deadline()
    }

    /// The facts below the view, for tests and inspection.
    #[must_use]
    pub fn facts(&self) -> &replication::State<Key, Claim> {
        &self.facts
    }

    fn check_local(&self, pid: &AnyPid) -> Result<(), NameError> {
        if pid.instance() == self.facts.me() { Ok(()) } else { Err(NameError::NotLocal) }
    }

    /// Publishes a claim greater than all that were seen.
    fn claim(
        &mut self,
        name: Key,
        pid: &AnyPid,
        metadata: Metadata,
        replaces: Option<AnyPid>,
        outbox: &mut Outbox,
    ) -> Result<(), NameError> {
        let serial = pid.serial();
        let claim = Claim { order: self.order.saturating_add(1), serial, replaces, metadata };
        let mut inner = Vec::new();
        let before = self.facts.own().get(&name).map(|claim| claim.serial);
        self.facts.publish(vec![(name.clone(), Some(claim))], &mut inner)?;
        if let Some(before) = before {
            self.release(before, &name);
        }
        self.held.entry(serial).or_default().insert(name);
        self.forward(inner, outbox);
        Ok(())
    }

    /// Publishes that names of this node are free.
    fn withdraw(&mut self, names: BTreeSet<Key>, outbox: &mut Outbox) {
        for name in &names {
            if let Some(serial) = self.facts.own().get(name).map(|claim| claim.serial) {
                self.release(serial, name);
            }
        }
        let mut inner = Vec::new();
        let changes = names.into_iter().map(|name| (name, None)).collect();
        // Removals are never too many.
        let _ = self.facts.publish(changes, &mut inner);
        self.forward(inner, outbox);
    }

    fn release(&mut self, serial: u64, name: &Key) {
        if let Some(names) = self.held.get_mut(&serial) {
            names.remove(name);
            if names.is_empty() {
                self.held.remove(&serial);
            }
        }
    }

    fn forward(&mut self, inner: replication::Outbox<Key, Claim>, outbox: &mut Outbox) {
        for output in inner {
            match output {
                Output::Send { to, message } => outbox.push(Output::Send { to, message }),
                Output::Event(changed) => {
                    let order = changed.after.as_ref().map_or(0, |claim| claim.order);
                    self.order = self.order.max(order);
                    let name = changed.key.clone();
                    if let Some((before, after)) = self.view.apply(changed) {
                        let name = name.clone();
                        outbox.push(Output::Event(Event::Changed { name, before, after }));
                    }
                    self.yield_to_winner(name, outbox);
                }
            }
        }
    }

    /// Withdraws this node's claim to a name if a greater one is known.
    fn yield_to_winner(&mut self, name: Key, outbox: &mut Outbox) {
        let (Some(own), Some(owner)) = (self.facts.own().get(&name), self.view.owner(&name)) else {
            return;
        };
        if owner.pid.instance() == self.facts.me() {
            return;
        }
        let loser = AnyPid::unbound(self.facts.me().clone(), own.serial);
        let (winner, moved) = (owner.pid.clone(), owner.replaces.as_ref() == Some(&loser));
        self.withdraw([name.clone()].into(), outbox);
        outbox.push(Output::Event(if moved {
            Event::Moved { name, from: loser, to: winner }
        } else {
            Event::Conflict { name, loser, winner }
        }));
    }
}

#[cfg(test)]
mod tests;
