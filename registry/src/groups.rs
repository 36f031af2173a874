//! Process groups: many pids under one key, on all nodes. Source: OTP `pg`.
//!
//! ```text
//!   Groups (handle) ──▶ driver ──▶ proto::groups
//!        │ reads          ▲  │ events
//!        ▼                │  ▼
//!      view          server (actor) ◀──▶ the servers of other nodes
//! ```

mod server;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{
    Actor, AnyPid, CastError, ChildSpec, MethodKey, Node, NodeInstance, Pid, Remote, encode_cast,
    spec,
};

use crate::driver::Driver;
use crate::key::{Key, KeyError};
use crate::proto::groups::{GroupError, MonitorId, State, Target, TooManyMonitors};
use crate::proto::replication::DIGEST_INTERVAL;
pub use server::GroupsServer;
use server::{GroupsServerMessage, GroupsShell};

/// The groups of one scope, as seen from one node. Cheap to clone.
#[derive(Clone)]
pub struct Groups(Arc<Driver<State, GroupsShell>>);

/// Why a join, leave or monitor did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupsError {
    /// The key of the group is none.
    #[error(transparent)]
    BadKey(#[from] KeyError),
    /// Only local pids join and leave, and leave what they joined; or there are too many facts.
    #[error(transparent)]
    Refused(#[from] GroupError),
    /// The actor has ended.
    #[error("no such actor")]
    NoProc,
    /// Too many monitors.
    #[error(transparent)]
    TooManyMonitors(#[from] TooManyMonitors),
}

/// A pid has joined or left a group: what a monitor of the group gets as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEvent {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Which group.
    pub group: Key,
    /// Whether it joined or left.
    pub change: crate::proto::groups::Change,
    /// Who.
    pub pid: AnyPid,
}

/// The scopes of one node, kept with it.
#[derive(Debug, Default)]
struct Scopes(Mutex<BTreeMap<String, Groups>>);

impl Groups {
    /// The groups of a scope on a node. Nodes see each other's members in scopes that both run:
    /// [`Groups::child`].
    #[must_use]
    pub fn of(node: &Node, scope: &str) -> Self {
        let scopes = node.extension(Scopes::default);
        let mut scopes = scopes.0.lock();
        let make = || {
            let stream = crate::driver::new_stream(node);
            let state = State::new(node.instance().clone(), stream, DIGEST_INTERVAL);
            let shell = GroupsShell::new(scope);
            Self(Driver::start(node, state, shell))
        };
        scopes.entry(scope.to_owned()).or_insert_with(make).clone()
    }

    /// The server of a scope, to stand under a supervisor. It may be killed at any time: members
    /// and monitors are kept, and what it missed meanwhile is made up for.
    #[must_use]
    pub fn child(scope: &str) -> ChildSpec {
        spec::<GroupsServer>(scope.to_owned()).id(format!("groups/{scope}"))
    }

    /// Makes a local actor a member; joined n times, it must leave n times. It leaves when it ends.
    ///
    /// Seen here when this returns, elsewhere shortly after. Source: `pg:join/3`.
    ///
    /// # Errors
    /// Any [`GroupsError`]; nothing is changed.
    pub fn join(&self, group: &str, pid: &impl AsRef<AnyPid>) -> Result<(), GroupsError> {
        let (group, pid) = (Key::new(group)?, self.0.node.bind(pid.as_ref()));
        if pid.is_local() && !self.0.node.is_alive(&pid) {
            return Err(GroupsError::NoProc);
        }
        self.0.apply(|state, _, outbox| state.join(group, &pid, outbox))?;
        self.0.watch(&pid);
        Ok(())
    }

    /// Takes back one join. Source: `pg:leave/3`.
    ///
    /// # Errors
    /// Any [`GroupsError`]; nothing is changed.
    pub fn leave(&self, group: &str, pid: &impl AsRef<AnyPid>) -> Result<(), GroupsError> {
        let (group, pid) = (Key::new(group)?, self.0.node.bind(pid.as_ref()));
        Ok(self.0.apply(|state, _, outbox| state.leave(&group, &pid, outbox))?)
    }

    /// The members of a group on all connected nodes, each once, in the order of pids.
    ///
    /// Read from a table, without a message. The cost does not depend on the size of the group,
    /// except for the first read after a change. Source: `pg:get_members/2`.
    #[must_use]
    pub fn members(&self, group: &str) -> Arc<[AnyPid]> {
        self.0.shell.view.members(group)
    }

    /// The members, as pids of actors of type `A`.
    #[must_use]
    pub fn members_as<A: Actor>(&self, group: &str) -> Vec<Pid<A>> {
        self.members(group).iter().map(|pid| self.0.node.pid(pid)).collect()
    }

    /// The members that live on this node. Source: `pg:get_local_members/2`.
    #[must_use]
    pub fn local_members(&self, group: &str) -> Vec<AnyPid> {
        self.members(group).iter().filter(|pid| pid.is_local()).cloned().collect()
    }

    /// All groups that have members, in order. Source: `pg:which_groups/1`.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.0.read(|state| state.groups().map(|group| group.as_str().to_owned()).collect())
    }

    /// Has a local actor get a [`GroupEvent`] for every change of a group from now on, and gives the
    /// members at this moment: no gap, no duplicate. Ends when the actor does.
    /// Source: `pg:monitor/2`.
    ///
    /// # Errors
    /// Any [`GroupsError`]; nothing is monitored.
    pub fn monitor(
        &self,
        group: &str,
        subscriber: &impl AsRef<AnyPid>,
    ) -> Result<(MonitorId, Vec<AnyPid>), GroupsError> {
        let group = Key::new(group)?;
        let subscriber = self.0.node.bind(subscriber.as_ref());
        if !self.0.node.is_alive(&subscriber) || !subscriber.is_local() {
            return Err(GroupsError::NoProc);
        }
        let (monitor, members) = self.0.apply(|state, _, _| {
            let (monitor, snapshot) = state.monitor(Target::Group(group))?;
            self.0.shell.subscribe(monitor, &subscriber);
            Ok::<_, TooManyMonitors>((monitor, snapshot))
        })?;
        self.0.watch(&subscriber);
        Ok((monitor, members.into_iter().map(|(_, pid)| self.0.node.bind(&pid)).collect()))
    }

    /// Ends a monitor; `false` if there is none.
    pub fn demonitor(&self, monitor: MonitorId) -> bool {
        self.0.shell.unsubscribe(monitor);
        self.0.apply(|state, _, _| state.demonitor(monitor))
    }

    /// Sends a cast to all members: one message to each node that has any, not one to each member.
    ///
    /// Not ordered with casts sent to single members. A member that is full misses it, and its node
    /// counts that. Gives the number of nodes that it went to: those that cannot be reached, or whose
    /// lane is full, miss it.
    ///
    /// # Errors
    /// The message does not encode; nothing was sent.
    pub fn cast_all<A: Remote>(
        &self,
        group: &str,
        message: &A::Message,
    ) -> Result<usize, CastError> {
        let key = Key::new(group).map_err(|error| CastError::BadMessage(error.to_string()))?;
        let (method, payload) = encode_cast::<A>(message)?;
        let members = self.members(group);
        let mut nodes: Vec<&NodeInstance> = members.iter().map(AnyPid::instance).collect();
        nodes.dedup();
        let sent = nodes.iter().filter(|node| self.cast_node(node, &key, method, &payload).is_ok());
        Ok(sent.count())
    }

    fn cast_node(
        &self,
        to: &NodeInstance,
        group: &Key,
        method: MethodKey,
        payload: &[u8],
    ) -> Result<(), CastError> {
        let node = &self.0.node;
        if to == node.instance() {
            self.deliver(group, method, payload);
            return Ok(());
        }
        let payload = serde_bytes::ByteBuf::from(payload);
        let message = GroupsServerMessage::Fanout { group: group.clone(), method, payload };
        node.on(&to.node).cast_named::<GroupsServer>(&self.0.shell.server, message)
    }

    fn deliver(&self, group: &Key, method: MethodKey, payload: &[u8]) {
        for pid in self.local_members(group.as_str()) {
            self.0.node.deliver_encoded(&pid, method, payload);
        }
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Groups").field(&self.0.shell.server).finish()
    }
}
