//! Actors of ractor behind pids of ours.

mod worker;

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use starlings_runtime::interop::{self, Hosted, ractor};
use starlings_runtime::{CastError, ExitReason, Node, Pid, SPAWN_TIMEOUT_DEFAULT, SpawnError};

use self::ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};
use self::worker::{Message, Seen, Start, Worker};
use crate::bridge::Bridge;
use crate::fixture::{Watcher, WatcherMethods as _, eventually, node};

/// A worker, and all that is to be gone when it has ended.
struct Hosting {
    pid: Pid<Hosted<Message>>,
    actor: ActorRef<Message>,
    seen: Arc<Seen>,
    keeper: Option<ActorCell>,
}

async fn hosted(node: &Node) -> Hosting {
    let seen = Arc::<Seen>::default();
    let worker = Worker(Arc::clone(&seen));
    let (pid, actor) = interop::spawn(node, worker, Start::Well).await.unwrap();
    let keeper = actor.get_cell().try_get_supervisor();
    assert!(keeper.is_some());
    Hosting { pid, actor, seen, keeper }
}

impl Hosting {
    async fn leaves_nothing(&self, node: &Node) {
        eventually("nothing is left", async || {
            let keeper = self.keeper.as_ref().map(ActorCell::get_status);
            self.actor.get_status() == ActorStatus::Stopped
                && keeper.is_none_or(|status| status == ActorStatus::Stopped)
                && Arc::strong_count(&self.seen) == 1
                && !node.is_alive(self.pid.any())
        })
        .await;
    }

    fn has_stopped(&self) -> bool {
        self.seen.post_stop.load(Ordering::SeqCst)
    }
}

/// Messages that end a worker, and the reasons of its end.
fn ends() -> [(Message, ExitReason); 5] {
    [
        (Message::Stop(None), ExitReason::Normal),
        (Message::Stop(Some("shutdown")), ExitReason::Shutdown),
        (Message::Stop(Some("enough")), ExitReason::custom("Stopped", "enough")),
        (Message::Fail, ExitReason::error("no luck")),
        (Message::Panic, ExitReason::Panic("bad luck".to_owned())),
    ]
}

async fn get(actor: &ActorRef<Message>) -> u64 {
    ractor::call!(actor, Message::Get).unwrap()
}

#[tokio::test]
async fn casts_to_the_pid_reach_the_ractor_actor() {
    let a = node("a@h");
    let Hosting { pid, actor, .. } = hosted(&a).await;
    pid.cast(Message::Add(40)).unwrap();
    let (sender, answer) = ractor::concurrency::oneshot();
    pid.cast(Message::Get(sender.into())).unwrap();
    assert_eq!(answer.await.unwrap(), 40);
    actor.cast(Message::Add(2)).unwrap();
    assert_eq!(get(&actor).await, 42, "ractor's own way still works");
    a.register("worker", &pid).unwrap();
    assert_eq!(a.named("worker"), Some(pid.clone()));
    actor.stop(None);
    eventually("its name is free", async || a.whereis("worker").is_none()).await;
    assert_eq!(pid.cast(Message::Add(1)), Err(CastError::NoProc));
}

#[tokio::test]
async fn the_end_of_the_ractor_actor_is_that_of_the_pid() {
    let a = node("a@h");
    for (end, reason) in ends() {
        let worker = hosted(&a).await;
        let down = a.monitor(&worker.pid);
        worker.pid.cast(end).unwrap();
        assert_eq!(down.await.reason, reason);
        worker.leaves_nothing(&a).await;
    }
    let worker = hosted(&a).await;
    let down = a.monitor(&worker.pid);
    worker.actor.kill();
    assert_eq!(down.await.reason, ExitReason::Killed);
    worker.leaves_nothing(&a).await;
    assert!(!worker.has_stopped());
}

#[tokio::test]
async fn the_end_of_the_pid_is_that_of_the_ractor_actor() {
    let a = node("a@h");
    let stopped = hosted(&a).await;
    let down = a.monitor(&stopped.pid);
    a.stop(&stopped.pid, ExitReason::Shutdown);
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    assert!(stopped.has_stopped(), "in order, and before the end is told");
    stopped.leaves_nothing(&a).await;

    let (killed, exited) = (hosted(&a).await, hosted(&a).await);
    for worker in [&killed, &exited] {
        worker.actor.cast(Message::Hang).unwrap();
    }
    let downs = (a.monitor(&killed.pid), a.monitor(&exited.pid));
    a.kill(&killed.pid);
    a.exit(&exited.pid, ExitReason::error("enough"));
    assert_eq!(downs.0.await.reason, ExitReason::Killed);
    assert_eq!(downs.1.await.reason, ExitReason::error("enough"));
    for worker in [killed, exited] {
        worker.leaves_nothing(&a).await;
        assert!(!worker.has_stopped());
    }
    let left = hosted(&a).await;
    a.shutdown().await;
    assert!(left.has_stopped(), "the shutdown of the node waits for it");
    left.leaves_nothing(&a).await;
}

