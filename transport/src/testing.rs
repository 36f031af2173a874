//! A runtime that tests look into, and nodes that run it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{
    ConnectError, DownReason, LaneKey, NodeId, NodeInstance, Outlet, OutletError,
    ProtocolViolation, SessionInfo, Urgency,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cookie::Cookie;
use crate::dial;
use crate::hub::Hub;
use crate::pipe::{MemoryNetwork, Pipe, TcpPipe};
use crate::receiver::{Deliver, Receiver, SessionReceiver};
use crate::transport::{TransportConfig, disconnect, open, shut_down};
use crate::wire::tests::instance;

/// After this long, what a test waits for does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a runtime saw, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Up(NodeInstance),
    Delivered(NodeId, Vec<u8>),
    Down(NodeId, DownReason),
}

/// An envelope that the runtime does not understand.
pub(crate) const BAD_ENVELOPE: &[u8] = b"bad envelope";

/// A greeting that the runtime does not understand.
pub(crate) const BAD_GREETING: &[u8] = b"bad greeting";

#[derive(Debug, Clone)]
pub(crate) struct FakeRuntime {
    /// Whether it needs its sessions.
    pub(crate) needs: Arc<AtomicBool>,
    resumed: Arc<AtomicU64>,
    local: NodeInstance,
    greeting: Vec<u8>,
    events: Arc<watch::Sender<Vec<Event>>>,
    outlets: Arc<Mutex<BTreeMap<NodeId, Arc<dyn Outlet>>>>,
    infos: Arc<Mutex<Vec<SessionInfo>>>,
}

#[derive(Debug)]
pub(crate) struct FakeSession {
    peer: NodeId,
    events: Arc<watch::Sender<Vec<Event>>>,
    downs: AtomicU64,
    needs: Arc<AtomicBool>,
    resumed: Arc<AtomicU64>,
}

impl FakeRuntime {
    /// The events, to be waited for.
    pub(crate) fn watch(&self) -> watch::Receiver<Vec<Event>> {
        self.events.subscribe()
    }

    pub(crate) fn send_to(&self, peer: &NodeId, envelope: &[u8]) -> Result<(), OutletError> {
        let outlet = self.outlets.lock()[peer].clone();
        outlet.send(LaneKey(0), Urgency::Refusable, &mut |out| {
            out.extend_from_slice(envelope);
            Ok(())
        })
    }
}

impl Receiver for FakeRuntime {
    type Session = FakeSession;

    fn local(&self) -> &NodeInstance {
        &self.local
    }

    fn greeting(&self) -> Vec<u8> {
        self.greeting.clone()
    }

    fn session_up(
        &self,
        info: SessionInfo,
        outlet: Arc<dyn Outlet>,
    ) -> Result<FakeSession, ProtocolViolation> {
        if info.greeting == BAD_GREETING {
            return Err(ProtocolViolation("bad greeting".to_owned()));
        }
        let peer = info.peer.node.clone();
        self.outlets.lock().insert(peer.clone(), outlet);
        let up = Event::Up(info.peer.clone());
        self.infos.lock().push(info);
        self.events.send_modify(|events| events.push(up));
        Ok(FakeSession {
            peer,
            events: self.events.clone(),
            downs: AtomicU64::new(0),
            needs: self.needs.clone(),
            resumed: self.resumed.clone(),
        })
    }
}

impl SessionReceiver for FakeSession {
    fn batch(&self) -> Deliver<'_> {
        Box::new(|envelopes| envelopes.try_for_each(|envelope| self.one(envelope)))
    }

    fn one(&self, envelope: &[u8]) -> Result<(), ProtocolViolation> {
        assert_eq!(self.downs.load(Ordering::SeqCst), 0, "delivered after the down");
        if envelope == BAD_ENVELOPE {
            return Err(ProtocolViolation("bad envelope".to_owned()));
        }
        let event = Event::Delivered(self.peer.clone(), envelope.to_vec());
        self.events.send_modify(|events| events.push(event));
        Ok(())
    }

    fn is_needed(&self) -> bool {
        self.needs.load(Ordering::SeqCst)
    }

    fn resumed(&self) {
        self.resumed.fetch_add(1, Ordering::SeqCst);
    }

    fn down(&self, reason: DownReason) {
        assert_eq!(self.downs.fetch_add(1, Ordering::SeqCst), 0, "down twice");
        let event = Event::Down(self.peer.clone(), reason);
        self.events.send_modify(|events| events.push(event));
    }
}

/// Where the nodes of a test are.
#[derive(Debug, Clone)]
pub(crate) enum Net {
    Tcp,
    Memory(MemoryNetwork),
}

