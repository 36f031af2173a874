//! Two nodes over each pipe: connect, spawn there, call, lose one, see it.

mod between;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use starlings::pipe::{
    Binding, Credentials, Pipe, QuicPipe, TcpPipe, TlsPipe, UnixPipe, WebSocketPipe,
};
use starlings::prelude::*;
use starlings::{ConnectError, DownReason, NodeBuilder};
use starlings_transport::wire::Refusal;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::shell::DEADLINE;

/// How often a node that is not let in tries each thing. Count.
const TRIES: u32 = 5;

struct Counter(i64);

#[actor(name = "test.pipes.counter")]
impl Counter {
    fn init(start: i64) -> Self {
        Self(start)
    }

    #[cast]
    fn add(&mut self, k: i64) {
        self.0 += k;
    }

    #[call]
    fn get(&self) -> i64 {
        self.0
    }

    /// Gives back what it got: a message of many frames.
    #[call]
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
}

fn builder(name: &str, pipe: impl Pipe) -> NodeBuilder {
    let builder = Node::builder(name).pipe(pipe).cookie("pipes").spawnable::<Counter>();
    builder.heartbeat(Duration::from_millis(200), 5)
}

/// Goal: over this pipe nodes do all that they do over TCP, part in order, come back to the same
/// address, and the loss of one shows.
/// Method: each node has a tokio runtime of its own; that of the second ends without a word.
fn nodes_live_and_die_over<P: Pipe + Clone>(pipes: [P; 2], address: &str) {
    let (here, there) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let [ours, theirs] = pipes;
    let start_b = || {
        let b = builder("b@localhost", theirs.clone()).listen(address);
        there.block_on(b.start()).unwrap()
    };
    let a = here.block_on(builder("a@localhost", ours).start()).unwrap();

    let b = start_b();
    here.block_on(connect_and_work(&a, &b));
    let mut events = a.node_events();
    there.block_on(b.shutdown());
    drop(b);
    let reason = here.block_on(down(&mut events));
    assert_eq!(reason, DownReason::Shutdown);

    let b = start_b();
    let counter = here.block_on(connect_and_work(&a, &b));
    let (monitor, mut events) = (a.monitor(&counter), a.node_events());
    there.shutdown_background();
    here.block_on(async {
        let down_of_it = timeout(DEADLINE, monitor).await.unwrap();
        assert_eq!(down_of_it.reason, ExitReason::NoConnection);
        let reason = down(&mut events).await;
        assert!(is_loss(&reason), "{reason:?}");
        assert_eq!(a.nodes(), []);
        a.shutdown().await;
    });
}

/// Messages small and large, to an actor that is spawned there and given back.
async fn connect_and_work(a: &Node, b: &Node) -> Pid<Counter> {
    connect_and_work_at(a, b, &starlings::address(b).unwrap()).await
}

