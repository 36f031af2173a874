//! What every pipe keeps, over each of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Connection, DialError, MemoryNetwork, Pipe, TcpPipe};

/// Each pipe, with an address to listen on.
fn pipes() -> Vec<(Arc<dyn Pipe>, &'static str)> {
    vec![(Arc::new(TcpPipe), "127.0.0.1:0"), (MemoryNetwork::default().pipe("a"), "memory:a")]
}

async fn connected(pipe: &Arc<dyn Pipe>, address: &str) -> (Connection, Connection) {
    let listener = pipe.listen(address).await.unwrap();
    let local = listener.local_address();
    let (dialled, accepted) = tokio::join!(pipe.dial(&local), listener.accept());
    (dialled.unwrap(), accepted.unwrap())
}

#[tokio::test]
async fn bytes_arrive_in_order_both_ways() {
    for (pipe, address) in pipes() {
        let (mut one, mut other) = connected(&pipe, address).await;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        for _ in 0..2 {
            let mut received = vec![0; sent.len()];
            let (wrote, read) =
                tokio::join!(one.write.write_all(&sent), other.read.read_exact(&mut received));
            wrote.unwrap();
            read.unwrap();
            assert!(received == sent, "{pipe:?}");
            std::mem::swap(&mut one, &mut other);
        }
    }
}

#[tokio::test]
async fn shutdown_ends_what_the_other_end_reads_and_no_more() {
    for (pipe, address) in pipes() {
        let (mut one, mut other) = connected(&pipe, address).await;
        one.write.write_all(b"last").await.unwrap();
        one.write.shutdown().await.unwrap();
        let mut received = Vec::new();
        other.read.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"last");
        other.write.write_all(b"still").await.unwrap();
        let mut still = [0; 5];
        one.read.read_exact(&mut still).await.unwrap();
    }
}

#[tokio::test]
async fn dropped_connection_ends_the_other_end() {
    for (pipe, address) in pipes() {
        let (one, mut other) = connected(&pipe, address).await;
        drop(one);
        let read = timeout(Duration::from_secs(5), other.read.read_u8()).await;
        assert!(read.expect("it ends").is_err(), "{pipe:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    for (pipe, address) in pipes() {
        let listener = pipe.listen(address).await.unwrap();
        let local = listener.local_address();
        drop(listener);
        let refused = pipe.dial(&local).await;
        assert!(matches!(refused, Err(DialError::Unreachable(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn address_is_listened_on_once() {
    for (pipe, address) in pipes() {
        let listener = pipe.listen(address).await.unwrap();
        assert!(pipe.listen(&listener.local_address()).await.is_err(), "{pipe:?}");
    }
}

#[tokio::test]
async fn what_is_not_an_address_is_refused() {
    for (pipe, _) in pipes() {
        for address in ["", "memory:", ":80", "host", "host:0", "host:99999"] {
            assert!(pipe.check(address).is_err(), "{pipe:?} {address:?}");
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
