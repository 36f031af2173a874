//! A mailbox that is full, over a real session: who sends to it waits, and nobody else.

use std::sync::Arc;

use starlings::prelude::*;
use starlings::{CallError, CastError, address};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what it is sent, and can be held up.
#[derive(Debug)]
struct Slow {
    kept: Vec<u32>,
    gate: Arc<Notify>,
}

#[actor(name = "it.slow", capacity = 4, spawnable = false)]
impl Slow {
    fn init(gate: Arc<Notify>) -> Self {
        Self { kept: Vec::new(), gate }
    }

    #[cast]
    async fn wait(&mut self) {
        self.gate.notified().await;
    }

    #[cast]
    fn keep(&mut self, item: u32) {
        self.kept.push(item);
    }

    #[call]
    fn kept(&self) -> Vec<u32> {
        self.kept.clone()
    }
}

#[derive(Debug)]
struct Echo;

#[actor(name = "it.echo", spawnable = false)]
impl Echo {
    fn init() -> Self {
        Self
    }

    #[call]
    fn echo(&self, number: u32) -> u32 {
        number
    }
}

/// Goal: a full mailbox pauses its senders on the other node, and holds up nobody else on their lane;
/// nothing that was accepted is lost.
/// Method: one user lane; a receiver that holds four messages and handles none. Each message to it is
/// followed by a call of another actor on the same lane, which is answered after whatever there is to say
/// about the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_elsewhere_pauses_its_senders_and_nobody_else_on_the_lane() {
    let start = |name: &str| {
        let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
        builder.user_lanes(1).start()
    };
    let (a, b) = (start("a@localhost").await.unwrap(), start("b@localhost").await.unwrap());
    a.connect(b.name(), Some(&address(&b).unwrap())).await.unwrap();
    let gate = Arc::<Notify>::default();
    let here = b.spawn::<Slow>(Arc::clone(&gate)).await.unwrap();
    let slow = a.pid::<Slow>(here.any());
    let echo = a.pid::<Echo>(b.spawn::<Echo>(()).await.unwrap().any());

    slow.wait().unwrap();
    let mut next = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "it is never full: {next}");
        let kept = slow.keep(next);
        assert_eq!(echo.echo(next).await, Ok(next), "another one on the lane answers");
        match kept {
            Ok(()) => next += 1,
            Err(error) => {
                assert_eq!(error, CastError::Overloaded);
                break;
            }
        }
    }
    assert!((4..100).contains(&next), "{next} messages for a mailbox of four");
    assert_eq!(slow.kept().await, Err(CallError::Overloaded));
    let waiter = tokio::spawn({
        let slow = slow.clone();
        async move { slow.cast_wait(SlowMessage::Keep { item: next }).await }
    });
    for number in 0..1000 {
        assert_eq!(echo.echo(number).await, Ok(number));
    }
    assert!(!waiter.is_finished(), "who sends to it still waits");
    gate.notify_one();
    let waited = timeout(PATIENCE, waiter).await.expect("it is let go");
    assert_eq!(waited.unwrap(), Ok(()));
    assert_eq!(slow.kept().await, Ok((0..=next).collect()), "in order, without a gap");
    a.shutdown().await;
    b.shutdown().await;
}
