//! Bounds in number and time, on virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::*;
use crate::proto::places::SPARED;

/// A connection that only tests look at.
fn connection(remote: String) -> Connection {
    Connection::new(tokio::io::empty(), tokio::io::sink(), remote)
}

/// Goal: as many stall as may; who comes then takes the place of one that has stalled for its time, and
/// nobody stalls for longer than a handshake may take.
#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_and_none_for_longer_than_they_may() {
    let handshakes = Handshakes::default();
    let (sender, arriving) = mpsc::channel(2 * PIPE_HANDSHAKES_MAX);
    for n in 0..PIPE_HANDSHAKES_MAX {
        sender.send(format!("stalls {n}")).await.unwrap();
    }
    sender.send("comes last".to_owned()).await.unwrap();
    let (arriving, accepted) = (Mutex::new(arriving), AtomicUsize::new(0));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let start = tokio::time::Instant::now();
    let accept = || async {
        let word = arriving.lock().await.recv().await.unwrap();
        accepted.fetch_add(1, Ordering::SeqCst);
        Ok((word.clone(), word))
    };
    let handshake = |word: String, remote| {
        let running = Running::new(&running, &most);
        async move {
            if word.starts_with("stalls") {
                std::future::pending::<()>().await;
            }
            drop(running);
            Ok(connection(remote))
        }
    };
    {
        let mut next = std::pin::pin!(handshakes.next(accept, handshake));
        let early = timeout(SPARED / 2, &mut next).await;
        assert!(early.is_err(), "there is no room for the last one");
        assert_eq!(accepted.load(Ordering::SeqCst), PIPE_HANDSHAKES_MAX);
        assert_eq!(next.await.unwrap().remote_address, "comes last");
        assert_eq!(start.elapsed(), SPARED);
    }
    let mut next = std::pin::pin!(handshakes.next(accept, handshake));
    assert!(timeout(HANDSHAKE_TIMEOUT, &mut next).await.is_err(), "nobody else comes");
    assert_eq!(running.load(Ordering::SeqCst), 0, "who stalls is dropped");
    assert!(most.load(Ordering::SeqCst) <= PIPE_HANDSHAKES_MAX + 1);
}

/// Counts those that are there.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(running: &Arc<AtomicUsize>, most: &AtomicUsize) -> Self {
        let count = running.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(count, Ordering::SeqCst);
        Self(running.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Goal: a handshake that fails is none of the listener's errors.
#[tokio::test]
async fn who_comes_behind_one_that_fails_is_next() {
    let handshakes = Handshakes::default();
    let words = Mutex::new(vec!["good", "fails"]);
    let accept = || async {
        match words.lock().await.pop() {
            Some(word) => Ok((word, word.to_owned())),
            None => std::future::pending().await,
        }
    };
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
