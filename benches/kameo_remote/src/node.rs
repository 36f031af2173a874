//! A node of kameo: what its own `remote::bootstrap_on` builds, but for mDNS and QUIC, since the one
//! node is told where the other listens. Knows nothing of what is measured.

use std::sync::Arc;

use kameo::remote::{self, messaging};
use libp2p::futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::Semaphore;

use crate::child;

/// The largest request. Bytes. kameo's default is 1 MiB, which a payload of 1 MiB does not fit in, let
/// alone one of 100 MB.
const REQUEST_BYTES_MAX: u64 = 128 << 20;

/// How many tells may be under way. Each has a stream of its own, and where 100 are open at once
/// (kameo's default), a node drops those that come then: a stream still counts for the receiver
/// when the sender has its answer already, so there must be fewer.
const TELLS_MAX: u32 = 64;

/// Lives as long as its process.
pub struct Node {
    /// A permit for each tell that may begin. Closed when one has failed.
    room: Arc<Semaphore>,
}

impl Node {
    /// A node and the address that it can be reached at.
    pub async fn listen() -> child::Result<(Self, Multiaddr)> {
        let mut swarm = swarm()?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        let address = loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => break address,
                SwarmEvent::ListenerClosed { reason, .. } => reason?,
                _ => {}
            }
        };
        let address = address.with(Protocol::P2p(*swarm.local_peer_id()));
        Ok((Self::start(swarm), address))
    }

    /// A node that connects itself to another one.
    pub fn connect(address: &str) -> child::Result<Self> {
        let address: Multiaddr = address.parse()?;
        let Some(Protocol::P2p(peer)) = address.iter().last() else {
            return Err("no node in the address".into());
        };
        let mut swarm = swarm()?;
        // Without it the registry would know no other node to ask: a connection alone is not enough.
        swarm.add_peer_address(peer, address.clone());
        swarm.dial(address)?;
        Ok(Self::start(swarm))
    }

    fn start(swarm: Swarm<remote::Behaviour>) -> Self {
        let room = Arc::new(Semaphore::new(TELLS_MAX as usize));
        tokio::spawn(drive(swarm, Arc::clone(&room)));
        Self { room }
    }

    /// Waits until one more tell may be under way.
    pub async fn room_for_tell(&self) -> child::Result<()> {
        self.room.acquire().await?.forget();
        Ok(())
    }

    /// Waits until no tell is under way.
    pub async fn all_told(&self) -> child::Result<()> {
        drop(self.room.acquire_many(TELLS_MAX).await?);
        Ok(())
    }
}

fn swarm() -> child::Result<Swarm<remote::Behaviour>> {
    let config = messaging::Config::default().with_request_size_maximum(REQUEST_BYTES_MAX);
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(|key| remote::Behaviour::new(key.public().to_peer_id(), config))?
        .build();
    swarm.behaviour().try_init_global()?;
    Ok(swarm)
}

/// Does the node's work. The other side answers a tell when it is in the mailbox, whether or not the
/// sender waits for that: the answer to one that nobody waits for comes out here.
async fn drive(mut swarm: Swarm<remote::Behaviour>, room: Arc<Semaphore>) {
    use messaging::Event::{InboundFailure, OutboundFailure, TellResult};
    loop {
        let SwarmEvent::Behaviour(remote::Event::Messaging(event)) = swarm.select_next_some().await
        else {
            continue;
        };
        match event {
            TellResult { result: Ok(()), .. } => room.add_permits(1),
            TellResult { .. } | OutboundFailure { .. } | InboundFailure { .. } => {
                eprintln!("{event:?}");
                room.close();
            }
            _ => {}
        }
    }
}
