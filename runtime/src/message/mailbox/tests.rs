use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering as Order};
use std::task::{Context, Wake};

use super::*;
use crate::identity::{Incarnation, NodeInstance};
use crate::remote::pause::ReceiverKey;
use crate::remote::peer::Peer;

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Order::SeqCst);
    }
}

fn poll<T>(future: impl Future<Output = T>, woken: &Arc<Woken>) -> Poll<T> {
    let waker = Waker::from(Arc::clone(woken));
    pin!(future).as_mut().poll(&mut Context::from_waker(&waker))
}

fn messages(batch: &mut Queue<Item<u32>>) -> Vec<u32> {
    std::iter::from_fn(|| batch.pop_front()).filter_map(Item::into_message).collect()
}

fn mailbox(overflow: Overflow) -> (Mailbox<u32>, Arc<Woken>, Queue<Item<u32>>) {
    (Mailbox::new(2, overflow), Arc::default(), Queue::default())
}

#[test]
fn only_the_first_message_wakes_an_idle_actor_and_all_are_taken_at_once() {
    let (mailbox, woken, mut batch) = mailbox(Overflow::Refuse);
    assert!(poll(mailbox.take(&mut batch), &woken).is_pending());
    mailbox.push(1, None).unwrap();
    mailbox.push(2, None).unwrap();
    assert_eq!(woken.0.load(Order::SeqCst), 1);
    assert!(matches!(mailbox.push(3, None), Err(Refused::Full(3))));
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    assert!(
        matches!(mailbox.push(3, None), Err(Refused::Full(3))),
        "they are in hand, not handled"
    );
    mailbox.note_handled();
    mailbox.push(3, None).unwrap();
    assert_eq!(messages(&mut batch), [1, 2]);
}

#[test]
fn sender_that_waits_is_woken_when_the_actor_comes_back() {
    let (mailbox, woken, mut batch) = mailbox(Overflow::Wait);
    mailbox.push(1, None).unwrap();
    mailbox.push(2, None).unwrap();
    let sender = Arc::<Woken>::default();
    let mut waiting = Box::pin(mailbox.push_wait(3, None));
    assert!(poll(waiting.as_mut(), &sender).is_pending());
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    (0..2).for_each(|_| mailbox.note_handled());
    messages(&mut batch);
    assert!(poll(mailbox.take(&mut batch), &woken).is_pending());
    assert_eq!(sender.0.load(Order::SeqCst), 1);
    assert_eq!(poll(waiting.as_mut(), &sender), Poll::Ready(Ok(())));
}

#[test]
fn closed_or_draining_mailbox_gives_messages_back_and_wakes_who_waits() {
    for drains in [false, true] {
        let (mailbox, woken, mut batch) = mailbox(Overflow::Wait);
        mailbox.push(1, None).unwrap();
        mailbox.push(2, None).unwrap();
        let sender = Arc::<Woken>::default();
        let mut waiting = Box::pin(mailbox.push_wait(3, None));
        assert!(poll(waiting.as_mut(), &sender).is_pending());
        match drains {
            true => mailbox.drain(ExitReason::Shutdown),
            false => mailbox.close(),
        }
        assert_eq!(sender.0.load(Order::SeqCst), 1);
        assert_eq!(poll(waiting.as_mut(), &sender), Poll::Ready(Err(3)));
        assert!(matches!(mailbox.push(4, None), Err(Refused::Closed(4))));
        if drains {
            assert_eq!(poll(mailbox.take(&mut batch), &woken), Poll::Ready(Ok(())));
            assert_eq!(messages(&mut batch), [1, 2]);
            let end = poll(mailbox.take(&mut batch), &woken);
            assert_eq!(end, Poll::Ready(Err(ExitReason::Shutdown)));
        }
    }
}

#[test]
fn bytes_of_other_nodes_are_bounded_but_one_message_is_always_taken() {
    let (mailbox, woken, mut batch) =
        (Mailbox::new(100, Overflow::Refuse), Arc::default(), Queue::default());
    mailbox.push_sized(1, None, 2 * REMOTE_BYTES_MAX).unwrap();
    assert!(matches!(mailbox.push_sized(2, None, 1), Err(Refused::Full(2))));
    mailbox.push(3, None).unwrap();
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    assert!(matches!(mailbox.push_sized(2, None, 1), Err(Refused::Full(2))), "they are in hand");
    messages(&mut batch);
    assert!(poll(mailbox.take(&mut batch), &woken).is_pending());
    mailbox.push_sized(4, None, REMOTE_BYTES_MAX - 1).unwrap();
    mailbox.push_sized(5, None, 1).unwrap();
    assert!(matches!(mailbox.push_sized(6, None, 1), Err(Refused::Full(6))));
}

