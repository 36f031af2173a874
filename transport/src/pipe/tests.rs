//! What every pipe keeps, over each of them. What one alone has is tested beside it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use self::cases::{Case, cases};
use super::{Connection, DialError, MemoryNetwork, Pipe, PipeListener};

#[cfg(feature = "tls")]
pub(super) mod authority;
pub(super) mod cases;

/// After this long, what a test waits for does not come. TLS without optimization is slow.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<T>(what: &Case, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what:?}: it does not end"))
}

async fn pair(case: &Case, listener: &dyn PipeListener) -> (Connection, Connection) {
    let local = listener.local_address();
    let dialled = case.pipe.dial(&local);
    let (dialled, accepted) =
        within(case, async { tokio::join!(dialled, listener.accept()) }).await;
    (dialled.unwrap(), accepted.unwrap())
}

/// Two ends. The listener is gone, which they must survive.
async fn connected(case: &Case) -> (Connection, Connection) {
    let listener = case.pipe.listen(&case.address).await.unwrap();
    pair(case, &*listener).await
}

/// Bytes that show when some are lost, repeated or out of order.
fn bytes(count: u32) -> Vec<u8> {
    (0..count.div_ceil(4)).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn bytes_arrive_in_order_both_ways() {
    for case in cases() {
        let (mut one, mut other) = connected(&case).await;
        let sent = bytes(1_000_000);
        for _ in 0..2 {
            let mut received = vec![0; sent.len()];
            let write = async {
                one.write.write_all(&sent).await.unwrap();
                one.write.flush().await.unwrap();
            };
            let read = other.read.read_exact(&mut received);
            within(&case, async { tokio::join!(write, read) }).await.1.unwrap();
            assert!(received == sent, "{case:?}");
            std::mem::swap(&mut one, &mut other);
        }
    }
}

/// Goal: much goes both ways at once, on tasks of their own, and all of it arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_at_once_everything_arrives() {
    for case in cases() {
        let (one, other) = connected(&case).await;
        let sent = Arc::new(bytes(8 << 20));
        let mut tasks = tokio::task::JoinSet::new();
        for end in [one, other] {
            let (mut read, mut write) = (end.read, end.write);
            let (sent, expected) = (sent.clone(), sent.clone());
            tasks.spawn(async move {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await.unwrap();
            });
            tasks.spawn(async move {
                let mut received = Vec::new();
                read.read_to_end(&mut received).await.unwrap();
                assert!(received == *expected);
            });
        }
        within(&case, tasks.join_all()).await;
    }
}

