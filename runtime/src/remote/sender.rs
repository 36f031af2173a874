//! Who sends an envelope. All that one sender sends to one node keeps its order, whatever it is, how
//! long it is and how its receiver is addressed; what two senders send does not.
//!
//! | sender | key |
//! |---|---|
//! | an actor: what its code sends, and what is sent on its behalf, after its end too | its serial |
//! | any other task | its identity, hashed |
//! | a thread outside of tasks | its identity, hashed |
//! | a service for which several tasks send, one at a time | its name, hashed |
//! | mailboxes that have their senders pause and go on | one for all |
//!
//! Two senders may share a key by chance: then they wait for each other's long messages.

use std::cell::Cell;
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::task::{Context, Poll};

use foldhash::fast::FixedState;
use pin_project_lite::pin_project;

use crate::remote::carrier::LaneKey;

#[cfg(test)]
mod tests;

thread_local! {
    /// The serial of the actor whose code this thread runs; 0 if it runs none.
    static ACTOR: Cell<u64> = const { Cell::new(0) };
    /// Whether it is the beginning of that actor, on behalf of who spawned it.
    static BEGINS: Cell<bool> = const { Cell::new(false) };
}

/// Hashed before the number of a task or a thread: both are numbered from 1. Numbers, for a text costs
/// the sender of small messages what it can see.
const TASKS: u64 = 1;
const THREADS: u64 = 2;

/// Set in the keys of those that are no actors, whose serials never come so far.
const NO_ACTOR: u64 = 1 << 63;

impl LaneKey {
    /// Of `Pause` and `Resume`: a resume must not overtake its pause, and neither may wait for the long
    /// messages of the actor that they are about.
    pub(crate) const PAUSES: Self = Self(NO_ACTOR);

    /// Of an actor of this node, alive or not.
    pub(crate) const fn of_actor(serial: u64) -> Self {
        Self(serial)
    }

    /// Of who runs this: an actor, another task, or a thread.
    pub(crate) fn of_sender() -> Self {
        match ACTOR.get() {
            0 => Self::of_stranger(),
            serial => Self::of_actor(serial),
        }
    }

    /// Of the service with this name, where it does not matter which task sends for it.
    pub(crate) fn of_service(name: &str) -> Self {
        Self(NO_ACTOR | xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
    }

    fn of_stranger() -> Self {
        match tokio::task::try_id() {
            Some(task) => Self::hashed(TASKS, task),
            None => Self::hashed(THREADS, std::thread::current().id()),
        }
    }

    fn hashed(kind: u64, identity: impl Hash) -> Self {
        Self(NO_ACTOR | FixedState::default().hash_one((kind, identity)))
    }
}

/// This thread runs the code of an actor, until it is dropped.
struct Entered(u64);

fn enter(serial: u64) -> Entered {
    Entered(ACTOR.replace(serial))
}

impl Drop for Entered {
    fn drop(&mut self) {
        ACTOR.set(self.0);
    }
}

/// Runs the beginning of an actor on behalf of who spawned it: what it sends is sent by that actor.
/// Within another beginning it is `None`, and left to a task: a chain of actors, each of which spawns
/// the next as it begins, would use up the stack.
pub(crate) fn begin<T>(serial: u64, act: impl FnOnce() -> T) -> Option<T> {
    if BEGINS.replace(true) {
        return None;
    }
    let _begun = Begun;
    let _entered = enter(serial);
    Some(act())
}

/// A beginning, until it is dropped.
struct Begun;

impl Drop for Begun {
    fn drop(&mut self) {
        BEGINS.set(false);
    }
}

pin_project! {
    /// The life of an actor: what it sends as it is polled, or dropped, is sent by that actor.
    pub(crate) struct Acting<F> {
        serial: u64,
        // An option, so that it can be dropped while the thread still acts for it.
        #[pin]
        life: Option<F>,
    }

    impl<F> PinnedDrop for Acting<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = enter(*this.serial);
            this.life.set(None);
        }
    }
}

impl<F> Acting<F> {
    pub(crate) fn new(serial: u64, life: F) -> Self {
        Self { serial, life: Some(life) }
    }
}

impl<F: Future<Output = ()>> Future for Acting<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let _entered = enter(*this.serial);
        this.life.as_pin_mut().map_or(Poll::Ready(()), |life| life.poll(cx))
    }
}
