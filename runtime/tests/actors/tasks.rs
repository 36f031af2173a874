//! Work beside an actor, and actors that block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use starlings_runtime::{Cx, ExitReason, TaskDone, TaskRef, actor};
use tokio::sync::Notify;

use crate::fixture::{Watcher, WatcherMethods as _, eventually, node};

/// Sets a flag when it is dropped.
#[derive(Debug)]
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct Boss {
    done: Vec<TaskDone<u32>>,
    flag: Option<Flag>,
}

#[actor(crate = starlings_runtime)]
impl Boss {
    fn init() -> Self {
        Self::default()
    }

    #[call]
    fn add(&mut self, a: u32, b: u32, gate: Arc<Notify>, cx: &mut Cx<Self>) -> TaskRef {
        cx.task(async move {
            gate.notified().await;
            a.checked_add(b).expect("it fits")
        })
    }

    #[call]
    fn block(&mut self, a: u32, cx: &mut Cx<Self>) -> TaskRef {
        cx.task_blocking(move || 100_u32.checked_div(a).expect("zero"))
    }

    #[call]
    fn hang(&mut self, dropped: Arc<AtomicBool>, cx: &mut Cx<Self>) -> TaskRef {
        cx.task(async move {
            let _flag = Flag(dropped);
            std::future::pending::<u32>().await
        })
    }

    /// Has a task that blocks its thread until it is released.
    #[call]
    fn occupy(
        &mut self,
        dropped: Flag,
        entered: Sender<()>,
        released: Receiver<()>,
        cx: &mut Cx<Self>,
    ) {
        self.flag = Some(dropped);
        cx.task(async move {
            entered.send(()).unwrap();
            released.recv().unwrap();
            7
        });
    }

    #[call]
    fn cancel(&mut self, task: TaskRef, cx: &mut Cx<Self>) -> bool {
        cx.cancel_task(task)
    }

    #[call]
    fn done(&self) -> Vec<TaskDone<u32>> {
        self.done.clone()
    }

    #[info]
    fn task_done(&mut self, done: TaskDone<u32>) {
        self.done.push(done);
    }
}

#[tokio::test]
async fn what_a_task_comes_to_is_told_to_its_actor_which_answers_meanwhile() {
    let (node, gate) = (node("a@h"), Arc::new(Notify::new()));
    let boss = node.spawn::<Boss>(()).await.unwrap();
    let task = boss.add(40, 2, Arc::clone(&gate)).await.unwrap();
    assert_eq!(boss.done().await, Ok(vec![]));
    gate.notify_one();
    eventually("it is done", async || {
        boss.done().await.unwrap() == [TaskDone { task, result: Ok(42) }]
    })
    .await;
}

#[tokio::test]
async fn a_task_that_panics_says_so_and_spares_its_actor() {
    let (node, gate) = (node("a@h"), Arc::new(Notify::new()));
    gate.notify_one();
    let boss = node.spawn::<Boss>(()).await.unwrap();
    boss.add(u32::MAX, 1, gate).await.unwrap();
    eventually("it is done", async || !boss.done().await.unwrap().is_empty()).await;
    let done = boss.done().await.unwrap();
    assert_eq!(done[0].result, Err(ExitReason::Panic("it fits".to_owned())));
}

#[tokio::test]
async fn blocking_work_comes_back_too() {
    let node = node("a@h");
    let boss = node.spawn::<Boss>(()).await.unwrap();
    boss.block(7).await.unwrap();
    eventually("it is done", async || boss.done().await.unwrap().len() == 1).await;
    boss.block(0).await.unwrap();
    eventually("it is done", async || boss.done().await.unwrap().len() == 2).await;
    let results: Vec<_> = boss.done().await.unwrap().into_iter().map(|done| done.result).collect();
    assert_eq!(results, [Ok(14), Err(ExitReason::Panic("zero".to_owned()))]);
}

#[tokio::test]
async fn a_task_ends_with_its_actor_and_when_it_is_cancelled() {
    let node = node("a@h");
    let boss = node.spawn::<Boss>(()).await.unwrap();
    let (first, second) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let task = boss.hang(Arc::clone(&first)).await.unwrap();
    boss.hang(Arc::clone(&second)).await.unwrap();
    assert_eq!(boss.cancel(task).await, Ok(true));
    assert_eq!(boss.cancel(task).await, Ok(false));
    eventually("it is cut off", async || first.load(Ordering::SeqCst)).await;
    assert!(!second.load(Ordering::SeqCst));
    node.kill(&boss);
    eventually("so is the other", async || second.load(Ordering::SeqCst)).await;
}

/// A supervisor that started the next life at once would otherwise have two of them at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_end_of_an_actor_is_told_when_its_tasks_are_gone() {
    for kills in [false, true] {
        let node = node("a@h");
        let boss = node.spawn::<Boss>(()).await.unwrap();
        let watcher = node.spawn::<Watcher>(false).await.unwrap();
        watcher.watch(boss.any().clone()).await.unwrap();
        let (entered, is_in) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        let dropped = Arc::<AtomicBool>::default();
        boss.occupy(Flag(Arc::clone(&dropped)), entered, released).await.unwrap();
        tokio::task::spawn_blocking(move || is_in.recv().unwrap()).await.unwrap();
        match kills {
            true => node.kill(&boss),
            false => node.stop(&boss, ExitReason::Shutdown),
        }
        eventually("its state is dropped", async || dropped.load(Ordering::SeqCst)).await;
        for _ in 0..100 {
            assert_eq!(watcher.downs().await, Ok(vec![]), "its task is at work");
        }
        release.send(()).unwrap();
        eventually("it is told", async || watcher.downs().await.unwrap().len() == 1).await;
        assert!(!node.is_alive(boss.any()));
    }
}

/// Blocks its thread.
#[derive(Debug)]
struct Blocker;

#[actor(thread = true, crate = starlings_runtime)]
impl Blocker {
    fn init() -> Self {
        Self
    }

    #[call]
    fn block(&mut self, until: Receiver<u32>) -> u32 {
        until.recv().unwrap()
    }

    #[call]
    async fn hang(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// The runtime of this test has one thread: an actor that blocked it would stop everything.
#[tokio::test]
async fn an_actor_on_a_thread_of_its_own_may_block_it() {
    let node = node("a@h");
    let blocker = node.spawn::<Blocker>(()).await.unwrap();
    let (sender, until) = std::sync::mpsc::channel();
    let blocked = blocker.block(until).send();
    sender.send(7).unwrap();
    assert_eq!(blocked.await, Ok(7));
    let ended = node.monitor(&blocker);
    node.stop(&blocker, ExitReason::Normal);
    assert_eq!(ended.await.reason, ExitReason::Normal);
}

#[tokio::test]
async fn an_actor_on_a_thread_of_its_own_is_killed_at_an_await_point() {
    let node = node("a@h");
    let blocker = node.spawn::<Blocker>(()).await.unwrap();
    let hung = blocker.hang().timeout(Duration::from_secs(60)).send();
    node.kill(&blocker);
    assert_eq!(
        hung.await,
        Err(starlings_runtime::CallError::Down(ExitReason::Killed)),
        "or it was killed before the call came"
    );
    assert_eq!(node.actors_count(), 0);
}
