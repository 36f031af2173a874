//! Bounds in number and time, on virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::*;

/// A connection that only tests look at.
fn connection(remote: String) -> Connection {
    Connection::new(tokio::io::empty(), tokio::io::sink(), remote)
}

/// Goal: as many stall as may; who comes then waits, and no longer than a handshake may take.
#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_and_none_for_longer_than_they_may() {
    let handshakes = Handshakes::default();
    let (sender, arriving) = mpsc::channel(2 * PIPE_HANDSHAKES_MAX);
    for _ in 0..PIPE_HANDSHAKES_MAX {
        sender.send("stalls").await.unwrap();
    }
    sender.send("waits").await.unwrap();
    let (arriving, accepted) = (Mutex::new(arriving), AtomicUsize::new(0));
    let start = tokio::time::Instant::now();
    let accept = || async {
        let word = arriving.lock().await.recv().await.unwrap();
        accepted.fetch_add(1, Ordering::SeqCst);
        Ok((word, word.to_owned()))
    };
    let handshake = |word, remote| async move {
        if word == "stalls" {
            std::future::pending::<()>().await;
        }
        Ok(connection(remote))
    };
    {
        let mut next = std::pin::pin!(handshakes.next(accept, handshake));
        let early = timeout(HANDSHAKE_TIMEOUT / 2, &mut next).await;
        assert!(early.is_err(), "there is no room for the last one");
        assert_eq!(accepted.load(Ordering::SeqCst), PIPE_HANDSHAKES_MAX);
        assert_eq!(next.await.unwrap().remote_address, "waits");
    }
    assert_eq!(start.elapsed(), HANDSHAKE_TIMEOUT);

    // There is room again, also for one that comes behind one that fails.
    sender.send("fails").await.unwrap();
    sender.send("good").await.unwrap();
    let handshake = |word, remote| async move {
        let good = word == "good";
        if good { Ok(connection(remote)) } else { Err(io::ErrorKind::InvalidData.into()) }
    };
    assert_eq!(handshakes.next(accept, handshake).await.unwrap().remote_address, "good");
}

/// Goal: that the system cannot accept ends no handshake.
#[tokio::test(start_paused = true)]
async fn handshakes_outlive_a_failed_accept() {
    let handshakes = Handshakes::default();
    let accepted = AtomicUsize::new(0);
    let accept = || async {
        match accepted.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(((), "first".to_owned())),
            1 => Err(io::ErrorKind::OutOfMemory.into()),
            _ => std::future::pending().await,
        }
    };
    let handshake = |(), remote| async move {
        tokio::time::sleep(HANDSHAKE_TIMEOUT / 2).await;
        Ok(connection(remote))
    };
    assert!(handshakes.next(accept, handshake).await.is_err());
    assert_eq!(handshakes.next(accept, handshake).await.unwrap().remote_address, "first");
}
