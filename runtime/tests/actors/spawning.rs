//! Spawning on one's own node.

use std::sync::mpsc::{Receiver, channel};
use std::thread::ThreadId;
use std::time::Duration;

use starlings_runtime::{Cx, ExitReason, Pid, RegisterError, SpawnError, actor};
use tokio::runtime::{Builder, Handle, Id};

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, asked, eventually, node};
use crate::puppet::{links, watchers};

/// Spawns the next one as it begins, and waits for it.
struct Link(u64);

#[actor(crate = starlings_runtime)]
impl Link {
    async fn init(left: u64, cx: &mut Cx<Self>) -> starlings_runtime::Result<Self> {
        let behind = match left.checked_sub(1) {
            Some(left) => {
                let next = cx.spawn::<Self>(left).timeout(Duration::from_secs(60));
                next.await.map_err(ExitReason::error)?.len().await.map_err(ExitReason::error)?
            }
            None => 0,
        };
        Ok(Self(behind + 1))
    }

    #[call]
    fn len(&self) -> u64 {
        self.0
    }
}

/// Notes where its `init` is begun.
struct Placed(Id, ThreadId);

#[actor(crate = starlings_runtime)]
impl Placed {
    async fn init(awaits: bool) -> Self {
        let begun = std::thread::current().id();
        if awaits {
            tokio::task::yield_now().await;
        }
        Self(Handle::current().id(), begun)
    }

    #[call]
    fn place(&self) -> (Id, ThreadId) {
        (self.0, self.1)
    }
}

#[tokio::test]
async fn a_long_chain_of_actors_that_spawn_the_next_as_they_begin_fits_on_the_stack() {
    let node = node("a@h");
    let last = node.spawn::<Link>(10_000).timeout(Duration::from_secs(60)).await.unwrap();
    assert_eq!(last.len().await, Ok(10_001));
}

#[test]
fn an_init_runs_in_the_runtime_of_its_node_whoever_asks() {
    let runtime = || Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (own, other, here) = (runtime(), runtime(), std::thread::current().id());
    let node = own.block_on(async { node("a@h") });
    let place = async |spawned: Result<Pid<Placed>, _>| spawned.unwrap().place().await.unwrap();
    for awaits in [false, true] {
        let spawn = || node.spawn::<Placed>(awaits);
        let at_once = own.block_on(async { place(spawn().await).await });
        assert_eq!(at_once, (own.handle().id(), here), "by who asks");
        let asked_elsewhere = other.block_on(async { place(spawn().await).await });
        let asked_outside = own.block_on(async { place(asked(spawn()).await).await });
        for later in [asked_elsewhere, asked_outside] {
            assert_eq!(later.0, own.handle().id());
            assert_ne!(later.1, here, "by its own task");
        }
    }
}

#[tokio::test]
async fn who_spawns_without_end_lets_others_run() {
    let node = node("a@h");
    let others = tokio::spawn(async {});
    while !others.is_finished() {
        let counter = node.spawn::<Counter>(0).await.unwrap();
        node.stop(&counter, ExitReason::Normal);
    }
}

#[tokio::test]
async fn a_failed_init_leaves_no_child_and_says_why() {
    let node = node("a@h");
    let failed = node.spawn::<Counter>(-1).await;
    assert_eq!(failed, Err(SpawnError::InitFailed(ExitReason::Error("negative".to_owned()))));
    let panicked = node.spawn::<Counter>(-2).name("x").await;
    assert_eq!(panicked, Err(SpawnError::InitFailed(ExitReason::Panic("too negative".to_owned()))));
    assert_eq!((node.actors_count(), node.whereis("x")), (0, None));
}

#[tokio::test(start_paused = true)]
async fn an_init_that_hangs_is_given_up() {
    let node = node("a@h");
    let hung = node.spawn::<Counter>(-3).timeout(Duration::from_millis(50)).await;
    assert_eq!(hung, Err(SpawnError::Timeout));
    assert_eq!(node.actors_count(), 0);
}

/// Blocks its thread in `init` until it is released, or for so long that a test has failed.
struct Blocked;

#[actor(thread = true, crate = starlings_runtime)]
impl Blocked {
    fn init(released: Receiver<()>) -> Self {
        let _ = released.recv_timeout(Duration::from_secs(20));
        Self
    }
}

/// The runtime has one thread: were `init` run in it, nobody could keep the time.
#[tokio::test]
async fn an_init_that_blocks_a_thread_of_its_own_is_given_up_in_time() {
    let (node, (release, released)) = (node("a@h"), channel());
    let spawn = node.spawn::<Blocked>(released).name("blocked");
    assert_eq!(spawn.timeout(Duration::from_millis(50)).await, Err(SpawnError::Timeout));
    let counter = node.spawn::<Counter>(7).await.unwrap();
    assert_eq!(counter.get().await, Ok(7), "who asked goes on");
    assert!(node.whereis("blocked").is_some(), "it is in its init");
    release.send(()).unwrap();
    eventually("it is killed as it comes back", async || node.actors_count() == 1).await;
    assert_eq!(node.whereis("blocked"), None);
}

#[tokio::test]
async fn bonds_of_a_spawn_without_a_parent_are_none() {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    for there in [&a, &b] {
        let linked = a.on(there.name()).spawn::<Counter>(0).linked().await.unwrap();
        let watched = a.on(there.name()).spawn::<Counter>(0).monitored().await.unwrap().0;
        for child in [linked, watched] {
            assert_eq!((links(there, &child), watchers(there, &child)), (vec![], 0));
            let ended = there.monitor(&child);
            child.crash("alone".to_owned()).unwrap();
            assert_eq!(ended.await.reason, ExitReason::Panic("alone".to_owned()));
        }
        let is_needed = async || bridge.is_needed(&a) || bridge.is_needed(&b);
        eventually("nothing is kept of it", async || !is_needed().await).await;
    }
    let here = a.spawn::<Counter>(0).linked().await.unwrap();
    assert_eq!(links(&a, &here), []);
    assert_eq!((here.get().await, a.actors_count(), b.actors_count()), (Ok(0), 1, 0));
}

#[tokio::test]
async fn a_name_is_held_by_one_and_goes_with_it() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).name("x").await.unwrap();
    assert_eq!(node.whereis("x"), Some(counter.any().clone()));
    let taken = node.spawn::<Counter>(0).name("x").await;
    assert_eq!(taken, Err(SpawnError::NameTaken("x".to_owned())));
    let other = node.spawn::<Counter>(0).await.unwrap();
    assert_eq!(node.register("x", &other), Err(RegisterError::Taken(counter.any().clone())));
    assert_eq!(node.register("", &other), Err(RegisterError::BadName));
    counter.finish().unwrap();
    eventually("the name is free", async || node.whereis("x").is_none()).await;
    node.register("x", &other).unwrap();
    assert!(node.unregister("x") && !node.unregister("x"));
    assert_eq!(node.register("x", &counter), Err(RegisterError::NoProc));
}

#[tokio::test]
async fn shutdown_ends_everything() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).await.unwrap();
    node.shutdown().await;
    assert_eq!(node.actors_count(), 0);
    assert!(!node.is_alive(counter.any()));
    assert_eq!(node.spawn::<Counter>(0).await, Err(SpawnError::ShuttingDown));
}
