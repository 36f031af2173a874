//! A node: a value that holds everything the runtime knows. Several can live in one process.

pub(crate) mod alarm;
pub(crate) mod counters;
pub(crate) mod groups;
pub(crate) mod inspect;
pub(crate) mod life;
pub(crate) mod membership;
pub(crate) mod names;
mod others;
pub(crate) mod parts;
pub(crate) mod timers;
pub(crate) mod types;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::actor::Actor;
use crate::actor::info::MonitorRef;
use crate::bond::signal::Signal;
use crate::error::CallError;
use crate::identity::{NodeId, NodeInstance};
use crate::life::cell::AnyCell;
use crate::life::spawn::Spawn;
use crate::node::counters::Counters;
use crate::node::groups::JoinGroup;
use crate::node::membership::Membership;
use crate::node::names::{NameTable, RegisterError};
use crate::node::types::{Schemas, SpawnableType, TypeTable};
use crate::pid::{AnyPid, Pid, PidParseError, PidText};
use crate::reason::ExitReason;
use crate::remote::carrier::{Carrier, LaneKey, Urgency};
use crate::remote::needs::Needs;
use crate::remote::on::On;
use crate::remote::peer::Peer;
use crate::remote::wire::{CallRef, Header};

type Table<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// One running node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<NodeInner>);

pub(crate) struct NodeInner {
    me: Arc<Peer>,
    serials: AtomicU64,
    refs: AtomicU64,
    cells: Table<u64, Arc<dyn AnyCell>>,
    peers: Table<NodeInstance, Arc<Peer>>,
    membership: Mutex<Membership>,
    names: NameTable,
    types: TypeTable,
    carrier: OnceLock<Arc<dyn Carrier>>,
    groups: OnceLock<Arc<dyn JoinGroup>>,
    extensions: Table<TypeId, Arc<dyn Any + Send + Sync>>,
    counters: Counters,
    closing: AtomicBool,
    needs: Needs,
    runtime: tokio::runtime::Handle,
    system: OnceLock<AnyPid>,
}

/// Who the node is.
impl Node {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &NodeId {
        &self.instance().node
    }

    /// Its name and which of its lives this is.
    #[must_use]
    pub fn instance(&self) -> &NodeInstance {
        self.0.me.instance()
    }

    /// What happened on it so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The wire names of the types it can spawn for others, in order.
    #[must_use]
    pub fn spawnable_names(&self) -> Vec<String> {
        self.0.types.names()
    }
}

/// Spawning and finding actors.
impl Node {
    /// Spawns an actor here.
    pub fn spawn<A: Actor>(&self, args: A::Args) -> Spawn<A> {
        Spawn::local(self.clone(), args)
    }

    /// Another node, or this one by name, as the place of a spawn.
    #[must_use]
    pub fn on(&self, node: &NodeId) -> On {
        On { node: self.clone(), place: node.clone() }
    }

    /// Types a pid, and binds it to this node: see [`Node::bind`].
    #[must_use]
    pub fn pid<A: Actor>(&self, any: &AnyPid) -> Pid<A> {
        Pid::typed(self.bind(any))
    }

    /// The same pid, usable from this node. Pids that this node made or received are so already.
    #[must_use]
    pub fn bind(&self, pid: &AnyPid) -> AnyPid {
        let bound = pid.home().owner().is_some_and(|owner| owner.is(self));
        if bound { pid.clone() } else { AnyPid::new(self.peer(pid.instance()), pid.serial()) }
    }

