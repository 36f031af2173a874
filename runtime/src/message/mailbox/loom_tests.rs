//! Every interleaving of a sender or two with the actor: no wake-up is lost, whichever comes first.

use std::sync::Arc;

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

#[test]
fn every_message_of_two_senders_comes_in_the_order_of_each() {
    // Three threads: all interleavings with at most three preemptions, which take seconds.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
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

#[test]
fn sender_that_waits_for_room_gets_it_or_learns_of_the_end() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new(1, Overflow::Wait));
        mailbox.push(1, None).expect("there is room");
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || block_on(mailbox.push_wait(2, None)))
        };
        let actor = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let seen = block_on(async {
                    let mut batch = Queue::default();
                    mailbox.take(&mut batch).await.expect("nobody stops it");
                    std::iter::from_fn(|| batch.pop_front()).count()
                });
                // The actor ends with the rest of its queue unhandled.
                mailbox.close();
                seen
            })
        };
        let sent = sender.join().expect("it does not panic");
        let seen = actor.join().expect("it does not panic");
        assert_eq!(seen, 1, "the second waits for the first to be handled: {sent:?}");
        assert_eq!(sent, Err(2));
    });
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
