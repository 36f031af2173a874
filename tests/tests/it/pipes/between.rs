//! Somebody in between who has a certificate of the cluster's authority, and not its cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use starlings::pipe::{Binding, Connection, Pipe, QuicPipe, TlsPipe};
use starlings_transport::wire::{CHANNEL_SINCE, Refusal, VERSION_MAX};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::{Authority, assert_told, builder, connect_and_work_at};

const ANY: &str = "127.0.0.1:0";

/// Ends the channel of whoever dials it, and dials on by another one: it reads all that it passes on, as it is.
struct Relay {
    address: String,
    passes: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn to(address: String, pipe: Arc<dyn Pipe>) -> Self {
        let (listener, passes) = (pipe.listen(ANY).await.unwrap(), Arc::new(AtomicU64::new(0)));
        let (local, count, mut tasks) = (listener.local_address(), passes.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut passing = JoinSet::new();
            loop {
                let near = listener.accept().await.unwrap();
                let far = pipe.dial(&address).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                passing.spawn(pass(near, far));
            }
        });
        Self { address: local, passes, _tasks: tasks }
    }
}

async fn pass(near: Connection, far: Connection) {
    tokio::join!(pass_on(near.read, far.write), pass_on(far.read, near.write));
}

async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

/// The pipe of the node with this name.
type PipeOf<'a> = dyn Fn(&str) -> Arc<dyn Pipe> + 'a;

/// Goal: who ends TLS or QUIC at both ends, with a certificate that both accept, cannot pass the handshake of
/// the nodes on; only where one of them speaks a version of before, which does not look at the channel, it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_in_between_cannot_pass_the_handshake_on() {
    let authority = Authority::new();
    let pipes: [&PipeOf<'_>; 2] = [
        &|name| Arc::new(TlsPipe::new(authority.credentials(name).bind(Binding::Address))),
        &|name| Arc::new(QuicPipe::new(authority.credentials(name).bind(Binding::Authority))),
    ];
    let before = CHANNEL_SINCE - 1;
    for pipe in pipes {
        for (dials, listens) in
            [(VERSION_MAX, VERSION_MAX), (before, VERSION_MAX), (VERSION_MAX, before)]
        {
            let b = builder("b@localhost", pipe("b@localhost")).protocol_max(listens).listen(ANY);
            let b = b.start().await.unwrap();
            let a = builder("a@localhost", pipe("a@localhost")).protocol_max(dials);
            let a = a.start().await.unwrap();
            let relay = Relay::to(starlings::address(&b).unwrap(), pipe("relay@localhost")).await;
            if dials.min(listens) < CHANNEL_SINCE {
                connect_and_work_at(&a, &b, &relay.address).await;
            } else {
                let connected = a.connect(b.name(), Some(&relay.address)).await;
                // What passes on says why, as it says all else.
                assert_told(&connected, &Refusal::WrongCookie);
                assert!(a.nodes().is_empty() && b.nodes().is_empty());
                assert_eq!(relay.passes.load(Ordering::Relaxed), 1);
                // Without it they meet.
                connect_and_work_at(&a, &b, &starlings::address(&b).unwrap()).await;
            }
            a.shutdown().await;
            b.shutdown().await;
        }
    }
}
