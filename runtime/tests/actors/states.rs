//! Messages that wait for the state they are for.

use starlings_runtime::{CallError, ExitReason, Reply, actor};

use crate::fixture::{eventually, node};

/// Takes nothing while it is full and gives nothing while it is empty.
#[derive(Debug)]
struct Store {
    items: Vec<u32>,
    log: Vec<String>,
}

#[actor(capacity = 8, crate = starlings_runtime)]
impl Store {
    fn init() -> Self {
        Self { items: Vec::new(), log: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= 2
    }

    fn has_room(&self) -> bool {
        !self.is_full()
    }

    fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    #[cast(when = has_room)]
    fn put(&mut self, item: u32) {
        self.log.push(format!("put {item}"));
        self.items.push(item);
    }

    #[call(when = has_items)]
    fn take(&mut self) -> u32 {
        let item = self.items.remove(0);
        self.log.push(format!("take {item}"));
        item
    }

    #[call(when = is_full)]
    fn take_all(&mut self, reply: Reply<Vec<u32>>) {
        self.log.push("take all".to_owned());
        reply.send(std::mem::take(&mut self.items));
    }

    #[call]
    fn log(&self) -> Vec<String> {
        self.log.clone()
    }
}

/// `gen_statem_SUITE`: `postpone` and the order of what was postponed.
#[tokio::test]
async fn a_message_waits_until_its_guard_holds_and_keeps_its_order() {
    let node = node("a@h");
    let store = node.spawn::<Store>(()).await.unwrap();
    let (first, second) = (store.take().send(), store.take().send());
    assert_eq!(store.log().await, Ok(vec![]), "others are not held up");
    store.put(1).unwrap();
    assert_eq!(first.await, Ok(1));
    store.put(2).unwrap();
    assert_eq!(second.await, Ok(2));
    for item in 3..=6 {
        store.put(item).unwrap();
    }
    assert_eq!(store.take().await, Ok(3));
    assert_eq!(store.take_all().await, Ok(vec![4, 5]));
    assert_eq!(store.take().await, Ok(6));
    let log = store.log().await.unwrap();
    let expected = [
        "put 1", "take 1", "put 2", "take 2", "put 3", "put 4", "take 3", "put 5", "take all",
        "put 6", "take 6",
    ];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn what_waits_for_a_state_is_bounded_and_does_not_keep_out_what_opens_it() {
    let node = node("a@h");
    let store = node.spawn::<Store>(()).await.unwrap();
    let mut waiting = Vec::new();
    for postponed in 1..=8 {
        waiting.push(store.take().send());
        let info = || node.actor_info(store.any()).unwrap();
        eventually("it is put off", async || info().postponed == postponed).await;
        assert_eq!(info().mailbox_len, 0);
    }
    assert_eq!(store.take().await, Err(CallError::Overloaded), "as many as the mailbox holds");
    assert_eq!(node.counters().read().overflows, 1);
    for (item, taken) in waiting.into_iter().enumerate() {
        store.put(u32::try_from(item).unwrap()).unwrap();
        assert_eq!(taken.await, Ok(u32::try_from(item).unwrap()));
    }
    assert_eq!(node.actor_info(store.any()).unwrap().postponed, 0);
}

#[tokio::test]
async fn calls_that_wait_for_a_state_learn_of_the_end() {
    let node = node("a@h");
    let store = node.spawn::<Store>(()).await.unwrap();
    let waiting = store.take().send();
    assert_eq!(store.log().await, Ok(vec![]));
    node.stop(&store, ExitReason::Shutdown);
    assert_eq!(waiting.await, Err(CallError::Down(ExitReason::Shutdown)));
}
