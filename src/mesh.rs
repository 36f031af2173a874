//! Connects the nodes that this one is connected with to each other, and this one to theirs.
//!
//! What is said is decided by [`crate::proto::mesh`]. The state stands beside the actor, so that it
//! outlives a crash of it.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{
    Carrier as _, ConnectError, Cx, ExitReason, Node, NodeEvent, NodeInstance, Origin, actor,
};
use starlings_transport::{ADDRESSES_MAX, Transport};
use tokio::sync::Semaphore;

use crate::proto::mesh::{Input, Known, Output, State};

/// The local name of the server, the same on all nodes.
const MESH: &str = "starlings.mesh";

/// Nodes that are dialled at once because another one told of them. Each takes a handshake for each of
/// its lanes; a node that joins a large cluster would begin hundreds.
const DIALS_MAX: usize = 16;

/// What a node has of the mesh that it is in.
#[derive(Debug)]
pub(crate) struct Mesh {
    node: Node,
    transport: Arc<Transport>,
    /// Where others reach this node, if they can.
    address: Option<String>,
    state: Mutex<State>,
    dials: Semaphore,
}

impl Mesh {
    /// Keeps the state of a mesh with the node, for a [`MeshServer`] to be started.
    pub(crate) fn open(node: &Node, transport: Arc<Transport>, advertise: Option<String>) {
        let listens = transport.local_address().filter(|address| !is_unspecified(address));
        let address = advertise.or_else(|| listens.map(ToOwned::to_owned));
        let state = Mutex::new(State::new(node.name().clone(), ADDRESSES_MAX));
        let dials = Semaphore::new(DIALS_MAX);
        let mesh = Self { node: node.clone(), transport, address, state, dials };
        let mesh = Arc::new(mesh);
        node.extension(|| Meshed(Some(mesh)));
    }

    fn handle(self: &Arc<Self>, input: Input) {
        let mut outbox = Vec::new();
        self.state.lock().handle(input, &mut outbox);
        for output in outbox {
            match output {
                Output::Meet { to, is_again } => {
                    let (from, address) = (Origin::of(&self.node), self.address.clone());
                    self.send(&to, MeshServerMessage::Meet { from, address, is_again });
                }
                Output::Know { to, known } => {
                    let from = Origin::of(&self.node);
                    self.send(&to, MeshServerMessage::Know { from, known });
                }
                Output::Dial(known) => drop(tokio::spawn(dial(Arc::clone(self), known))),
            }
        }
    }

    /// What is lost is told again when another node joins.
    fn send(&self, to: &NodeInstance, message: MeshServerMessage) {
        let place = self.node.on(&to.node);
        if let Err(error) = place.cast_named_in_background::<MeshServer>(MESH, message) {
            tracing::debug!(peer = %to.node, %error, "mesh: not sent");
        }
    }

    /// Nodes that went while there was no server; those that are up come as events.
    fn resume(self: &Arc<Self>) {
        let peers: Vec<_> = self.state.lock().peers().cloned().collect();
        for peer in peers {
            if self.node.connected_instance(&peer.node).as_ref() != Some(&peer) {
                self.handle(Input::Down(peer));
            }
        }
    }

    async fn connect(&self, known: &Known) -> Result<(), ConnectError> {
        let Known { node, address } = known;
        if self.transport.knows(node) {
            if !self.transport.may_connect(node) {
                return Err(ConnectError::NotAutomatic(node.clone()));
            }
            // What the program was told of it counts first: it may be the only way from here.
            if self.node.connect(node, None).await.is_ok() {
                return Ok(());
            }
        }
        self.node.connect(node, Some(address)).await
    }
}

/// Connects to a node that another one told of.
async fn dial(mesh: Arc<Mesh>, known: Known) {
    if let Ok(_turn) = mesh.dials.acquire().await
        && let Err(error) = mesh.connect(&known).await
    {
        tracing::info!(peer = %known.node, address = %known.address, %error, "peer of a peer not reached");
    }
    mesh.handle(Input::Dialled(known.node));
}

/// The mesh of a node, as an extension of it.
#[derive(Debug)]
struct Meshed(Option<Arc<Mesh>>);

/// Speaks for its node.
#[derive(Debug)]
pub(crate) struct MeshServer(Arc<Mesh>);

#[actor(name = "starlings.mesh", crate = starlings_runtime)]
impl MeshServer {
    fn init(cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        let meshed = cx.node().extension(|| Meshed(None));
        let mesh = meshed.0.clone().ok_or_else(|| ExitReason::error("this node is in no mesh"))?;
        cx.node().register(MESH, &cx.pid()).map_err(ExitReason::error)?;
        mesh.resume();
        cx.monitor_nodes();
        Ok(Self(mesh))
    }

    /// Another node says where it can be dialled.
    #[cast]
    fn meet(&mut self, from: Origin, address: Option<String>, is_again: bool) {
        if let Some(from) = from.instance().cloned() {
            self.0.handle(Input::Met { from, address, is_again });
        }
    }

    /// Another node tells of others.
    #[cast]
    fn know(&mut self, from: Origin, known: Vec<Known>) {
        if let Some(from) = from.instance().cloned() {
            self.0.handle(Input::Heard { from, known });
        }
    }

    #[info]
    fn node_event(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Up { peer, hidden: false } => self.0.handle(Input::Up(peer)),
            NodeEvent::Down { peer, hidden: false, .. } => self.0.handle(Input::Down(peer)),
            NodeEvent::Up { .. } | NodeEvent::Down { .. } => {}
        }
    }
}

/// Whether an address is one of all interfaces, which is nowhere for others.
fn is_unspecified(address: &str) -> bool {
    let place = address.split_once("://").map_or(address, |(_, rest)| rest);
    let place = place.split('/').next().unwrap_or_default();
    place.parse::<SocketAddr>().is_ok_and(|place| place.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::is_unspecified;

    #[test]
    fn addresses_of_all_interfaces_are_nowhere() {
        for nowhere in ["0.0.0.0:7100", "[::]:7100", "ws://0.0.0.0:80/actors", "wss://[::]:443"] {
            assert!(is_unspecified(nowhere), "{nowhere}");
        }
        for somewhere in ["127.0.0.1:7100", "[::1]:7100", "ws://10.0.0.1:80/", "unix:/run/a", ""] {
            assert!(!is_unspecified(somewhere), "{somewhere}");
        }
    }
}
