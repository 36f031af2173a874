//! A node: a value that holds everything the runtime knows. Several can live in one process.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::actor::{Actor, Remote, Spawnable};
use crate::carrier::{Carrier, ConnectError, LaneKey, Urgency};
use crate::cell::{ActorCell, AnyCell};
use crate::counters::Counters;
use crate::error::{CallError, SpawnError};
use crate::hosting;
use crate::identity::{NodeId, NodeInstance};
use crate::info::MonitorRef;
use crate::ingress::Ingress;
use crate::membership::Membership;
use crate::names::{NameTable, RegisterError};
use crate::peer::Peer;
use crate::pid::{AnyPid, Pid, PidParseError, PidText};
use crate::reason::ExitReason;
use crate::resident;
use crate::signal::Signal;
use crate::spawn::{Birth, Options, Spawn};
use crate::types::{DuplicateType, Schemas, SpawnableType, TypeTable};
use crate::wire::{CallRef, Header};

type Table<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// Lives of nodes remembered before those that no pid refers to are forgotten. Count.
const PEERS_PRUNE: usize = 1024;

/// How long actors that no supervisor sees to may take to stop when the node shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

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
    extensions: Table<TypeId, Arc<dyn Any + Send + Sync>>,
    counters: Counters,
    closing: AtomicBool,
    system: OnceLock<AnyPid>,
}

/// What a node is made of before it starts.
#[derive(Debug)]
pub struct NodeParts {
    instance: NodeInstance,
    types: TypeTable,
}

impl NodeParts {
    /// A node with this name and incarnation, and no spawnable types.
    #[must_use]
    pub fn new(instance: NodeInstance) -> Self {
        Self {
            instance,
            types: TypeTable::default(),
        }
    }

    /// Lets other nodes spawn `A` here.
    ///
    /// # Errors
    /// Another type has the same name; the parts are unchanged but for that name.
    pub fn add_spawnable<A: Spawnable>(&mut self) -> Result<(), DuplicateType> {
        self.types.add::<A>()
    }

