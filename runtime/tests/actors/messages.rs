//! Casts, calls and their answers.

use std::time::Duration;

use starlings_runtime::{CallError, CastError, ExitReason};

use crate::fixture::{Counter, CounterMessage, CounterMethods as _, eventually, node};

#[tokio::test]
async fn casts_come_before_a_later_call() {
    let counter = node("a@h").spawn::<Counter>(40).await.unwrap();
    counter.add(1).unwrap();
    counter.add(1).unwrap();
    assert_eq!(counter.get().await, Ok(42));
}

#[tokio::test]
async fn calls_can_be_sent_now_and_awaited_later() {
    let counter = node("a@h").spawn::<Counter>(0).await.unwrap();
    let first = counter.get().send();
    counter.add(7).unwrap();
    let second = counter.get().send();
    assert_eq!((second.await, first.await), (Ok(7), Ok(0)));
}

#[tokio::test]
async fn a_reply_may_come_from_a_later_message() {
    let counter = node("a@h").spawn::<Counter>(5).await.unwrap();
    let parked = counter.get_later().send();
    counter.release().unwrap();
    assert_eq!(parked.await, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_times_out() {
    let counter = node("a@h").spawn::<Counter>(0).await.unwrap();
    assert_eq!(counter.hang().timeout(Duration::from_millis(20)).await, Err(CallError::Timeout));
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_reply_times_out_while_the_actor_lives() {
    let counter = node("a@h").spawn::<Counter>(0).await.unwrap();
    assert_eq!(counter.forget().await, Err(CallError::Timeout));
    assert_eq!(counter.get().await, Ok(0));
}

#[tokio::test]
async fn calls_in_hand_and_queued_fail_with_the_true_reason() {
    let counter = node("a@h").spawn::<Counter>(0).await.unwrap();
    let parked = counter.get_later().send();
    counter.crash("boom".to_owned()).unwrap();
    let queued = counter.get().send();
    let down = Err(CallError::Down(ExitReason::Panic("boom".to_owned())));
    assert_eq!((parked.await, queued.await), (down.clone(), down));
}

#[tokio::test]
async fn a_dead_actor_is_no_proc_at_once() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).await.unwrap();
    counter.finish().unwrap();
    eventually("it ends", async || !node.is_alive(counter.any())).await;
    assert_eq!(counter.add(1), Err(CastError::NoProc));
    assert_eq!(counter.get().await, Err(CallError::NoProc));
    assert!(CallError::NoProc.is_retry_safe() && !CallError::Timeout.is_retry_safe());
}

#[tokio::test]
async fn a_full_mailbox_refuses_a_cast_and_lets_cast_wait_wait() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).capacity(2).await.unwrap();
    let _hanging = counter.hang().send();
    let in_hand = || node.actor_info(counter.any()).unwrap().mailbox_len == 0;
    eventually("the call is in hand", async || in_hand()).await;
    let accepted = (0..10).filter(|_| counter.add(1).is_ok()).count();
    assert_eq!(accepted, 2);
    assert_eq!(counter.add(1), Err(CastError::Overloaded));
    let waiting = counter.cast_wait(CounterMessage::Add { k: 1 });
    assert!(tokio::time::timeout(Duration::from_millis(5), waiting).await.is_err());
}

#[tokio::test]
async fn cast_wait_goes_on_when_there_is_room() {
    let counter = node("a@h").spawn::<Counter>(0).capacity(4).await.unwrap();
    for _ in 0..1000 {
        counter.cast_wait(CounterMessage::Add { k: 1 }).await.unwrap();
    }
    eventually("all are handled", async || counter.get().await == Ok(1000)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_flooded_actor_does_not_starve_the_others_on_its_thread() {
    let node = node("a@h");
    let flooded = node.spawn::<Counter>(0).capacity(200_001).await.unwrap();
    let other = node.spawn::<Counter>(1).await.unwrap();
    for _ in 0..200_000 {
        flooded.add(1).unwrap();
    }
    let last = flooded.get().send();
    assert_eq!(other.get().await, Ok(1));
    assert!(node.actor_info(flooded.any()).unwrap().mailbox_len > 0, "the other one had to wait");
    assert_eq!(last.await, Ok(200_000));
}

/// An actor that stays on its node.
#[derive(Debug)]
struct Homebody;

#[starlings_runtime::actor(crate = starlings_runtime)]
impl Homebody {
    fn init() -> Self {
        Self
    }

    #[call]
    fn ask(&self) -> u32 {
        7
    }
}

#[tokio::test]
async fn a_pid_of_a_dead_actor_that_stays_at_home_is_no_proc_however_it_came() {
    let node = node("a@h");
    let homebody = node.spawn::<Homebody>(()).await.unwrap();
    let any = homebody.any().clone();
    node.stop_within(&homebody, ExitReason::Normal, Duration::from_secs(10)).await;
    assert_eq!(node.pid::<Homebody>(&any).ask().await, Err(CallError::NoProc));
}

#[tokio::test]
async fn counts_tell_what_a_node_has_done() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).await.unwrap();
    (0..200).for_each(|_| counter.add(1).unwrap());
    assert_eq!(counter.get().await, Ok(200));
    let counts = node.counters().read();
    assert_eq!((counts.spawned, counts.exited), (1, 0));
    assert!((128..=201).contains(&counts.messages), "{counts:?}");
    node.stop(&counter, ExitReason::Normal);
    eventually("its end is counted", async || node.counters().read().exited == 1).await;
    let counts = node.counters().read();
    assert_eq!((counts.messages, counts.overflows, counts.undeliverable), (201, 0, 0));
}
