//! Messages whose guard does not hold: they wait in their order until it does.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::message::mailbox::Item;
use crate::message::queue::Queue;

/// What an actor has put off: as many messages as its mailbox holds, beyond which they are refused.
///
/// A guard looks at the state alone, so all messages of one method wait or go together: finding the
/// next one asks each guard once, however many messages wait.
#[derive(Debug)]
pub(crate) struct Postponed<M> {
    by_method: BTreeMap<usize, Queue<(u64, Item<M>)>>,
    /// Messages ever put off: gives them their order.
    count: u64,
    len: u64,
}

impl<M> Default for Postponed<M> {
    fn default() -> Self {
        Self { by_method: BTreeMap::new(), count: 0, len: 0 }
    }
}

impl<M> Postponed<M> {
    pub(crate) fn push(&mut self, method: usize, message: Item<M>) {
        self.count += 1;
        self.len += 1;
        self.by_method.entry(method).or_default().push_back((self.count, message));
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_method.is_empty()
    }

    /// The oldest message whose guard holds.
    pub(crate) fn take_ready<A: Actor<Message = M>>(&mut self, actor: &A) -> Option<Item<M>> {
        let waits_since =
            |waiting: &Queue<(u64, Item<M>)>| waiting.front().map(|(count, _)| *count);
        let ready = self.by_method.iter().filter(|(method, _)| actor.admits(**method));
        let oldest =
            ready.min_by_key(|(_, waiting)| waits_since(waiting)).map(|(method, _)| *method);
        let method = oldest?;
        let waiting = self.by_method.get_mut(&method)?;
        let message = waiting.pop_front().map(|(_, message)| message);
        self.len -= u64::from(message.is_some());
        if waiting.is_empty() {
            self.by_method.remove(&method);
        }
        message
    }
}
