//! Spawning on one's own node.

use std::time::Duration;

use starlings_runtime::{ExitReason, RegisterError, SpawnError};

use crate::fixture::{Counter, CounterMethods as _, eventually, node};

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
