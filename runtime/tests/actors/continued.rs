//! What an actor continues with comes before all that waits in its mailbox.

use std::sync::Arc;

use starlings_runtime::{Cx, actor};
use tokio::sync::Notify;

use crate::fixture::{eventually, node};

/// An event, by its name.
#[derive(Debug)]
struct Next(&'static str);

/// Says that something has begun, and lets it go on.
#[derive(Debug, Clone, Default)]
struct Gate {
    begun: Arc<Notify>,
    opened: Arc<Notify>,
}

impl Gate {
    async fn pass(&self) {
        self.begun.notify_one();
        self.opened.notified().await;
    }
}

/// Continues in `init` and in a handler, and keeps what comes.
#[derive(Debug, Default)]
struct Eager(Vec<&'static str>);

#[actor(crate = starlings_runtime)]
impl Eager {
    async fn init(gate: Gate, cx: &mut Cx<Self>) -> Self {
        cx.continue_with(Next("first"));
        gate.pass().await;
        cx.continue_with(Next("second"));
        Self::default()
    }

    #[cast]
    async fn go_on(&mut self, gate: Gate, cx: &mut Cx<Self>) {
        cx.continue_with(Next("and again"));
        gate.pass().await;
        cx.continue_with(Next("third"));
    }

    #[cast]
    fn hear(&mut self, what: &'static str) {
        self.0.push(what);
    }

    #[call]
    fn seen(&self) -> Vec<&'static str> {
        self.0.clone()
    }

    #[info]
    fn next(&mut self, next: Next, cx: &mut Cx<Self>) {
        self.0.push(next.0);
        if next.0 == "and again" {
            cx.continue_with(Next("last"));
        }
    }
}

/// `gen_server_SUITE`: `continue`: "the continue is handled before any message", from `init`.
#[tokio::test]
async fn what_init_continues_with_comes_before_what_was_sent_while_it_ran() {
    let (node, gate) = (node("a@h"), Gate::default());
    let spawning = tokio::spawn(node.spawn::<Eager>(gate.clone()).name("eager").into_future());
    gate.begun.notified().await;
    let eager = node.pid::<Eager>(&node.whereis("eager").unwrap());
    eager.hear("a cast").unwrap();
    assert!(node.notify(eager.any(), Next("an event")));
    let seen = tokio::spawn(eager.seen().send());
    eventually("it waits", async || node.actor_info(eager.any()).unwrap().mailbox_len == 2).await;
    gate.opened.notify_one();
    assert_eq!(spawning.await.unwrap(), Ok(eager));
    assert_eq!(seen.await.unwrap(), Ok(vec!["first", "second", "a cast", "an event"]));
}

/// `gen_statem_SUITE`: `next_events`: before what the actor has in hand, and what came meanwhile.
#[tokio::test]
async fn what_a_handler_continues_with_comes_before_what_waits() {
    let (node, gate) = (node("a@h"), Gate::default());
    gate.opened.notify_one();
    let eager = node.spawn::<Eager>(gate.clone()).await.unwrap();
    gate.begun.notified().await;
    // The runtime has one thread: the actor takes these two together.
    eager.go_on(gate.clone()).unwrap();
    eager.hear("in hand").unwrap();
    gate.begun.notified().await;
    eager.hear("queued").unwrap();
    assert!(node.notify(eager.any(), Next("an event")));
    gate.opened.notify_one();
    let expected =
        ["first", "second", "and again", "third", "last", "in hand", "queued", "an event"];
    assert_eq!(eager.seen().await.unwrap(), expected);
}