impl Net {
    pub(crate) fn all() -> [Self; 2] {
        [Self::Tcp, Self::Memory(MemoryNetwork::default())]
    }

    pub(crate) fn pipe(&self, name: &str) -> Arc<dyn Pipe> {
        match self {
            Self::Tcp => Arc::new(TcpPipe),
            Self::Memory(network) => network.pipe(name),
        }
    }
}

/// One node, `NAME@h`.
pub(crate) struct Node {
    pub(crate) hub: Arc<Hub<FakeRuntime>>,
    pub(crate) runtime: FakeRuntime,
    pub(crate) address: String,
}

impl Node {
    pub(crate) async fn start(net: &Net, name: &str) -> Self {
        Self::start_as(net, name, 1, |_, _| {}).await
    }

    /// As incarnation `incarnation`, with whatever `change` makes of config and greeting.
    pub(crate) async fn start_as(
        net: &Net,
        name: &str,
        incarnation: u64,
        change: impl FnOnce(&mut TransportConfig, &mut Vec<u8>),
    ) -> Self {
        let mut config = TransportConfig::new(Cookie::new(*b"secret"));
        config.listen = Some(match net {
            Net::Tcp => "127.0.0.1:0".to_owned(),
            Net::Memory(_) => format!("memory:{name}"),
        });
        if matches!(net, Net::Memory(_)) {
            // The clock of the test is that of the node.
            config.threads = 0;
        }
        let mut greeting = format!("greeting of {name}").into_bytes();
        change(&mut config, &mut greeting);
        let runtime = FakeRuntime {
            needs: Arc::default(),
            resumed: Arc::default(),
            local: instance(&format!("{name}@h"), incarnation),
            greeting,
            events: Arc::new(watch::Sender::new(Vec::new())),
            outlets: Arc::default(),
            infos: Arc::default(),
        };
        let hub = open(config, runtime.clone(), net.pipe(name)).await.unwrap();
        let address = hub.listener().map(|listener| listener.local_address());
        let address = address.unwrap_or_default();
        Self { hub, runtime, address }
    }

    pub(crate) fn instance(&self) -> NodeInstance {
        self.runtime.local.clone()
    }

    pub(crate) fn id(&self) -> NodeId {
        self.runtime.local.node.clone()
    }

    pub(crate) async fn connect(&self, other: &Self) -> Result<(), ConnectError> {
        self.connect_at(other.id(), &other.address).await
    }

    pub(crate) async fn connect_at(&self, node: NodeId, at: &str) -> Result<(), ConnectError> {
        let connected = dial::connect(self.hub.clone(), node, Some(at.to_owned()));
        timeout(PATIENCE, connected).await.expect("connecting ends")
    }

    pub(crate) fn disconnect(&self, other: &Self) -> bool {
        disconnect(&self.hub, &other.id())
    }

    pub(crate) async fn shut_down(&self) {
        shut_down(self.hub.clone()).await;
    }

    pub(crate) fn outlet(&self, other: &Self) -> Arc<dyn Outlet> {
        self.runtime.outlets.lock()[&other.id()].clone()
    }

    pub(crate) fn send(&self, other: &Self, envelope: &[u8]) -> Result<(), OutletError> {
        self.runtime.send_to(&other.id(), envelope)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.runtime.events.borrow().clone()
    }

    pub(crate) fn infos(&self) -> Vec<SessionInfo> {
        self.runtime.infos.lock().clone()
    }

    /// Waits until the events fulfil a condition; the test fails if they never do.
    pub(crate) async fn sees(&self, what: &str, is_met: impl FnMut(&Vec<Event>) -> bool) {
        let mut events = self.runtime.events.subscribe();
        let met = timeout(PATIENCE, events.wait_for(is_met)).await;
        if met.is_err() {
            panic!("{} never sees {what}, but {:?}", self.id(), self.events());
        }
    }

    pub(crate) async fn sees_up(&self, other: &Self) {
        let up = Event::Up(other.runtime.local.clone());
        self.sees("the up", |events| events.contains(&up)).await;
    }

    pub(crate) async fn sees_down(&self, other: &Self, reason: DownReason) {
        let down = Event::Down(other.id(), reason);
        self.sees(&format!("{down:?}"), |events| events.contains(&down)).await;
    }

    /// A round trip of both nodes: their session works.
    pub(crate) async fn talks_to(&self, other: &Self, word: &str) {
        for (from, to) in [(self, other), (other, self)] {
            from.send(to, word.as_bytes()).unwrap();
            let event = Event::Delivered(from.id(), word.as_bytes().to_vec());
            to.sees(word, |events| events.contains(&event)).await;
        }
    }
}