#[tokio::test]
async fn links_and_monitors_hold_with_other_nodes_too() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    for (end, reason) in ends() {
        let worker = hosted(&a).await;
        let watcher = b.spawn::<Watcher>(true).await.unwrap();
        let monitor = watcher.watch(worker.pid.any().clone()).await.unwrap();
        watcher.bind(worker.pid.any().clone()).await.unwrap();
        worker.actor.cast(end).unwrap();
        let (downs, exits) =
            (vec![(monitor, reason.clone())], vec![(worker.pid.any().clone(), reason.clone())]);
        eventually("a down", async || watcher.downs().await.unwrap() == downs).await;
        eventually("an exit", async || watcher.exits().await.unwrap() == exits).await;
    }
    let worker = hosted(&a).await;
    let watcher = b.spawn::<Watcher>(false).await.unwrap();
    watcher.bind(worker.pid.any().clone()).await.unwrap();
    b.kill(&watcher);
    worker.leaves_nothing(&a).await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_does_not_start_says_why_and_leaves_nothing() {
    let a = node("a@h");
    let seen = Arc::<Seen>::default();
    let failed = SpawnError::InitFailed;
    for (start, error) in [
        (Start::Fail, failed(ExitReason::error("no luck"))),
        (Start::Panic, failed(ExitReason::Panic("bad luck".to_owned()))),
        (Start::Hang, SpawnError::Timeout),
    ] {
        let refused = interop::spawn(&a, Worker(Arc::clone(&seen)), start).await;
        assert_eq!(refused.map(|(pid, _)| pid), Err(error));
        eventually("nothing is left", async || {
            Arc::strong_count(&seen) == 1 && a.actors_count() == 0
        })
        .await;
    }
    let mut given_up = Box::pin(interop::spawn(&a, Worker(Arc::clone(&seen)), Start::Hang));
    let polled = std::future::poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    drop(given_up);
    eventually("nothing is left", async || {
        tokio::time::advance(SPAWN_TIMEOUT_DEFAULT / 20).await;
        Arc::strong_count(&seen) == 1 && a.actors_count() == 0
    })
    .await;
}

async fn running() -> (ActorRef<Message>, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let (actor, _) = Actor::spawn(None, Worker(Arc::clone(&seen)), Start::Well).await.unwrap();
    (actor, seen)
}

#[tokio::test]
async fn an_actor_that_runs_already_is_adopted() {
    let a = node("a@h");
    for (end, reason) in ends() {
        let (actor, seen) = running().await;
        let pid = interop::adopt(&a, actor.clone()).await.unwrap();
        let keeper = actor.get_cell().try_get_supervisor();
        let down = a.monitor(&pid);
        pid.cast(end).unwrap();
        let is_panic = matches!(reason, ExitReason::Panic(_));
        let reason = if is_panic { ExitReason::error("bad luck") } else { reason };
        assert_eq!(down.await.reason, reason);
        Hosting { pid, actor, seen, keeper }.leaves_nothing(&a).await;
    }
    let (actor, seen) = running().await;
    let pid = interop::adopt(&a, actor.clone()).await.unwrap();
    let keeper = actor.get_cell().try_get_supervisor();
    a.stop(&pid, ExitReason::Shutdown);
    let stopped = Hosting { pid, actor: actor.clone(), seen, keeper };
    stopped.leaves_nothing(&a).await;
    assert!(stopped.has_stopped());
    let refused = interop::adopt(&a, actor).await;
    assert_eq!(refused, Err(SpawnError::InitFailed(ExitReason::NoProc)), "it has ended");
    assert_eq!(a.actors_count(), 0);
}

/// A supervisor of ractor's that lives on.
struct Boss(Arc<AtomicBool>);

impl Actor for Boss {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if matches!(event, SupervisionEvent::ActorTerminated(..)) {
            self.0.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_adopted_actor_keeps_its_supervisor() {
    let a = node("a@h");
    let told = Arc::<AtomicBool>::default();
    let (boss, _) = Actor::spawn(None, Boss(Arc::clone(&told)), ()).await.unwrap();
    for ends_itself in [true, false] {
        told.store(false, Ordering::SeqCst);
        let seen = Arc::<Seen>::default();
        let worker = Worker(Arc::clone(&seen));
        let spawned = Actor::spawn_linked(None, worker, Start::Well, boss.get_cell()).await;
        let (actor, _) = spawned.unwrap();
        let pid = interop::adopt(&a, actor.clone()).await.unwrap();
        let supervisor = actor.get_cell().try_get_supervisor().map(|cell| cell.get_id());
        assert_eq!(supervisor, Some(boss.get_id()));
        let down = a.monitor(&pid);
        if ends_itself {
            actor.stop(None);
            assert_eq!(down.await.reason.kind(), "Unknown");
        } else {
            a.kill(&pid);
            assert_eq!(down.await.reason, ExitReason::Killed);
        }
        eventually("its supervisor is told", async || told.load(Ordering::SeqCst)).await;
        Hosting { pid, actor, seen, keeper: None }.leaves_nothing(&a).await;
    }
    assert_eq!(boss.get_status(), ActorStatus::Running);
    boss.stop(None);
}

#[tokio::test]
async fn a_stop_waits_for_the_message_at_hand_and_a_kill_does_not() {
    let a = node("a@h");
    let worker = hosted(&a).await;
    worker.actor.cast(Message::Hang).unwrap();
    let down = a.monitor(&worker.pid);
    a.stop(&worker.pid, ExitReason::Shutdown);
    let waited = tokio::time::timeout(Duration::from_millis(20), worker.actor.wait(None)).await;
    assert!(waited.is_err(), "it hangs in a message, which a stop does not cut short");
    a.kill(&worker.pid);
    assert_eq!(down.into_future().await.reason, ExitReason::Killed);
    worker.leaves_nothing(&a).await;
}