/// The same, by this address.
async fn connect_and_work_at(a: &Node, b: &Node, address: &str) -> Pid<Counter> {
    let connected = async {
        // Right after a `Down` the session that it tells of may still be in the way.
        while a.nodes().is_empty() {
            a.connect(b.name(), Some(address)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, connected).await.unwrap();
    assert_eq!(a.nodes(), [b.name().clone()]);
    let counter = a.on(b.name()).spawn::<Counter>(40).await.unwrap();
    counter.add(2).unwrap();
    assert_eq!(counter.get().await.unwrap(), 42);
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    assert!(counter.echo(large.clone()).await.unwrap() == large);
    counter
}

/// Waits until a node is down; why it is.
async fn down(events: &mut Receiver<NodeEvent>) -> DownReason {
    loop {
        if let NodeEvent::Down { reason, .. } =
            timeout(DEADLINE, events.recv()).await.unwrap().unwrap()
        {
            return reason;
        }
    }
}

/// Whether a node ended without a goodbye: what the system says of its connections, or silence.
fn is_loss(reason: &DownReason) -> bool {
    matches!(reason, DownReason::Closed | DownReason::HeartbeatTimeout)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn unix_sockets() {
    let folder = folder();
    let address = format!("unix:{}", folder.path().join("b.sock").display());
    nodes_live_and_die_over([UnixPipe, UnixPipe], &address);
}

/// Makes certificates.
struct Authority(TempDir, Issuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let (folder, key) = (folder(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "authority");
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self(folder, Issuer::new(params, key))
    }

    /// Of a node with this name, on this machine.
    fn credentials(&self, node: &str) -> Credentials {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let uri = format!("starlings://{node}");
        params.subject_alt_names.push(SanType::URI(Ia5String::try_from(uri).unwrap()));
        let key = KeyPair::generate().unwrap();
        let path = |file| self.0.path().join(format!("{node}.{file}"));
        let certificate = params.signed_by(&key, &self.1).unwrap().pem();
        fs::write(path("pem"), certificate).unwrap();
        fs::write(path("key"), key.serialize_pem()).unwrap();
        Credentials::load(path("pem"), path("key"), self.0.path().join("ca.pem")).unwrap()
    }
}

#[test]
fn tls() {
    let authority = Authority::new();
    let pipe = |node| TlsPipe::new(authority.credentials(node).bind(Binding::Node));
    nodes_live_and_die_over([pipe("a@localhost"), pipe("b@localhost")], "127.0.0.1:0");
}

#[test]
fn quic() {
    let authority = Authority::new();
    let pipe = |node| QuicPipe::new(authority.credentials(node).bind(Binding::Node));
    nodes_live_and_die_over([pipe("a@localhost"), pipe("b@localhost")], "127.0.0.1:0");
}

#[test]
fn websocket() {
    let pipes = [WebSocketPipe::new(), WebSocketPipe::new()];
    nodes_live_and_die_over(pipes, "ws://127.0.0.1:0/cluster/b");
}

#[test]
fn websocket_over_tls() {
    let authority = Authority::new();
    let pipe = |node| WebSocketPipe::secure(authority.credentials(node).bind(Binding::Node));
    nodes_live_and_die_over([pipe("a@localhost"), pipe("b@localhost")], "wss://127.0.0.1:0");
}

/// This was refused, and it was told why.
fn assert_told(connected: &Result<(), ConnectError>, refusal: &Refusal) {
    let Err(ConnectError::HandshakeFailed { why, .. }) = connected else {
        panic!("{connected:?}");
    };
    assert!(why.contains(&refusal.to_string()), "{why}");
}

/// Goal: whatever the pipe, a node that is not let in is told why, and does not only see its connection end.
/// Method: each node has worker threads, so that what it says last and the end of the connection go their
/// own ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_is_not_let_in_is_told_why_over_each_pipe() {
    let (authority, folder) = (Authority::new(), folder());
    let credentials = || authority.credentials("any@localhost").bind(Binding::Authority);
    let pipes: [(Arc<dyn Pipe>, String); 6] = [
        (Arc::new(TcpPipe), "127.0.0.1:0".to_owned()),
        (Arc::new(UnixPipe), format!("unix:{}", folder.path().join("b.sock").display())),
        (Arc::new(TlsPipe::new(credentials())), "127.0.0.1:0".to_owned()),
        (Arc::new(QuicPipe::new(credentials())), "127.0.0.1:0".to_owned()),
        (Arc::new(WebSocketPipe::new()), "ws://127.0.0.1:0/".to_owned()),
        (Arc::new(WebSocketPipe::secure(credentials())), "wss://127.0.0.1:0/".to_owned()),
    ];
    for (pipe, address) in pipes {
        let b = builder("b@localhost", pipe.clone()).listen(&address).start().await.unwrap();
        let address = starlings::address(&b).unwrap();
        let other = builder("a@localhost", pipe.clone()).cookie("another").start().await.unwrap();
        for _ in 0..TRIES {
            let connected = timeout(DEADLINE, other.connect(b.name(), Some(&address))).await;
            assert_told(&connected.unwrap(), &Refusal::WrongCookie);
            let nobody = "c@localhost".parse().unwrap();
            let connected = timeout(DEADLINE, other.connect(&nobody, Some(&address))).await;
            assert_told(&connected.unwrap(), &Refusal::NotThisNode(b.name().clone()));
        }
        other.shutdown().await;
        b.shutdown().await;
    }
}

/// Goal: a node that says another name than its certificate has is refused by the end that asks for
/// the name, whether that dials or listens, though it knows the cookie.
#[tokio::test]
async fn certificate_of_another_node_is_refused() {
    let authority = Authority::new();
    let (asks, asks_not) = (Binding::Node, Binding::Authority);
    // The bindings of who dials and who listens, and the name in the certificate of each.
    let table = [
        (asks, asks_not, "a@localhost", "b@localhost", true),
        (asks, asks_not, "a@localhost", "c@localhost", false),
        (asks, asks_not, "c@localhost", "b@localhost", true),
        (asks_not, asks, "a@localhost", "b@localhost", true),
        (asks_not, asks, "a@localhost", "c@localhost", true),
        (asks_not, asks, "c@localhost", "b@localhost", false),
    ];
    for (dials, listens, dialler, listener, is_let_in) in table {
        let pipe = |node, binding| TlsPipe::new(authority.credentials(node).bind(binding));
        let b = builder("b@localhost", pipe(listener, listens)).listen("127.0.0.1:0");
        let b = b.start().await.unwrap();
        let a = builder("a@localhost", pipe(dialler, dials)).start().await.unwrap();
        let connected = a.connect(b.name(), starlings::address(&b).as_deref()).await;
        match &connected {
            Ok(()) if is_let_in => {}
            Err(ConnectError::HandshakeFailed { .. }) if !is_let_in => {}
            _ => panic!("{dialler} to {listener}: {connected:?}"),
        }
        assert!(is_let_in || b.nodes().is_empty());
        a.shutdown().await;
        b.shutdown().await;
    }
}
