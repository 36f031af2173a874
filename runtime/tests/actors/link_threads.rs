//! Links and unlinks of two actors at the same moment, on two threads.

use crate::fixture::{Watcher, WatcherMethods as _, eventually, node};

/// In each round one side links while the other unlinks; whichever comes first, they agree in the end.
/// Without an order for the signals of both threads this failed within some thousand rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_threads_that_link_and_unlink_agree_in_the_end() {
    let node = node("a@h");
    let a = node.spawn::<Watcher>(true).await.unwrap();
    let b = node.spawn::<Watcher>(true).await.unwrap();
    let links =
        |pid: &starlings_runtime::Pid<Watcher>| node.actor_info(pid.any()).unwrap().links.len();
    for round in 0..10_000 {
        if round % 2 == 0 {
            a.bind(b.any().clone()).await.unwrap();
        }
        let unlinking = a.unbind(b.any().clone()).send();
        let linking = b.bind(a.any().clone()).send();
        unlinking.await.unwrap();
        linking.await.unwrap();
        eventually("they agree", async || links(&a) == links(&b)).await;
        b.unbind(a.any().clone()).await.unwrap();
        a.unbind(b.any().clone()).await.unwrap();
        eventually("there is none", async || links(&a) + links(&b) == 0).await;
    }
}
