//! Every interleaving of a sender or two with the actor: no wake-up is lost, whichever comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Order};

use loom::future::block_on;
use loom::thread;

use super::*;

/// Takes batches until the mailbox says stop; what came.
fn work_off(mailbox: &Mailbox<u32>) -> (Vec<u32>, ExitReason) {
    block_on(async {
        let (mut batch, mut seen) = (Queue::default(), Vec::new());
        loop {
            if let Err(reason) = mailbox.take(&mut batch).await {
                return (seen, reason);
            }
            while let Some(item) = batch.pop_front() {
                if let Item::Message(message) = item {
                    mailbox.note_handled();
                    seen.push(message);
                }
            }
        }
    })
}

/// For what is too large to be tried in full: all interleavings with at most three preemptions, which
/// take seconds.
fn bounded() -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model
}

#[test]
fn every_message_of_two_senders_comes_in_the_order_of_each() {
    bounded().check(|| {
        let mailbox = Arc::new(Mailbox::new(8, Overflow::Refuse));
        let sender = |messages: &'static [u32]| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                for message in messages {
                    mailbox.push(*message, None).expect("there is room");
                }
            })
        };
        let (two, one) = (sender(&[10, 11]), sender(&[20]));
        let actor = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || work_off(&mailbox))
        };
        two.join().expect("it does not panic");
        one.join().expect("it does not panic");
        mailbox.drain(ExitReason::Shutdown);
        let (seen, reason) = actor.join().expect("it does not panic");
        assert_eq!(reason, ExitReason::Shutdown);
        let of = |tens| seen.iter().filter(|m| **m / 10 == tens).collect::<Vec<_>>();
        assert_eq!((of(1), of(2)), (vec![&10, &11], vec![&20]));
    });
}

#[test]
fn stop_is_seen_by_an_actor_that_goes_to_sleep() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::<u32>::new(8, Overflow::Refuse));
        let actor = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || work_off(&mailbox).1)
        };
        mailbox.stop(ExitReason::Normal);
        assert_eq!(actor.join().expect("it does not panic"), ExitReason::Normal);
    });
}

/// Who sent it ends the actor, and only then: a sender that is not woken would wait for ever.
#[test]
fn sender_that_waits_for_room_is_woken_when_there_is_some() {
    bounded().check(|| {
        let mailbox = Arc::new(Mailbox::new(1, Overflow::Wait));
        mailbox.push(1, None).expect("there is room");
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let sent = block_on(mailbox.push_wait(2, None));
                mailbox.drain(ExitReason::Shutdown);
                sent
            })
        };
        let (seen, _) = work_off(&mailbox);
        assert_eq!(sender.join().expect("it does not panic"), Ok(()));
        assert_eq!(seen, [1, 2]);
    });
}

#[test]
fn sender_that_waits_for_room_gets_it_or_learns_of_the_end() {
    // How often it got room, and how often it learned of the end.
    let outcomes = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let counted = Arc::clone(&outcomes);
    bounded().check(move || {
        let mailbox = Arc::new(Mailbox::new(1, Overflow::Wait));
        mailbox.push(1, None).expect("there is room");
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || block_on(mailbox.push_wait(2, None)))
        };
        let actor = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || work_off(&mailbox).0)
        };
        mailbox.drain(ExitReason::Shutdown);
        let sent = sender.join().expect("it does not panic");
        let seen = actor.join().expect("it does not panic");
        match sent {
            Ok(()) => assert_eq!(seen, [1, 2]),
            Err(unsent) => assert_eq!((unsent, seen), (2, vec![1])),
        }
        counted[usize::from(sent.is_err())].fetch_add(1, Order::Relaxed);
    });
    let outcomes = outcomes.each_ref().map(|count| count.load(Order::Relaxed));
    assert!(!outcomes.contains(&0), "both are tried: {outcomes:?}");
}

#[test]
fn info_is_seen_by_an_actor_that_goes_to_sleep() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::<u32>::new(8, Overflow::Refuse));
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                mailbox.push_info(Info::new("first"));
                mailbox.push_info(Info::new("second"));
            })
        };
        // Nobody else wakes it.
        let mut seen = 0;
        block_on(async {
            let mut batch = Queue::default();
            while seen < 2 {
                mailbox.take(&mut batch).await.expect("nobody stops it");
                seen += std::iter::from_fn(|| batch.pop_front()).count();
            }
        });
        sender.join().expect("it does not panic");
        assert_eq!(seen, 2);
    });
}

/// The lock is refused to who finds it held, which stays away from it and comes back.
#[test]
fn senders_that_meet_at_the_lock_lose_nothing() {
    let met = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&met);
    bounded().check(move || {
        let mut mailbox = Mailbox::new(8, Overflow::Refuse);
        mailbox.state.is_weak = true;
        let mailbox = Arc::new(mailbox);
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                [10, 11].map(|message| mailbox.push(message, None).expect("there is room"));
            })
        };
        [20, 21].map(|message| mailbox.push(message, None).expect("there is room"));
        sender.join().expect("it does not panic");
        let contended_at = mailbox.state.lock().contended_at;
        counted.fetch_add(usize::from(contended_at > 0), Order::Relaxed);
        mailbox.drain(ExitReason::Shutdown);
        let (seen, _) = work_off(&mailbox);
        let of = |tens| seen.iter().filter(|m| **m / 10 == tens).collect::<Vec<_>>();
        assert_eq!((of(1), of(2)), (vec![&10, &11], vec![&20, &21]));
    });
    assert!(met.load(Order::Relaxed) > 0, "they never met");
}

#[test]
fn message_is_handled_or_refused_when_the_mailbox_closes() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new(8, Overflow::Refuse));
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.push(1, None).is_ok())
        };
        mailbox.drain(ExitReason::Shutdown);
        let (seen, _) = work_off(&mailbox);
        let sent = sender.join().expect("it does not panic");
        assert_eq!(seen.len(), usize::from(sent), "what was taken is handled, and nothing else");
    });
}
