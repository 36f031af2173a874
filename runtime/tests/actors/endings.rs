//! When ends take effect, and what comes before them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use starlings_runtime::{
    Cx, Down, ExitReason, Pid, Shutdown, SupervisorMethods as _, SupervisorSpec, actor, spec,
};
use tokio::sync::Notify;

use crate::fixture::{Counter, eventually, node};

type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what comes, in order.
#[derive(Debug)]
struct Listener(Log);

#[actor(crate = starlings_runtime)]
impl Listener {
    fn init(log: Log) -> Self {
        Self(log)
    }

    #[cast]
    fn hear(&mut self, what: String) {
        self.0.lock().push(what);
    }

    #[call]
    fn watch(&mut self, speaker: Pid<Speaker>, cx: &mut Cx<Self>) {
        cx.monitor(&speaker);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.0.lock().push(format!("down {}", down.reason));
    }
}

/// Says something and ends, in one message.
#[derive(Debug)]
struct Speaker;

#[actor(crate = starlings_runtime)]
impl Speaker {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn speak(&mut self, to: Pid<Listener>) {
        for word in 0..100 {
            to.hear(word.to_string()).unwrap();
        }
        panic!("done");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_actor_sent_before_it_ended_comes_before_its_down() {
    let (node, log) = (node("a@h"), Log::default());
    let listener = node.spawn::<Listener>(Arc::clone(&log)).await.unwrap();
    let speaker = node.spawn::<Speaker>(()).await.unwrap();
    listener.watch(speaker.clone()).await.unwrap();
    speaker.speak(listener).unwrap();
    eventually("all has come", async || log.lock().len() == 101).await;
    let expected = (0..100).map(|word| word.to_string()).chain(["down Panic: done".to_owned()]);
    assert_eq!(*log.lock(), expected.collect::<Vec<_>>());
}

/// Waits inside a handler until it is let go.
#[derive(Debug)]
struct Waiter {
    log: Log,
    gate: Arc<Notify>,
}

#[actor(crate = starlings_runtime)]
impl Waiter {
    fn init(log: Log, gate: Arc<Notify>) -> Self {
        Self { log, gate }
    }

    #[cast]
    async fn wait(&mut self) {
        self.log.lock().push("in".to_owned());
        self.gate.notified().await;
        self.log.lock().push("out".to_owned());
    }

    fn terminate(&mut self, reason: &ExitReason) {
        self.log.lock().push(format!("terminate {reason}"));
    }
}

#[tokio::test]
async fn a_stop_takes_effect_after_the_message_at_hand_and_runs_terminate() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::new(Notify::new()));
    let waiter = node.spawn::<Waiter>((Arc::clone(&log), Arc::clone(&gate))).await.unwrap();
    waiter.wait().unwrap();
    waiter.wait().unwrap();
    eventually("it is at it", async || log.lock().len() == 1).await;
    let ended = node.monitor(&waiter);
    node.stop(&waiter, ExitReason::Shutdown);
    gate.notify_one();
    assert_eq!(ended.await.reason, ExitReason::Shutdown);
    assert_eq!(
        *log.lock(),
        ["in", "out", "terminate Shutdown"],
        "the second message is not handled"
    );
}

#[tokio::test]
async fn a_kill_takes_effect_at_the_await_point_and_runs_nothing() {
    let (node, log, gate) = (node("a@h"), Log::default(), Arc::new(Notify::new()));
    let waiter = node.spawn::<Waiter>((Arc::clone(&log), gate)).await.unwrap();
    waiter.wait().unwrap();
    eventually("it is at it", async || log.lock().len() == 1).await;
    let ended = node.monitor(&waiter);
    node.kill(&waiter);
    assert_eq!(ended.await.reason, ExitReason::Killed);
    assert_eq!(*log.lock(), ["in"]);
}

/// Takes its time to end, or never does.
#[derive(Debug)]
struct Slow {
    name: String,
    log: Log,
    ends: bool,
}

#[actor(crate = starlings_runtime)]
impl Slow {
    fn init(name: String, log: Log, ends: bool) -> Self {
        Self { name, log, ends }
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.log.lock().push(self.name.clone());
        if !self.ends {
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn children_stop_in_reverse_order_each_within_its_time() {
    let (node, log) = (node("a@h"), Log::default());
    let child = |name: &str, ends| {
        spec::<Slow>((name.to_owned(), Arc::clone(&log), ends))
            .id(name)
            .shutdown(Shutdown::After(Duration::from_secs(2)))
    };
    let brutal = child("brutal", true).shutdown(Shutdown::Brutal);
    let spec = SupervisorSpec::one_for_one().child(child("first", true));
    let spec = spec.child(child("hangs", false)).child(brutal).child(child("last", true));
    let supervisor = spec.start(&node).await.unwrap();
    let (ended, began) = (node.monitor(&supervisor), tokio::time::Instant::now());
    node.stop(&supervisor, ExitReason::Shutdown);
    ended.await;
    assert_eq!(*log.lock(), ["last", "hangs", "first"], "the brutal one has no terminate");
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert_eq!(node.actors_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_answers_while_a_child_takes_its_time_to_start() {
    let node = node("a@h");
    let supervisor = SupervisorSpec::one_for_one().start(&node).await.unwrap();
    let (starter, hung) = (supervisor.clone(), spec::<Counter>(-3).id("hung"));
    let starting = tokio::spawn(async move { starter.start_child(hung).await });
    eventually("it is starting", async || supervisor.which_children().await.unwrap().len() == 1)
        .await;
    assert!(!starting.is_finished());
    // Its init is given up after 5 s; then it is not a child.
    assert!(starting.await.unwrap().is_err());
    assert_eq!(supervisor.which_children().await, Ok(vec![]));
}
