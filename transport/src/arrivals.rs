//! Handshakes of those who connect: many at once, none for long, and none that keeps others out.
//!
//! [`Places`] decides who gives way; this runs the handshakes, and ends those that do. A listener has
//! one of these, and so has each listener of a pipe with a handshake of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinSet};

use crate::clock::Clock;
use crate::proto::places::{Places, Room};

#[cfg(test)]
mod tests;

/// Handshakes that are under way. Dropping it drops them.
#[derive(Debug)]
pub(crate) struct Arrivals<T> {
    tasks: JoinSet<(T, Arc<Place>)>,
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    /// Somebody gave way since a half of the places was free.
    is_crowded: bool,
}

#[derive(Debug)]
struct Shared {
    places: Places,
    tasks: BTreeMap<u64, AbortHandle>,
    places_max: usize,
}

/// The place of one handshake. Its drop frees it.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    shared: Arc<Mutex<Shared>>,
}

impl<T: Send + 'static> Arrivals<T> {
    /// So many places.
    pub(crate) fn new(places_max: usize) -> Self {
        let places = Places::new(places_max);
        let shared = Shared { places, tasks: BTreeMap::new(), places_max };
        let shared = Arc::new(Mutex::new(shared));
        Self { tasks: JoinSet::new(), shared, clock: Clock::start(), is_crowded: false }
    }

    /// Whether one more may come.
    pub(crate) fn room(&self) -> Room {
        let shared = self.shared.lock();
        if self.tasks.len() > shared.places_max {
            // One that gave way still has its connection: it ends as soon as its thread comes to it.
            return Room::None;
        }
        shared.places.room(self.clock.now())
    }

    /// Waits until there is room, if that is a matter of time alone; for ever if it is not.
    pub(crate) fn opens(&self, room: Room) -> impl Future<Output = ()> + use<T> {
        let then = match room {
            Room::At(then) => Some(then),
            Room::Now | Room::None => None,
        };
        self.clock.sleep_until(then)
    }

    /// Runs the handshake of one who connected from there, in place of another one if it must be. What
    /// is dropped without having run had no room.
    pub(crate) fn spawn<F>(&mut self, remote: &str, handshake: impl FnOnce(Arc<Place>) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (entered, closed, is_roomy) = {
            let mut shared = self.shared.lock();
            let entered = shared.places.enter(self.clock.now(), &source(remote));
            let closed = entered.and_then(|entered| entered.gives_way);
            let closed = closed.and_then(|number| shared.tasks.remove(&number));
            (entered, closed, shared.places.len() <= shared.places_max / 2)
        };
        let Some(entered) = entered else { return };
        if let Some(closed) = closed {
            closed.abort();
            if !self.is_crowded {
                tracing::warn!(remote, "more connect than prove themselves; the oldest are closed");
            }
            self.is_crowded = true;
        } else if is_roomy {
            self.is_crowded = false;
        }
        let place = Arc::new(Place { number: entered.number, shared: self.shared.clone() });
        let handshake = handshake(place.clone());
        let task = self.tasks.spawn(async move {
            let outcome = handshake.await;
            // Until somebody takes what came of it.
            place.prove();
            (outcome, place)
        });
        let mut shared = self.shared.lock();
        // It may be over already.
        if shared.places.has(entered.number) {
            shared.tasks.insert(entered.number, task);
        }
    }

    /// What comes of the next handshake that ends: nothing, if it gave way. `None` if none is under way.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<Option<T>> {
        match self.tasks.join_next().await? {
            Ok((outcome, _)) => Some(Some(outcome)),
            Err(error) if error.is_cancelled() => Some(None),
            Err(error) => {
                tracing::error!(%error, "a handshake failed");
                Some(None)
            }
        }
    }
}

impl Place {
    /// Whose it is has proven itself: it gives way to nobody.
    pub(crate) fn prove(&self) {
        self.shared.lock().places.prove(self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        shared.places.leave(self.number);
        shared.tasks.remove(&self.number);
    }
}

/// What those who connect from the same place have in common: the address without its port, and of an
/// address of IPv6 the 64 bits that a network has; of anything else all that is known.
fn source(remote: &str) -> String {
    let Ok(address) = remote.parse::<SocketAddr>() else { return remote.to_owned() };
    match address.ip().to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:016x}", address.to_bits() >> 64),
    }
}
