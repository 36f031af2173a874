//! A queue of messages that an actor may never handle.

use std::collections::VecDeque;

use crate::panics::discard;

/// Bytes of a block. 16 KiB: some of them stay in a processor's cache while the sender fills one and
/// the actor works off another.
const BLOCK_BYTES: usize = 16 << 10;

/// Fewest slots of a block, however large they are.
const BLOCK_SLOTS_MIN: usize = 16;

/// A queue in blocks, so that it grows without moving what is in it, and gives memory back while it is
/// worked off.
///
/// Drops what is left in it one by one. What panics in its `Drop` takes none of the others along, and
/// keeps no end of an actor from being told: two such panics at once would end the process.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Queue<T> {
    /// The last block, to which is appended. First in memory, as nothing else is touched for each
    /// message.
    tail: VecDeque<T>,
    /// The first block, from which is taken.
    head: VecDeque<T>,
    /// Those between them, of which none is empty.
    #[expect(clippy::box_collection, reason = "hardly any queue has them, and each actor has two")]
    between: Option<Box<VecDeque<VecDeque<T>>>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { tail: VecDeque::new(), head: VecDeque::new(), between: None }
    }
}

impl<T> Queue<T> {
    /// Slots of a block.
    const BLOCK_SLOTS: usize = {
        let slots = match size_of::<T>() {
            0 => usize::MAX,
            bytes => BLOCK_BYTES / bytes,
        };
        if slots < BLOCK_SLOTS_MIN { BLOCK_SLOTS_MIN } else { slots }
    };

    pub(crate) fn push_back(&mut self, item: T) {
        if self.tail.len() == self.tail.capacity() {
            self.grow();
        }
        self.tail.push_back(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        match self.head.pop_front() {
            Some(item) => Some(item),
            None => {
                self.turn();
                self.head.pop_front()
            }
        }
    }

    /// Takes the first of those that are wanted out of the queue.
    pub(crate) fn remove_first(&mut self, is_wanted: fn(&T) -> bool) -> Option<T> {
        if let Some(item) = remove(&mut self.head, is_wanted) {
            return Some(item);
        }
        if let Some(between) = &mut self.between {
            for at in 0..between.len() {
                let block = between.get_mut(at)?;
                if let Some(item) = remove(block, is_wanted) {
                    if block.is_empty() {
                        between.remove(at);
                    }
                    return Some(item);
                }
            }
        }
        remove(&mut self.tail, is_wanted)
    }

    pub(crate) fn front(&self) -> Option<&T> {
        let between = || self.between.as_ref().and_then(|between| between.front());
        self.head.front().or_else(|| between().unwrap_or(&self.tail).front())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.front().is_none()
    }

    /// How many there are. Looks at each block.
    pub(crate) fn len(&self) -> usize {
        let between = self.between.iter().flat_map(|between| between.iter());
        self.tail.len() + self.head.len() + between.map(VecDeque::len).sum::<usize>()
    }

    /// Gives memory back, of an empty queue, if it has room for more than so many.
    pub(crate) fn shrink(&mut self, slots: usize) {
        if self.tail.capacity() + self.head.capacity() > slots {
            *self = Self::default();
        }
    }

    /// Makes room in the last block, or makes it another one.
    #[cold]
    fn grow(&mut self) {
        let slots = self.tail.capacity();
        if slots < Self::BLOCK_SLOTS {
            // Most queues stay short; one that does not is soon at a whole block.
            let wanted = (4 * slots).clamp(4, Self::BLOCK_SLOTS);
            return self.tail.reserve_exact(wanted - slots);
        }
        let mut block = VecDeque::new();
        if self.head.is_empty() {
            // Worked off, its memory is still in the cache.
            std::mem::swap(&mut block, &mut self.head);
        }
        if block.capacity() < Self::BLOCK_SLOTS {
            block = VecDeque::with_capacity(Self::BLOCK_SLOTS);
        }
        let full = std::mem::replace(&mut self.tail, block);
        self.between.get_or_insert_default().push_back(full);
    }

    /// Makes the next block the first one.
    #[cold]
    fn turn(&mut self) {
        match self.between.as_mut().and_then(|between| between.pop_front()) {
            Some(block) => self.head = block,
            None => std::mem::swap(&mut self.head, &mut self.tail),
        }
    }
}

fn remove<T>(block: &mut VecDeque<T>, is_wanted: fn(&T) -> bool) -> Option<T> {
    let at = block.iter().position(is_wanted)?;
    block.remove(at)
}

impl<T> Extend<T> for Queue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push_back(item));
    }
}

impl<T> FromIterator<T> for Queue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut queue = Self::default();
        queue.extend(items);
        queue
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        while let Some(item) = self.pop_front() {
            discard(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 5 * Queue::<usize>::BLOCK_SLOTS / 2;

    fn drain<T>(queue: &mut Queue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop_front()).collect()
    }

    #[test]
    fn order_is_kept_over_blocks_and_memory_is_used_again() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.extend(0..MANY);
            assert_eq!(queue.front(), Some(&0));
            assert_eq!(drain(&mut queue), (0..MANY).collect::<Vec<_>>());
            assert!(queue.is_empty());
        }
        assert!(queue.between.as_ref().unwrap().is_empty());
        queue.shrink(4);
        assert_eq!(queue.tail.capacity() + queue.head.capacity(), 0);
    }

    #[test]
    fn what_is_pushed_while_it_is_worked_off_comes_last() {
        let (mut queue, mut taken) = (Queue::default(), Vec::new());
        for at in 0..MANY {
            queue.extend([3 * at, 3 * at + 1, 3 * at + 2]);
            taken.extend([queue.pop_front().unwrap(), queue.pop_front().unwrap()]);
        }
        taken.extend(drain(&mut queue));
        assert_eq!(taken, (0..3 * MANY).collect::<Vec<_>>());
    }

    #[test]
    fn removal_spares_the_unwanted_and_leaves_no_empty_blocks() {
        let mut queue = Queue::default();
        queue.extend(0..4 * MANY);
        let is_odd: fn(&usize) -> bool = |item| item % 2 == 1;
        for odd in (1..4 * MANY).step_by(2) {
            assert_eq!(queue.remove_first(is_odd), Some(odd));
        }
        assert_eq!(queue.remove_first(is_odd), None);
        for even in (2..4 * MANY).step_by(2) {
            assert_eq!(queue.remove_first(|item| *item > 0), Some(even));
        }
        let blocks = queue.between.as_ref().unwrap().len();
        assert!(blocks <= 1, "{blocks} blocks");
        assert_eq!(drain(&mut queue), [0]);
    }

    /// Panics when it is dropped, if it is to.
    struct Touchy(bool, std::rc::Rc<std::cell::Cell<usize>>);

    impl Drop for Touchy {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            assert!(!self.0, "as it was told");
        }
    }

    #[test]
    fn what_panics_when_dropped_takes_none_along() {
        let dropped = std::rc::Rc::default();
        let mut queue = Queue::default();
        queue.extend((0..4).map(|at| Touchy(at % 2 == 0, std::rc::Rc::clone(&dropped))));
        drop(queue);
        assert_eq!(dropped.get(), 4);
    }
}
