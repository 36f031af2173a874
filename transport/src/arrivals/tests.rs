use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::proto::places::{SPARED, SPARED_OF_MANY};

/// Says so when it is dropped.
struct Stranger(u32, mpsc::Sender<u32>);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.1.try_send(self.0);
    }
}

/// Goal: those who stall give way, one by one and the oldest first, and their handshakes are dropped
/// then; the one that ends comes to its end. Method: virtual time.
#[tokio::test(start_paused = true)]
async fn who_gives_way_is_dropped_at_once() {
    let (gone, mut who_is_gone) = mpsc::channel(4);
    let mut arrivals = Arrivals::new(4);
    for n in 0..4 {
        let stranger = Stranger(n, gone.clone());
        let stalls = async move {
            std::future::pending::<()>().await;
            drop(stranger);
            "stranger"
        };
        assert_eq!(arrivals.room(), Room::Now);
        arrivals.spawn(&format!("10.0.0.1:{n}"), |_| stalls);
    }
    let (room, begun) = (arrivals.room(), Instant::now());
    assert_ne!(room, Room::Now);
    arrivals.opens(room).await;
    assert_eq!(begun.elapsed(), SPARED_OF_MANY);
    arrivals.spawn("10.0.0.2:1", |place| async move {
        place.prove();
        "peer"
    });
    assert_eq!(arrivals.room(), Room::None, "both are there");
    let mut ended = [arrivals.next().await, arrivals.next().await];
    ended.sort_unstable();
    assert_eq!(ended, [Some(None), Some(Some("peer"))]);
    assert_eq!(who_is_gone.recv().await, Some(0));
    assert!(timeout(2 * SPARED, arrivals.next()).await.is_err(), "the others stall");
    assert_eq!(arrivals.room(), Room::Now);
    drop(arrivals);
    for _ in 1..4 {
        assert!(who_is_gone.recv().await > Some(0));
    }
}

/// Goal: what comes of a handshake keeps its place until it is taken, and gives way to nobody, or more
/// than there are places could wait. Method: virtual time.
#[tokio::test(start_paused = true)]
async fn what_nobody_has_taken_holds_its_place() {
    let mut arrivals = Arrivals::new(2);
    arrivals.spawn("10.0.0.1:1", |_| std::future::ready(1));
    arrivals.spawn("10.0.0.1:2", |_| std::future::ready(2));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(arrivals.room(), Room::None);
    arrivals.spawn("10.0.0.1:3", |_| std::future::ready(3));
    let mut taken = [arrivals.next().await, arrivals.next().await];
    taken.sort_unstable();
    assert_eq!(taken, [Some(Some(1)), Some(Some(2))]);
    assert_eq!(arrivals.next().await, None, "there was no room for the third");
    assert_eq!(arrivals.room(), Room::Now);
}

#[test]
fn a_source_is_an_address_or_a_network() {
    for (remote, expected) in [
        ("10.0.0.1:80", "10.0.0.1"),
        ("[::ffff:10.0.0.1]:80", "10.0.0.1"),
        ("[2001:db8:1:2:3:4:5:6]:80", "20010db800010002"),
        ("process 7", "process 7"),
    ] {
        assert_eq!(source(remote), expected);
    }
}