    /// Starts the node, without a transport.
    #[must_use]
    pub fn start(self) -> Node {
        Node(Arc::new_cyclic(|weak| NodeInner {
            me: Arc::new(Peer::new(self.instance, true, weak.clone())),
            serials: AtomicU64::new(1),
            refs: AtomicU64::new(1),
            cells: Table::default(),
            peers: Table::default(),
            membership: Mutex::default(),
            names: NameTable::default(),
            types: self.types,
            carrier: OnceLock::new(),
            extensions: Table::default(),
            counters: Counters::default(),
            closing: AtomicBool::new(false),
            system: OnceLock::new(),
        }))
    }
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
        On {
            node: self.clone(),
            place: node.clone(),
        }
    }

    /// Types a pid, and binds it to this node: see [`Node::bind`].
    #[must_use]
    pub fn pid<A: Actor>(&self, any: &AnyPid) -> Pid<A> {
        Pid::typed(self.bind(any))
    }

    /// The same pid, usable from this node. Pids that this node made or received are so already.
    #[must_use]
    pub fn bind(&self, pid: &AnyPid) -> AnyPid {
        let bound = pid
            .home()
            .owner()
            .is_some_and(|owner| Arc::ptr_eq(&owner.0, &self.0));
        if bound {
            pid.clone()
        } else {
            AnyPid::new(self.peer(pid.instance()), pid.serial())
        }
    }

    /// Reads a pid as people write it: `<0.7>` and `<this-node.7>` are local, `<node.7>` is of the
    /// life of that node that is connected.
    ///
    /// # Errors
    /// It is not a pid, or of a node that is not connected, so that its incarnation is unknown.
    pub fn parse_pid(&self, text: &str) -> Result<AnyPid, PidTextError> {
        let PidText {
            node,
            incarnation,
            serial,
        } = text.parse()?;
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
        self.connected_peer(pid.node())
            .is_some_and(|peer| peer.instance() == pid.instance())
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

/// Ending actors and the node.
impl Node {
    /// Asks an actor, here or elsewhere, to stop after the message at hand; `terminate` runs.
    pub fn stop(&self, pid: &impl AsRef<AnyPid>, reason: ExitReason) {
        self.signal(&self.bind(pid.as_ref()), Signal::Stop { reason });
    }

    /// Kills an actor, here or elsewhere, at its next await point.
    pub fn kill(&self, pid: &impl AsRef<AnyPid>) {
        self.signal(&self.bind(pid.as_ref()), Signal::Kill);
    }

    /// Sends an exit signal on behalf of the node itself: an actor that does not trap exits ends with
    /// this reason. Source: `exit/2`.
    pub fn exit(&self, pid: &impl AsRef<AnyPid>, reason: ExitReason) {
        let from = self
            .0
            .system
            .get()
            .cloned()
            .unwrap_or_else(|| self.own_pid(0));
        self.signal(
            &self.bind(pid.as_ref()),
            Signal::Exit {
                from,
                reason,
                linked: false,
            },
        );
    }

    /// Puts an event into the mailbox of a local actor, for its `#[info]` methods; `false` if it is
    /// not there. Events do not count against the mailbox's bound: send only what was asked for.
    pub fn notify(&self, pid: &AnyPid, event: impl crate::info::Event) -> bool {
        let cell = self
            .cell(pid.serial())
            .filter(|cell| cell.core().pid() == pid);
        cell.map(|cell| cell.push_info(crate::info::Info::new(event)))
            .is_some()
    }

    /// Shuts the node down in order: first the actors that no supervisor sees to (and with them the
    /// supervision trees the program started), then the node's own services, then its sessions. What
    /// does not stop within 5 s is killed. Only the first call does anything.
    pub async fn shutdown(&self) {
        if self.0.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let is_system = |cell: &Arc<dyn AnyCell>| self.0.system.get() == Some(cell.core().pid());
        self.stop_all(|cell| !cell.core().is_supervised() && !is_system(cell))
            .await;
        self.stop_all(is_system).await;
        if let Some(carrier) = self.0.carrier.get() {
            carrier.shutdown().await;
        }
        self.stop_all(|_| true).await;
        self.0.extensions.clear();
    }

    async fn stop_all(&self, which: impl Fn(&Arc<dyn AnyCell>) -> bool) {
        let cells = self.cells().into_iter().filter(which).collect::<Vec<_>>();
        let ends = cells
            .iter()
            .map(|cell| cell.core().when_ended())
            .collect::<Vec<_>>();
        cells
            .iter()
            .for_each(|cell| cell.stop(ExitReason::Shutdown));
        let all = async {
            for end in ends {
                let _ = end.await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_GRACE, all).await.is_err() {
            cells
                .iter()
                .for_each(|cell| cell.core().kill(ExitReason::Killed));
        }
    }

    /// Names the supervisor of the node's own services, once: it is shut down after the program's
    /// actors. `false` if there is one.
    pub fn set_system(&self, supervisor: &impl AsRef<AnyPid>) -> bool {
        self.0.system.set(supervisor.as_ref().clone()).is_ok()
    }

    /// The supervisor of the node's own services.
    #[must_use]
    pub fn system(&self) -> Option<&AnyPid> {
        self.0.system.get()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }
}

/// Other nodes.
impl Node {
    /// What a transport hands its sessions to.
    #[must_use]
    pub fn ingress(&self) -> Ingress {
        Ingress::new(self.clone())
    }

    /// Gives the node its transport, once; `false` if it has one.
    pub fn set_carrier(&self, carrier: Arc<dyn Carrier>) -> bool {
        self.0.carrier.set(carrier).is_ok()
    }

    /// Connects to another node, or finds that it is connected.
    ///
    /// # Errors
    /// Any [`ConnectError`]; there is then no session.
    pub async fn connect(&self, node: &NodeId, address: Option<&str>) -> Result<(), ConnectError> {
        if node == self.name() {
            return Err(ConnectError::SelfConnect(node.clone()));
        }
        let carrier = self.0.carrier.get().filter(|_| !self.is_closing());
        let carrier = carrier.ok_or(ConnectError::NoTransport)?;
        carrier
            .connect(node.clone(), address.map(ToOwned::to_owned))
            .await
    }

    /// Ends the session with a node; `false` if there is none.
    #[must_use = "it says whether there was a session"]
    pub fn disconnect(&self, node: &NodeId) -> bool {
        self.0
            .carrier
            .get()
            .is_some_and(|carrier| carrier.disconnect(node))
    }

    /// A value that a service keeps with the node, by its type; made by `make` if it is not there.
    pub fn extension<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let entry = self.0.extensions.entry(TypeId::of::<T>());
        let any = Arc::clone(&*entry.or_insert_with(|| Arc::new(make())));
        match any.downcast::<T>() {
            Ok(value) => value,
            Err(_) => unreachable!("the key is its type"),
        }
    }

    /// The session's peer, connecting first if need be.
    pub(crate) async fn reach(&self, node: &NodeId) -> Result<Arc<Peer>, ConnectError> {
        if let Some(peer) = self.connected_peer(node) {
            return Ok(peer);
        }
        self.connect(node, None).await?;
        self.connected_peer(node)
            .ok_or_else(|| ConnectError::NoAddress(node.clone()))
    }

    /// Starts to connect on behalf of envelopes that `peer` keeps; `false` if that is hopeless.
    pub(crate) fn dial(&self, peer: &Arc<Peer>) -> bool {
        let target = peer.instance().node.clone();
        let Some(carrier) = self
            .0
            .carrier
            .get()
            .filter(|carrier| carrier.knows(&target))
        else {
            return false;
        };
        let dialled = carrier.connect(target, None);
        let (node, peer) = (self.clone(), Arc::clone(peer));
        tokio::spawn(async move {
            let outcome = dialled.await;
            if peer.is_connecting() {
                let superseded = outcome.is_ok() && node.is_superseded(peer.instance());
                let reason = if superseded {
                    ExitReason::NoProc
                } else {
                    ExitReason::NoConnection
                };
                peer.lost(&node, &reason);
            }
        });
        true
    }

    pub(crate) fn peer(&self, instance: &NodeInstance) -> Arc<Peer> {
        if instance == self.instance() {
            return Arc::clone(&self.0.me);
        }
        if let Some(peer) = self.0.peers.get(instance) {
            return Arc::clone(&peer);
        }
        if self.0.peers.len() >= PEERS_PRUNE {
            self.prune_peers();
        }
        let make = || Arc::new(Peer::new(instance.clone(), false, Arc::downgrade(&self.0)));
        Arc::clone(&*self.0.peers.entry(instance.clone()).or_insert_with(make))
    }

    /// Forgets lives of nodes that nothing refers to.
    pub(crate) fn prune_peers(&self) {
        self.0.peers.retain(|_, peer| Arc::strong_count(peer) > 1);
    }
}

/// What the other modules of the runtime need of a node.
impl Node {
    pub(crate) fn membership(&self) -> &Mutex<Membership> {
        &self.0.membership
    }

    pub(crate) fn schemas(&self) -> Schemas {
        self.0.types.schemas()
    }

    pub(crate) fn spawnable(&self, name: &str) -> Option<Arc<dyn SpawnableType>> {
        self.0.types.find(name)
    }

    pub(crate) fn own_pid(&self, serial: u64) -> AnyPid {
        AnyPid::new(Arc::clone(&self.0.me), serial)
    }

    pub(crate) fn cell(&self, serial: u64) -> Option<Arc<dyn AnyCell>> {
        self.0.cells.get(&serial).map(|cell| Arc::clone(&cell))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a list of all actors, for shutdown and views"
    )]
    pub(crate) fn cells(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut cells: Vec<_> = self
            .0
            .cells
            .iter()
            .map(|entry| Arc::clone(&entry))
            .collect();
        cells.sort_unstable_by_key(|cell| cell.core().pid().serial());
        cells
    }

    pub(crate) fn next_call(&self) -> CallRef {
        CallRef(self.0.refs.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn next_monitor(&self) -> MonitorRef {
        MonitorRef(self.0.refs.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts an endpoint that is no actor into the pid table.
    pub(crate) fn add_endpoint<C: AnyCell + 'static>(
        &self,
        make: impl FnOnce(AnyPid) -> C,
    ) -> Arc<C> {
        let serial = self.0.serials.fetch_add(1, Ordering::Relaxed);
        let cell = Arc::new(make(self.own_pid(serial)));
        self.0
            .cells
            .insert(serial, Arc::clone(&cell) as Arc<dyn AnyCell>);
        cell
    }

    /// Starts an actor here. `birth` hears how its `init` went.
    pub(crate) async fn start_actor<A: Actor>(
        &self,
        args: A::Args,
        options: Options,
        birth: Birth,
    ) {
        if self.is_closing() {
            return birth.fail(SpawnError::ShuttingDown);
        }
        let capacity = options.capacity.unwrap_or(A::CAPACITY);
        let cell = self.add_endpoint(|pid| ActorCell::<A>::new(pid, capacity, options.supervised));
        self.0.counters.note_spawned();
        let pid = cell.core().pid().clone();
        if let Some(name) = &options.name {
            if self.register(name, &pid).is_err() {
                if self.bury(&*cell, ExitReason::Normal) {
                    self.0.counters.note_exited();
                }
                return birth.fail(SpawnError::NameTaken(name.clone()));
            }
        }
        if let Some(parent) = options.parent.as_ref().filter(|_| options.link) {
            // The child's half of the link: if the parent ends during init, so does the child.
            let _ = cell.core().with_bonds(|bonds| bonds.link(parent.clone()));
            self.bond(&pid, parent);
        }
        let life = resident::live(
            self.clone(),
            Arc::clone(&cell),
            args,
            birth,
            options.timeout,
        );
        if let Some(switch) = hosting::host(Box::pin(life)).await {
            cell.core().set_kill_switch(switch);
        }
    }

    /// The end of an actor: everything it held is given up, and everyone bound to it is told.
    /// Says whether this was the first to say so.
    pub(crate) fn bury(&self, cell: &dyn AnyCell, reason: ExitReason) -> bool {
        let pid = cell.core().pid();
        let Some(mut ended) = cell.core().end(reason) else {
            return false;
        };
        let (reason, mut farewell) = (ended.reason.clone(), std::mem::take(&mut ended.farewell));
        // Other nodes first: who is told here may be what the shutdown of the node waits for.
        farewell.links.sort_by_key(AnyPid::is_local);
        farewell
            .watchers
            .sort_by_key(|(watcher, _)| watcher.is_local());
        cell.close_mailbox();
        self.0.cells.remove(&pid.serial());
        self.0.names.forget(pid.serial());
        self.unsubscribe_nodes(pid.serial());
        tracing::debug!(%pid, kind = cell.core().type_name(), %reason, "actor ended");
        for other in &farewell.links {
            let (from, reason) = (pid.clone(), reason.clone());
            self.signal(
                other,
                Signal::Exit {
                    from,
                    reason,
                    linked: true,
                },
            );
            self.unbond(pid, other);
        }
        for (watcher, monitor) in farewell.watchers {
            let (target, reason) = (pid.clone(), reason.clone());
            self.signal(
                &watcher,
                Signal::Down {
                    monitor,
                    target,
                    reason,
                },
            );
            self.unbond(pid, &watcher);
        }
        for (monitor, target) in farewell.monitors {
            self.signal(
                &target,
                Signal::Demonitor {
                    watcher: pid.clone(),
                    monitor,
                },
            );
            self.unbond(pid, &target);
        }
        ended.tell_waiters();
        true
    }

    /// Sends a signal, here or elsewhere. What cannot arrive is answered as if by the receiver.
    pub(crate) fn signal(&self, to: &AnyPid, signal: Signal) {
        let reason = if to.home().is_own() {
            match self.cell(to.serial()) {
                Some(cell) => return cell.on_signal(self, signal),
                None => ExitReason::NoProc,
            }
        } else {
            let header = signal.clone().header(to.serial());
            let lane = LaneKey(to.serial());
            match to
                .home()
                .send(lane, Urgency::Forced, &header, &mut |_| Ok(()))
            {
                Ok(()) => return,
                Err(crate::error::CastError::NoProc) => ExitReason::NoProc,
                Err(_) => ExitReason::NoConnection,
            }
        };
        if let Some((back, signal)) = signal.bounced(to, reason) {
            self.signal(&back, signal);
        }
    }

    /// Notes that the local actor `own` has a bond with `other`, in case `other`'s node goes.
    pub(crate) fn bond(&self, own: &AnyPid, other: &AnyPid) {
        if !other.is_local() && own.is_local() {
            other.home().bond(own.serial());
        }
    }

    fn unbond(&self, own: &AnyPid, other: &AnyPid) {
        if !other.is_local() {
            other.home().unbond(own.serial());
        }
    }

    pub(crate) fn refuse_call(&self, peer: &Arc<Peer>, call: CallRef, error: CallError) {
        let header = Header::ReplyError { call, error };
        let _ = peer.send(LaneKey(call.0), Urgency::Forced, &header, &mut |_| Ok(()));
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

/// A node as the place of a spawn: what [`Node::on`] gives.
#[derive(Debug, Clone)]
pub struct On {
    node: Node,
    place: NodeId,
}

impl On {
    /// Spawns an actor there.
    pub fn spawn<A: Spawnable>(&self, args: A::Args) -> Spawn<A> {
        Spawn::on(self.node.clone(), self.place.clone(), args)
    }

    /// Who holds a local name there.
    ///
    /// # Errors
    /// [`CallError::NoConnection`], or [`CallError::Timeout`] after 5 s.
    pub async fn whereis(&self, name: &str) -> Result<Option<AnyPid>, CallError> {
        if self.place == *self.node.name() {
            return Ok(self.node.whereis(name));
        }
        crate::lookup::whereis(&self.node, &self.place, name).await
    }

    /// Sends a message to whoever holds a local name there; nobody, and it is lost.
    ///
    /// # Errors
    /// There is no session with that node, its lane is full, or the message does not encode.
    pub fn cast_named<A: Remote>(
        &self,
        name: &str,
        message: A::Message,
    ) -> Result<(), crate::error::CastError> {
        crate::lookup::cast_named::<A>(&self.node, &self.place, name, message)
    }
}