    /// Reads a pid as people write it: `<0.7>` and `<this-node.7>` are local, `<node.7>` is of the
    /// life of that node that is connected.
    ///
    /// # Errors
    /// It is not a pid, or of a node that is not connected, so that its incarnation is unknown.
    pub fn parse_pid(&self, text: &str) -> Result<AnyPid, PidTextError> {
        let PidText { node, incarnation, serial } = text.parse()?;
        let node = match node {
            Some(node) if node != *self.name() => node,
            Some(_) | None => return Ok(self.own_pid(serial)),
        };
        let peer = match incarnation {
            Some(incarnation) => self.peer(&NodeInstance { node, incarnation }),
            None => match self.connected_peer(&node) {
                Some(peer) => peer,
                None => return Err(PidTextError::NoConnection(node)),
            },
        };
        Ok(AnyPid::new(peer, serial))
    }

    /// Whether the actor lives. Of a remote pid only whether its node is connected.
    #[must_use]
    pub fn is_alive(&self, pid: &AnyPid) -> bool {
        let pid = self.bind(pid);
        if pid.is_local() {
            return self.cell(pid.serial()).is_some();
        }
        self.connected_peer(pid.node()).is_some_and(|peer| peer.instance() == pid.instance())
    }

    /// Gives a local actor a name on this node. The name goes when the actor ends.
    ///
    /// # Errors
    /// Any [`RegisterError`]; the names are unchanged.
    pub fn register(&self, name: &str, pid: &impl AsRef<AnyPid>) -> Result<(), RegisterError> {
        let pid = self.bind(pid.as_ref());
        if !pid.is_local() {
            return Err(RegisterError::NotLocal(pid));
        }
        let cell = self.cell(pid.serial()).ok_or(RegisterError::NoProc)?;
        self.0.names.register(name, &pid)?;
        if cell.core().ended().is_some() {
            // It ended meanwhile, and may have been buried before the name was there.
            self.0.names.forget(pid.serial());
            return Err(RegisterError::NoProc);
        }
        Ok(())
    }

    /// Takes a name back; `false` if nobody held it.
    #[must_use = "it says whether the name was held"]
    pub fn unregister(&self, name: &str) -> bool {
        self.0.names.unregister(name)
    }

    /// Who holds a name on this node.
    #[must_use]
    pub fn whereis(&self, name: &str) -> Option<AnyPid> {
        self.0.names.find(name)
    }

    /// The names of this node and who holds them, by name.
    #[must_use]
    pub fn registered(&self) -> Vec<(String, AnyPid)> {
        self.0.names.list()
    }
}