/// Goal: who is not read from cannot write for ever, and goes on once it is.
#[tokio::test]
async fn writer_waits_for_a_reader_that_is_behind() {
    const BYTES: usize = 32 << 20;
    for case in cases() {
        let (mut one, mut other) = connected(&case).await;
        let written = Arc::new(AtomicUsize::new(0));
        let count = written.clone();
        let writer = tokio::spawn(async move {
            let piece = vec![7; 64 << 10];
            while count.load(Ordering::SeqCst) < BYTES {
                one.write.write_all(&piece).await.unwrap();
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
            one.write.shutdown().await.unwrap();
        });
        let mut before = usize::MAX;
        while before != written.load(Ordering::SeqCst) {
            before = written.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(before < BYTES / 2, "{case:?}: {before} bytes were taken and none was read");
        let mut received = Vec::new();
        within(&case, other.read.read_to_end(&mut received)).await.unwrap();
        assert_eq!(received.len(), BYTES, "{case:?}");
        within(&case, writer).await.unwrap();
    }
}

#[tokio::test]
async fn shutdown_ends_what_the_other_end_reads_and_no_more() {
    for case in cases() {
        let (mut one, mut other) = connected(&case).await;
        one.write.write_all(b"last").await.unwrap();
        within(&case, one.write.shutdown()).await.unwrap();
        let mut received = Vec::new();
        within(&case, other.read.read_to_end(&mut received)).await.unwrap();
        assert_eq!(received, b"last");
        assert_eq!(within(&case, other.read.read(&mut [0])).await.unwrap(), 0, "{case:?}");
        let (sent, mut still) = (bytes(1_000_000), Vec::new());
        let write = async {
            other.write.write_all(&sent).await.unwrap();
            other.write.shutdown().await.unwrap();
        };
        let read = one.read.read_to_end(&mut still);
        within(&case, async { tokio::join!(write, read) }).await.1.unwrap();
        assert!(still == sent, "{case:?}");
    }
}

/// Goal: what was written before the shutdown arrives, though the writer is gone when it is read.
#[tokio::test]
async fn what_was_shut_down_arrives_after_the_writer_is_gone() {
    for case in cases() {
        let (mut one, mut other) = connected(&case).await;
        let sent = bytes(64 << 10);
        within(&case, one.write.write_all(&sent)).await.unwrap();
        within(&case, one.write.shutdown()).await.unwrap();
        drop(one);
        let mut received = Vec::new();
        within(&case, other.read.read_to_end(&mut received)).await.unwrap();
        assert!(received == sent, "{case:?}");
    }
}

#[tokio::test]
async fn dropped_connection_ends_the_other_end() {
    for case in cases() {
        let (one, mut other) = connected(&case).await;
        drop(one);
        let read = within(&case, other.read.read_u8()).await;
        assert!(read.is_err(), "{case:?}");
        let piece = [0; 64 << 10];
        let write = async {
            while other.write.write_all(&piece).await.is_ok() {
                if other.write.flush().await.is_err() {
                    return;
                }
            }
        };
        within(&case, write).await;
    }
}

#[tokio::test]
async fn many_connections_are_made_at_once() {
    const COUNT: usize = 50;
    for case in cases() {
        let listener = case.pipe.listen(&case.address).await.unwrap();
        let local = listener.local_address();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..u8::try_from(COUNT).unwrap() {
            let dialled = case.pipe.dial(&local);
            tasks.spawn(async move {
                let mut connection = dialled.await.unwrap();
                connection.write.write_all(&[number]).await.unwrap();
                connection.write.flush().await.unwrap();
                assert_eq!(connection.read.read_u8().await.unwrap(), number);
            });
        }
        let mut echoes = tokio::task::JoinSet::new();
        for _ in 0..COUNT {
            let mut connection = within(&case, listener.accept()).await.unwrap();
            echoes.spawn(async move {
                let number = connection.read.read_u8().await.unwrap();
                connection.write.write_all(&[number]).await.unwrap();
                connection.write.shutdown().await.unwrap();
            });
        }
        within(&case, tasks.join_all()).await;
        within(&case, echoes.join_all()).await;
    }
}

/// Goal: an accept that is dropped at each of its await points loses nobody.
#[tokio::test]
async fn dropped_accept_loses_no_connection() {
    const COUNT: usize = 10;
    for case in cases() {
        let listener = case.pipe.listen(&case.address).await.unwrap();
        let local = listener.local_address();
        let mut dials = tokio::task::JoinSet::new();
        for _ in 0..COUNT {
            let dialled = case.pipe.dial(&local);
            dials.spawn(async move { dialled.await.unwrap() });
        }
        let mut accepted = Vec::new();
        let accept_all = async {
            while accepted.len() < COUNT {
                let mut accept = listener.accept();
                if let Poll::Ready(connection) =
                    poll_fn(|context| Poll::Ready(accept.as_mut().poll(context))).await
                {
                    accepted.push(connection.unwrap());
                }
                drop(accept);
                tokio::task::yield_now().await;
            }
        };
        within(&case, accept_all).await;
        assert_eq!(within(&case, dials.join_all()).await.len(), COUNT);
    }
}

/// Goal: who connects and then stalls in the handshake of the pipe keeps nobody out.
#[tokio::test]
async fn stalled_handshakes_keep_nobody_out() {
    for case in cases() {
        let listener = case.pipe.listen(&case.address).await.unwrap();
        let mut stalled = Vec::new();
        for _ in 0..8 {
            stalled.extend(case.stall(&listener.local_address()).await);
        }
        let (mut one, mut other) = pair(&case, &*listener).await;
        one.write.write_all(b"x").await.unwrap();
        one.write.flush().await.unwrap();
        assert_eq!(within(&case, other.read.read_u8()).await.unwrap(), b'x');
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    for case in cases() {
        let listener = case.pipe.listen(&case.address).await.unwrap();
        let local = listener.local_address();
        drop(listener);
        let refused = within(&case, case.pipe.dial(&local)).await;
        assert!(matches!(refused, Err(DialError::Unreachable(_))), "{refused:?}");
        let again = case.pipe.listen(&local).await;
        assert!(again.is_ok(), "{case:?}: {again:?}");
    }
}

#[tokio::test]
async fn address_is_listened_on_once() {
    for case in cases() {
        let listener = case.pipe.listen(&case.address).await.unwrap();
        case.pipe.check(&listener.local_address()).unwrap();
        assert!(case.pipe.listen(&listener.local_address()).await.is_err(), "{case:?}");
        pair(&case, &*listener).await;
    }
}

#[tokio::test]
async fn what_is_not_an_address_is_refused() {
    for case in cases() {
        for address in ["", "memory:", "unix:", "ws://", ":80", "host", "host:0", "host:99999"] {
            assert!(case.pipe.check(address).is_err(), "{case:?} {address:?}");
            let refused = within(&case, case.pipe.dial(address)).await;
            assert!(matches!(refused, Err(DialError::BadAddress(_))), "{case:?} {refused:?}");
        }
    }
}

#[tokio::test]
async fn memory_network_parts_heals_and_silences() {
    let network = MemoryNetwork::default();
    let (a, b) = (network.pipe("a"), network.pipe("b"));
    let listener = a.listen("memory:a").await.unwrap();
    let (dialled, accepted) = tokio::join!(b.dial("memory:a"), listener.accept());
    let (mut dialled, mut accepted) = (dialled.unwrap(), accepted.unwrap());
    network.silence("a", "b");
    let soon = Duration::from_millis(1);
    let write = dialled.write.write_all(b"x");
    assert!(timeout(soon, write).await.is_err(), "nothing passes");
    network.heal("b", "a");
    dialled.write.write_all(b"x").await.unwrap();
    assert_eq!(accepted.read.read_u8().await.unwrap(), b'x');
    network.part("b", "a");
    assert!(accepted.read.read_u8().await.is_err());
    assert!(b.dial("memory:a").await.is_err());
    network.heal("a", "b");
    assert!(b.dial("memory:a").await.is_ok());
}
