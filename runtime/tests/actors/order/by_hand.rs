//! What is no actor's: monitors by hand, and receivers that have their senders pause.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{ExitReason, actor};
use tokio::sync::Notify;

use super::{MIXES, poll};
use crate::fixture::eventually;
use crate::puppet::{puppet, there, watchers};

/// Goal: a monitor by hand that another task drops leaves nothing, and a stop does not overtake it.
#[tokio::test]
async fn a_monitor_by_hand_keeps_its_place() {
    for seed in 0..MIXES {
        let places = there();
        let (x, y) = (puppet(&places.b).await, puppet(&places.b).await);
        let (far_x, far_y) = (places.a.bind(x.as_ref()), places.a.bind(y.as_ref()));
        places.bridge().hold(&places.a);
        let monitor = places.a.monitor(&far_x);
        tokio::spawn(async move { drop(monitor) }).await.unwrap();
        let mut end = pin!(places.a.stop_within(&far_y, ExitReason::Shutdown, Duration::MAX));
        assert!(poll(end.as_mut()).is_pending());
        assert_eq!(places.bridge().held(&places.a), 4);
        places.bridge().mix(&places.a, seed);
        places.bridge().let_go(&places.a);
        assert_eq!((watchers(&places.b, &x), end.await), (0, ExitReason::Shutdown), "seed {seed}");
    }
}

/// Holds four messages, and works them off when it is let.
#[derive(Debug)]
struct Small(Arc<Notify>);

#[actor(name = "test.order.small", capacity = 4, spawnable = false, crate = starlings_runtime)]
impl Small {
    fn init(gate: Arc<Notify>) -> Self {
        Self(gate)
    }

    #[cast]
    async fn wait(&mut self) {
        self.0.notified().await;
    }

    #[call]
    fn get(&self) -> u32 {
        42
    }
}

#[tokio::test]
async fn a_receiver_that_goes_on_is_not_taken_for_full() {
    for seed in 0..MIXES {
        let (places, gate) = (there(), Arc::<Notify>::default());
        let small = places.b.spawn::<Small>(Arc::clone(&gate)).await.unwrap();
        let far = places.a.pid::<Small>(small.any());
        // It says pause and resume, and both are held back.
        places.bridge().hold(&places.b);
        (0..6).for_each(|_| far.wait().unwrap());
        let held = async || {
            gate.notify_one();
            places.bridge().held(&places.b) == 2
        };
        eventually("it went on", held).await;
        places.bridge().mix(&places.b, seed);
        places.bridge().let_go(&places.b);
        let works = async || {
            gate.notify_one();
            tokio::time::timeout(Duration::from_millis(5), far.get())
                .await
                .is_ok_and(|it| it.is_ok())
        };
        eventually("it takes more", works).await;
    }
}
