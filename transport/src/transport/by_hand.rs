//! A peer by hand: it does the handshake of each lane by itself, and then says what a test wants.

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::cookie::Cookie;
use crate::greet::{self, Expect};
use crate::pipe::Connection;
use crate::proto::handshake::{Claim, Dialler, Output, Party};
use crate::testing::{Net, Node, PATIENCE};
use crate::wire::tests::instance;
use crate::wire::{self, Handshake, LANES_MIN, Pulse, Versions};

pub(super) async fn raw(net: &Net, node: &Node) -> Connection {
    net.pipe("raw").dial(&node.address).await.unwrap()
}

pub(super) fn dialler(
    cookie: &[u8],
    session: u64,
    lost: Option<u64>,
    lane: u8,
    unpacks: bool,
) -> Dialler {
    let me = instance("raw@h", 1);
    let pulse = Pulse { heartbeat_ms: 1000, silent_ms: 5000 };
    let (versions, lanes) = (Versions::ALL, LANES_MIN);
    let party = Party { me: me.clone(), versions, hidden: false, pulse, lanes, unpacks };
    let claim = Claim { peer: me, session, lost, lane, lanes };
    let wanted = "a@h".parse().unwrap();
    Dialler::new(party, Cookie::new(cookie), wanted, &claim, vec![], [9; 32])
}

/// One lane by hand; what the listener refused with, if it did.
pub(super) async fn join(
    net: &Net,
    node: &Node,
    cookie: &[u8],
    lane: u8,
) -> Result<Connection, Handshake> {
    join_as(net, node, dialler(cookie, 1, None, lane, true)).await
}

pub(super) async fn join_as(
    net: &Net,
    node: &Node,
    mut dialler: Dialler,
) -> Result<Connection, Handshake> {
    let mut connection = raw(net, node).await;
    greet::send(&mut connection, dialler.hello()).await.unwrap();
    loop {
        let bytes = greet::receive(&mut connection, Expect::Greeting).await.unwrap();
        let message = wire::decode::<Handshake>(&bytes).unwrap();
        let mut outbox = Vec::new();
        dialler.handle(Some(message.clone()), &mut outbox);
        for output in outbox {
            match output {
                Output::Send(message) => greet::send(&mut connection, &message).await.unwrap(),
                Output::Done(_) => return Ok(connection),
                Output::Failed(_) => return Err(message),
                Output::Challenged | Output::Proven(_) => {}
            }
        }
    }
}

/// A whole session by hand.
pub(super) async fn session(net: &Net, node: &Node) -> Vec<Connection> {
    let mut lanes = Vec::new();
    for lane in 0..LANES_MIN {
        lanes.push(join(net, node, b"secret", lane).await.unwrap());
    }
    lanes
}

pub(super) async fn ends(connection: &mut Connection) {
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, connection.read.read_to_end(&mut rest)).await;
    let _ = ended.expect("the connection ends");
}
