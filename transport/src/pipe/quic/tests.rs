//! What UDP makes different, and who is let in.

use rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::*;
use crate::greet::HANDSHAKE_TIMEOUT;
use crate::pipe::Binding;
use crate::pipe::tests::authority::{Authority, localhost};

/// After this long, what a test waits for does not come.
const PATIENCE: Duration = Duration::from_secs(20);

const ANY: &str = "127.0.0.1:0";

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it ends")
}

/// A connection that never opens its stream.
pub(in crate::pipe) async fn stall(credentials: &Credentials, address: &str) -> quinn::Connection {
    connect(credentials, address, &server_name(address).unwrap()).await.unwrap()
}

/// What becomes of a dial: a byte passes, or what the dialler is told.
async fn try_dial(pipe: &QuicPipe, listener: &dyn PipeListener) -> Result<(), String> {
    let served = async {
        loop {
            let mut accepted = listener.accept().await.unwrap();
            accepted.write.write_all(b"y").await.unwrap();
            let _ = accepted.read.read_u8().await;
        }
    };
    let dialled = async {
        let dialled = pipe.dial(&listener.local_address()).await;
        let mut dialled = dialled.map_err(|error| error.to_string())?;
        dialled.read.read_u8().await.map(drop).map_err(|error| error.to_string())
    };
    tokio::select! {
        () = within(served) => unreachable!("it serves for ever"),
        outcome = dialled => outcome,
    }
}

#[tokio::test]
async fn certificates_that_are_not_good_are_refused_and_it_is_said_why() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let here = &["127.0.0.1"];
    let good = ours.node("good", here);
    let mut stranger = foreign.node("stranger", here);
    stranger.authorities = ours.pem();
    let expired = ours.node_with("expired", here, |it| it.not_after = date_time_ymd(2020, 1, 1));
    let other = ours.node("other", &["elsewhere.example.org"]);
    // Who dials, who listens, and what the dialler is told.
    let table = [
        (&good, &good, Ok(())),
        (&good, &stranger, Err("UnknownIssuer")),
        (&stranger, &good, Err("error 48")),
        (&good, &expired, Err("expired")),
        (&expired, &good, Err("error 45")),
        (&good, &other, Err("not valid for name")),
        (&other, &good, Ok(())),
    ];
    for (dials, listens, expected) in table {
        let listener = QuicPipe::new(listens.load()).listen(ANY).await.unwrap();
        let outcome = try_dial(&QuicPipe::new(dials.load()), &*listener).await;
        match (&outcome, expected) {
            (Ok(()), Ok(())) => {}
            (Err(told), Err(part)) if told.contains(part) => {}
            _ => panic!("{:?} to {:?}: {outcome:?}", dials.certificate, listens.certificate),
        }
    }
}

#[tokio::test]
async fn certificates_are_bound_to_nodes() {
    let authority = Authority::new();
    let credentials = localhost(&authority, "a").bind(Binding::Host);
    let pipe = QuicPipe::new(credentials);
    let listener = pipe.listen(ANY).await.unwrap();
    let local = listener.local_address();
    let (dialled, accepted) =
        within(async { tokio::join!(pipe.dial(&local), listener.accept()) }).await;
    for end in [dialled.unwrap(), accepted.unwrap()] {
        assert!(end.allows(&"a@localhost".parse().unwrap()), "{end:?}");
        assert!(!end.allows(&"a@elsewhere".parse().unwrap()), "{end:?}");
    }
}

#[tokio::test]
async fn reload_counts_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = old.node("a", &["127.0.0.1"]);
    let credentials = files.load();
    let listener = QuicPipe::new(credentials.clone()).listen(ANY).await.unwrap();
    let of_old = QuicPipe::new(localhost(&old, "old"));
    let of_new = QuicPipe::new(localhost(&new, "new"));
    within(try_dial(&of_old, &*listener)).await.unwrap();
    assert!(try_dial(&of_new, &*listener).await.is_err());
    let fresh = new.node("a", &["127.0.0.1"]);
    std::fs::copy(fresh.certificate, &files.certificate).unwrap();
    std::fs::copy(fresh.key, &files.key).unwrap();
    std::fs::copy(new.pem(), &files.authorities).unwrap();
    credentials.reload().unwrap();
    within(try_dial(&of_new, &*listener)).await.unwrap();
    assert!(try_dial(&of_old, &*listener).await.is_err());
}