#[test]
fn dropping_the_oldest_spares_events_and_what_is_in_hand() {
    let (mailbox, woken, mut batch) = mailbox(Overflow::DropOldest);
    assert_eq!(mailbox.push(1, None).unwrap(), None);
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    mailbox.push_info(Info::new("event"));
    assert_eq!(mailbox.push(2, None).unwrap(), None);
    assert_eq!(mailbox.push(3, None).unwrap(), None, "the event does not count");
    assert_eq!(mailbox.push(4, None).unwrap(), Some(2), "the event stays");
    assert_eq!(messages(&mut batch), [1]);
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    assert!(matches!(batch.front(), Some(Item::Info(_))));
    assert_eq!(messages(&mut batch), [3, 4]);
    assert_eq!(mailbox.fill().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_is_as_old_as_it_is_since_64_waited() {
    let ages = |mailbox: &Mailbox<u32>| mailbox.fill().oldest.map(|age| age.as_secs());
    let sleep = |secs| tokio::time::sleep(std::time::Duration::from_secs(secs));
    let fill = |mailbox: &Mailbox<u32>, count| {
        (0..count).for_each(|message| assert!(mailbox.push(message, None).is_ok()));
    };
    let (woken, mut batch) = (Arc::default(), Queue::default());
    // With 64 it has just begun: only the next sender sees them.
    for (first, age) in [(63, 0), (64, 3)] {
        let mailbox = Mailbox::new(1000, Overflow::Refuse);
        fill(&mailbox, first);
        sleep(1).await;
        fill(&mailbox, 1);
        sleep(3).await;
        assert_eq!(ages(&mailbox), Some(age));
    }
    let mailbox = Mailbox::new(1000, Overflow::Refuse);
    fill(&mailbox, 65);
    sleep(1).await;
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    fill(&mailbox, 65);
    sleep(1).await;
    assert_eq!(ages(&mailbox), Some(2), "in hand");
    messages(&mut batch).iter().for_each(|_| mailbox.note_handled());
    assert_eq!(ages(&mailbox), Some(1), "those that came after");
}

#[test]
fn capacity_zero_is_one() {
    let mailbox = Mailbox::new(0, Overflow::Refuse);
    mailbox.push(1, None).unwrap();
    assert!(matches!(mailbox.push(2, None), Err(Refused::Full(2))));
}

fn peer() -> Arc<Peer> {
    let (node, incarnation) = ("b@h".parse().expect("a name"), Incarnation(1));
    Arc::new(Peer::unbound(NodeInstance { node, incarnation }))
}

#[test]
fn sessions_are_told_to_pause_once_and_flood_only_so_far() {
    let (mailbox, woken, mut batch) = mailbox(Overflow::Refuse);
    let peer = peer();
    let arrive = |bytes| {
        let arrival = Arrival { peer: &peer, key: ReceiverKey(7), bytes };
        mailbox.push_arrived(std::iter::once(Item::Message(0)), &arrival).unwrap()
    };
    assert_eq!([arrive(1), arrive(1), arrive(1)], [Verdict::Go, Verdict::Go, Verdict::Pause]);
    assert!(!mailbox.pause_sent(&peer, ReceiverKey(7)), "it is full still");
    assert_eq!(arrive(remote::AFTER_PAUSE_BYTES_MAX), Verdict::Go, "it may have been under way");
    assert_eq!(arrive(1), Verdict::Flooding);
    assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
    messages(&mut batch).iter().for_each(|_| mailbox.note_handled());
    assert!(poll(mailbox.take(&mut batch), &woken).is_pending());
    assert_eq!(arrive(1), Verdict::Go, "it was told to go on, and all is forgotten");
    mailbox.close();
    let arrival = Arrival { peer: &peer, key: ReceiverKey(7), bytes: 1 };
    assert!(mailbox.push_arrived(std::iter::once(Item::Message(0)), &arrival).is_err());
}

/// Else the resume would be there before its pause, and the sender wait for ever.
#[test]
fn room_that_is_made_before_the_pause_is_sent_is_told_by_who_sends_it() {
    let (mailbox, woken, mut batch) = mailbox(Overflow::Refuse);
    let (peer, key) = (peer(), ReceiverKey(7));
    let mut fill_and_work_off = || {
        let arrive = || {
            let arrival = Arrival { peer: &peer, key, bytes: 1 };
            mailbox.push_arrived(std::iter::once(Item::Message(0)), &arrival).unwrap()
        };
        while arrive() != Verdict::Pause {}
        assert!(poll(mailbox.take(&mut batch), &woken).is_ready());
        messages(&mut batch).iter().for_each(|_| mailbox.note_handled());
        assert!(poll(mailbox.take(&mut batch), &woken).is_pending());
    };
    fill_and_work_off();
    assert!(mailbox.pause_sent(&peer, key));
    // Two readers of one session: each follows its own pause up.
    fill_and_work_off();
    fill_and_work_off();
    assert!(mailbox.pause_sent(&peer, key) && mailbox.pause_sent(&peer, key));
}

#[test]
fn bytes_fill_a_mailbox_too() {
    let mailbox = Mailbox::<u32>::new(100, Overflow::Refuse);
    let peer = peer();
    let arrival = Arrival { peer: &peer, key: ReceiverKey(7), bytes: REMOTE_BYTES_MAX };
    let arrive = || mailbox.push_arrived(std::iter::once(Item::Message(0)), &arrival).unwrap();
    assert_eq!([arrive(), arrive()], [Verdict::Go, Verdict::Pause]);
}

/// Many small messages wait in memory: what lies beside them must not make each of them larger.
#[test]
fn a_small_message_takes_two_words() {
    #[expect(dead_code, reason = "only its size is looked at")]
    enum Small {
        Add(u64),
        Get(crate::message::reply::Reply<u64>),
    }
    assert_eq!(size_of::<Item<Small>>(), 2 * size_of::<usize>());
}