/// What the other modules of the runtime need of a node.
impl Node {
    /// Whether both are the same node value.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Runs a task on the node's runtime, wherever this is called from.
    pub(crate) fn run<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.runtime.spawn(task)
    }

    /// Runs work that blocks where that hurts nobody.
    pub(crate) fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.runtime.spawn_blocking(work)
    }

    pub(crate) fn membership(&self) -> &Mutex<Membership> {
        &self.0.membership
    }

    pub(crate) fn needs(&self) -> &Needs {
        &self.0.needs
    }

    pub(crate) fn schemas(&self) -> Schemas {
        self.0.types.schemas()
    }

    pub(crate) fn types(&self) -> &TypeTable {
        &self.0.types
    }

    pub(crate) fn allows_spawn(&self, peer: &NodeId, name: &str) -> bool {
        self.0.types.allows(peer, name)
    }

    pub(crate) fn spawnable(&self, name: &str) -> Option<Arc<dyn SpawnableType>> {
        self.0.types.find(name)
    }

    pub(crate) fn own_peer(&self) -> &Arc<Peer> {
        &self.0.me
    }

    pub(crate) fn own_pid(&self, serial: u64) -> AnyPid {
        AnyPid::new(Arc::clone(&self.0.me), serial)
    }

    pub(crate) fn cell(&self, serial: u64) -> Option<Arc<dyn AnyCell>> {
        self.0.cells.get(&serial).map(|cell| Arc::clone(&cell))
    }

    #[expect(clippy::disallowed_methods, reason = "a list of all actors, for shutdown and views")]
    pub(crate) fn cells(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut cells: Vec<_> = self.0.cells.iter().map(|entry| Arc::clone(&entry)).collect();
        cells.sort_unstable_by_key(|cell| cell.core().pid().serial());
        cells
    }

    pub(crate) fn next_call(&self) -> CallRef {
        CallRef(self.next_ref())
    }

    pub(crate) fn next_monitor(&self) -> MonitorRef {
        MonitorRef(self.next_ref())
    }

    /// A number that this node gives out once.
    pub(crate) fn next_ref(&self) -> u64 {
        self.0.refs.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that no node gives out twice, as far as a hash of its life and the number may say so.
    pub(crate) fn unique(&self) -> u64 {
        let mut text = self.name().as_str().as_bytes().to_vec();
        text.extend(self.instance().incarnation.0.to_le_bytes());
        text.extend(self.next_ref().to_le_bytes());
        xxhash_rust::xxh3::xxh3_64(&text)
    }

    /// Puts an endpoint that is no actor into the pid table.
    pub(crate) fn add_endpoint<C: AnyCell + 'static>(
        &self,
        make: impl FnOnce(AnyPid) -> C,
    ) -> Arc<C> {
        let serial = self.0.serials.fetch_add(1, Ordering::Relaxed);
        let cell = Arc::new(make(self.own_pid(serial)));
        self.0.cells.insert(serial, Arc::clone(&cell) as Arc<dyn AnyCell>);
        cell
    }

    /// Sends a signal of who runs this, here or elsewhere. What cannot arrive is answered as if by the
    /// receiver.
    pub(crate) fn signal(&self, to: &AnyPid, signal: Signal) {
        self.signal_by(LaneKey::of_sender(), to, signal);
    }

    /// The same for a signal of another sender, or one on behalf of an actor.
    pub(crate) fn signal_by(&self, lane: LaneKey, to: &AnyPid, signal: Signal) {
        let reason = if to.home().is_own() {
            match self.cell(to.serial()) {
                Some(cell) => return cell.on_signal(self, signal),
                None => ExitReason::NoProc,
            }
        } else {
            let header = signal.clone().header(to.serial());
            match to.home().send(lane, Urgency::Forced, &header, &mut |_| Ok(())) {
                Ok(()) => return,
                Err(crate::error::CastError::NoProc) => ExitReason::NoProc,
                Err(_) => ExitReason::NoConnection,
            }
        };
        self.bounce(to, signal, reason);
    }

    /// Answers a signal that cannot arrive as its receiver would.
    pub(crate) fn bounce(&self, to: &AnyPid, signal: Signal, reason: ExitReason) {
        if let Some((back, signal)) = signal.bounced(to, reason) {
            // Behind what `to` sent while it lived.
            self.signal_by(LaneKey::of_actor(to.serial()), &back, signal);
        }
    }

    /// Notes that the local actor `own` has a bond with `other`, in case `other`'s node goes.
    pub(crate) fn bond(&self, own: &AnyPid, other: &AnyPid) {
        if other.is_local() || !own.is_local() {
            return;
        }
        other.home().bond(own.serial());
        let noted = self
            .cell(own.serial())
            .map(|cell| cell.core().with_bonds(|bonds| bonds.note_bonded(other.clone())));
        if !matches!(noted, Some(Ok(()))) {
            other.home().unbond(own.serial());
        }
    }

    /// Answers a call of an actor that is not there, behind what it sent while it was.
    pub(crate) fn refuse_call(&self, peer: &Arc<Peer>, to: u64, call: CallRef) {
        let header = Header::ReplyError { call, error: CallError::NoProc };
        let _ = peer.send(LaneKey::of_actor(to), Urgency::Forced, &header, &mut |_| Ok(()));
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}#{})", self.name(), self.instance().incarnation)
    }
}

/// A text that this node cannot read as a pid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PidTextError {
    /// It is not a pid.
    #[error(transparent)]
    NotAPid(#[from] PidParseError),
    /// Its node is not connected.
    #[error("no connection to {0}")]
    NoConnection(NodeId),
}