/// Goal: a stream that begins in another way is none of ours, and the listener goes on.
#[tokio::test]
async fn stream_of_another_protocol_is_refused() {
    let credentials = localhost(&Authority::new(), "a");
    let pipe = QuicPipe::new(credentials.clone());
    let listener = pipe.listen(ANY).await.unwrap();
    let local = listener.local_address();
    let stranger = async {
        let connection = stall(&credentials, &local).await;
        let (mut write, mut read) = connection.open_bi().await.unwrap();
        write.write_all(b"GET /\r\n").await.unwrap();
        read.read_to_end(100).await
    };
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        read = within(stranger) => assert!(read.is_err(), "{read:?}"),
    }
    within(try_dial(&pipe, &*listener)).await.unwrap();
}

/// Goal: who connects and opens no stream is closed, and cannot open more than one. Method: virtual
/// time from the moment on when nothing is under way.
#[tokio::test]
async fn connection_without_a_stream_is_closed_after_the_handshake_timeout() {
    let credentials = localhost(&Authority::new(), "a");
    let pipe = QuicPipe::new(credentials.clone());
    let listener = pipe.listen(ANY).await.unwrap();
    let local = listener.local_address();
    let silent = tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        silent = within(stall(&credentials, &local)) => silent,
    };
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        _ = silent.closed() => {}
    }
    let took = start.elapsed();
    assert!(took <= HANDSHAKE_TIMEOUT && took < QUIC_IDLE_TIMEOUT, "{took:?}");
}

/// Passes datagrams on between a dialler and a listener, as long as the switch is on. With where to
/// dial.
async fn relay(listener: &dyn PipeListener) -> (String, watch::Sender<bool>) {
    let front = UdpSocket::bind(ANY).await.unwrap();
    let back = UdpSocket::bind(ANY).await.unwrap();
    back.connect(listener.local_address()).await.unwrap();
    let address = front.local_addr().unwrap().to_string();
    let (switch, is_on) = watch::channel(true);
    tokio::spawn(async move {
        let (mut there, mut here) = ([0; 2048], [0; 2048]);
        let mut dialler = None;
        loop {
            tokio::select! {
                received = front.recv_from(&mut there) => {
                    let (bytes, from) = received.unwrap();
                    // The dial asks by another socket, and only the packets are passed on.
                    if bytes > 1 && *is_on.borrow() {
                        dialler = Some(from);
                        back.send(&there[..bytes]).await.unwrap();
                    }
                }
                received = back.recv(&mut here) => {
                    let (bytes, on) = (received.unwrap(), *is_on.borrow());
                    if let Some(to) = dialler.filter(|_| on) {
                        front.send_to(&here[..bytes], to).await.unwrap();
                    }
                }
            }
        }
    });
    (address, switch)
}

/// Goal: a connection lives through any silence of its user, and ends in the silence of its network.
/// Method: virtual time once nothing is under way; a relay that can be switched off.
#[tokio::test]
async fn silent_connections_live_and_lost_ones_end() {
    let pipe = QuicPipe::new(localhost(&Authority::new(), "a"));
    let listener = pipe.listen(ANY).await.unwrap();
    let (address, switch) = relay(&*listener).await;
    let (dialled, accepted) =
        within(async { tokio::join!(pipe.dial(&address), listener.accept()) }).await;
    let (mut dialled, mut accepted) = (dialled.unwrap(), accepted.unwrap());
    tokio::time::pause();
    tokio::time::sleep(10 * QUIC_IDLE_TIMEOUT).await;
    tokio::time::resume();
    dialled.write.write_all(b"x").await.unwrap();
    assert_eq!(within(accepted.read.read_u8()).await.unwrap(), b'x');

    switch.send(false).unwrap();
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert!(dialled.read.read_u8().await.is_err());
    assert!(accepted.read.read_u8().await.is_err());
    assert!(dialled.write.shutdown().await.is_err(), "nobody confirms it");
    assert!(start.elapsed() <= QUIC_IDLE_TIMEOUT + 2 * QUIC_PING_INTERVAL, "{:?}", start.elapsed());
}
