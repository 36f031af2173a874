//! Who is taken for the sender of what.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;

/// Notes whose code drops it.
struct Dropped(Arc<Mutex<Vec<LaneKey>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().push(LaneKey::of_sender());
    }
}

fn thread() -> LaneKey {
    std::thread::spawn(LaneKey::of_sender).join().expect("it does not panic")
}

#[test]
fn each_task_and_each_thread_is_a_sender_of_its_own() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("a runtime");
    let task = || async {
        let first = LaneKey::of_sender();
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert_eq!(LaneKey::of_sender(), first, "whichever thread it is polled by");
        }
        first
    };
    let (one, other) = (runtime.spawn(task()), runtime.spawn(task()));
    let blocking = runtime.spawn_blocking(LaneKey::of_sender);
    let (tasks, blocking) = runtime.block_on(async {
        ([one.await.expect("its key"), other.await.expect("its key")], blocking.await)
    });
    let acting = runtime.spawn(async move {
        let (own, (sender, seen)) = (LaneKey::of_sender(), oneshot::channel());
        // A task that an actor starts is not that actor.
        let life = async move { drop(sender.send(tokio::spawn(async { LaneKey::of_sender() }))) };
        Acting::new(7, life).await;
        [own, seen.await.expect("a task").await.expect("its key"), LaneKey::of_sender()]
    });
    let [own, started, after] = runtime.block_on(acting).expect("the keys");
    assert_eq!(own, after, "nobody acts for the actor any more");
    let blocking = blocking.expect("its key");
    let here = runtime.block_on(async { LaneKey::of_sender() });
    assert_eq!(here, LaneKey::of_sender(), "a future that is not a task's is its thread's");
    let mut all = vec![here, thread(), thread(), tasks[0], tasks[1], blocking, own, started];
    all.extend([LaneKey::PAUSES, LaneKey::of_service("one"), LaneKey::of_service("other")]);
    assert!(all.iter().all(|key| key.0 & NO_ACTOR != 0), "none is an actor's");
    all.sort_unstable_by_key(|key| key.0);
    all.dedup();
    assert_eq!(all.len(), 11);
}

#[test]
fn what_is_dropped_with_an_actor_is_dropped_by_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    let dropped = Arc::<Mutex<Vec<_>>>::default();
    let state = || Dropped(Arc::clone(&dropped));
    let life = |state: Dropped| async move {
        let _state = state;
        std::future::pending::<()>().await;
    };
    // Killed as it waits; never polled; ended; panicked; and within the code of another one.
    let killed = runtime.spawn(Acting::new(1, life(state())));
    killed.abort();
    assert!(runtime.block_on(killed).is_err());
    drop(Acting::new(2, life(state())));
    let (ending, panicking) = (state(), state());
    let ended = runtime.spawn(Acting::new(3, async move { drop(ending) }));
    runtime.block_on(ended).expect("it ends");
    let panicked = runtime.spawn(Acting::new(4, async move {
        let _state = panicking;
        panic!("boom");
    }));
    assert!(runtime.block_on(panicked).is_err());
    let (inner, outer) = (Acting::new(5, life(state())), state());
    let nested = runtime.spawn(Acting::new(6, async move {
        drop(inner);
        drop(outer);
    }));
    runtime.block_on(nested).expect("it ends");
    assert_eq!(*dropped.lock(), [1, 2, 3, 4, 5, 6].map(LaneKey::of_actor));
    let here = LaneKey::of_sender();
    assert_eq!(here.0 & NO_ACTOR, NO_ACTOR, "this is no actor");
}

/// The identity that tokio gives to the task whose future is dropped is its own: what a task that is no
/// actor sends as it is aborted has its key.
#[test]
fn a_task_that_is_aborted_is_itself_as_it_is_dropped() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    let dropped = Arc::<Mutex<Vec<_>>>::default();
    let state = Dropped(Arc::clone(&dropped));
    let (tell, told) = oneshot::channel();
    let task = runtime.spawn(async move {
        let _state = state;
        let _ = tell.send(LaneKey::of_sender());
        std::future::pending::<()>().await;
    });
    let key = runtime.block_on(told).expect("its key");
    task.abort();
    assert!(runtime.block_on(task).is_err());
    assert_eq!(*dropped.lock(), [key]);
}
