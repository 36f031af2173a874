//! This node's replica: the state machine under its lock, the table that readers read, and those
//! who watch.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use dashmap::DashMap;
use parking_lot::Mutex;
use starlings_registry::proto::{Input, Output};
use starlings_runtime::{Alarm, AnyPid, Node, NodeInstance, Origin};
use tokio::time::Instant;

use super::CacheError;
use super::server::{CacheServer, CacheServerMessage, Elapsed, WatchPid};
use super::watch::{Snapshot, WatchId, Watches};
use crate::proto::map::Write;
use crate::proto::sync::{Changed, Now, Outbox, PutError, SYNC_INTERVAL, State};
use crate::wire::Message;

#[derive(Debug)]
pub(super) struct Replica {
    pub(super) name: String,
    /// The local name of the cache's server, the same on all nodes.
    pub(super) server: String,
    pub(super) view: DashMap<Arc<[u8]>, Arc<[u8]>, foldhash::fast::RandomState>,
    node: Node,
    started: Instant,
    locked: Mutex<Locked>,
    alarm: Alarm,
}

/// What changes together: a watch's snapshot and its events must have no gap between them.
#[derive(Debug)]
struct Locked {
    state: State,
    watches: Watches,
    /// When the next entry expires: by the wall clock, and as a moment.
    expiry: Option<(u64, Instant)>,
}

impl Replica {
    pub(super) fn new(node: &Node, name: &str) -> Self {
        // A replica lives as long as its node, so there is one start in each life.
        let state = State::new(node.instance().clone(), 0, SYNC_INTERVAL);
        Self {
            name: name.to_owned(),
            server: format!("starlings.cache/{name}"),
            view: DashMap::default(),
            node: node.clone(),
            started: Instant::now(),
            locked: Mutex::new(Locked { state, watches: Watches::default(), expiry: None }),
            alarm: Alarm::default(),
        }
    }

    pub(super) fn put(
        &self,
        key: Arc<[u8]>,
        value: Arc<[u8]>,
        ttl: Option<Duration>,
    ) -> Result<(), PutError> {
        self.apply(|state, now, outbox| {
            let ttl_ms = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
            let expires_ms = ttl_ms.map_or(0, |ttl| now.wall_ms.saturating_add(ttl));
            state.put(now, key, value, expires_ms, outbox)
        })
    }

    pub(super) fn remove(&self, key: &[u8]) -> bool {
        self.apply(|state, _, outbox| state.remove(key.into(), outbox))
    }

    pub(super) fn handle(&self, input: Input<Message>) {
        self.apply(|state, now, outbox| state.handle(now, input, outbox));
    }

    /// The deadline of the state, or the time of an entry, has come.
    pub(super) fn elapsed(&self) {
        self.locked.lock().expiry = None;
        self.apply(|state, now, outbox| {
            state.expire(now.wall_ms, outbox);
            state.handle(now, Input::Elapsed, outbox);
        });
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let locked = self.locked.lock();
        let entries = locked.state.map().iter();
        let text = |(key, _): (&Arc<[u8]>, _)| Some(std::str::from_utf8(key).ok()?.to_owned());
        let mut keys: Vec<String> = entries.filter_map(text).collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn watch(
        &self,
        prefix: &[u8],
        subscriber: &AnyPid,
    ) -> Result<(WatchId, Snapshot), CacheError> {
        let subscriber = self.node.bind(subscriber);
        if !subscriber.is_local() || !self.node.is_alive(&subscriber) {
            return Err(CacheError::NoProc);
        }
        let (watch, snapshot) = {
            let mut locked = self.locked.lock();
            let watch = locked.watches.add(prefix, subscriber.clone());
            let watch = watch.ok_or(CacheError::TooManyWatches)?;
            let entries = locked.state.map().iter().filter(|(key, _)| key.starts_with(prefix));
            let copy =
                |(key, write): (&Arc<[u8]>, &Write)| (Arc::clone(key), Arc::clone(&write.value));
            let mut snapshot: Snapshot = entries.map(copy).collect();
            snapshot.sort_unstable();
            (watch, snapshot)
        };
        if let Some(server) = self.node.whereis(&self.server) {
            self.node.notify(&server, WatchPid(subscriber));
        }
        Ok((watch, snapshot))
    }

    pub(super) fn unwatch(&self, watch: WatchId) -> bool {
        self.locked.lock().watches.remove(watch)
    }

    pub(super) fn forget_subscriber(&self, subscriber: &AnyPid) {
        self.locked.lock().watches.forget(subscriber);
    }

    pub(super) fn subscribers(&self) -> Vec<AnyPid> {
        self.locked.lock().watches.subscribers().cloned().collect()
    }

    pub(super) fn peers(&self) -> Vec<NodeInstance> {
        self.locked.lock().state.peers().cloned().collect()
    }

    /// Runs `act` on the state and does what it asks for. Sends happen under the lock: they do not
    /// wait, and reordered they would cost repairs.
    fn apply<T>(&self, act: impl FnOnce(&mut State, Now, &mut Outbox) -> T) -> T {
        let now = Now { at: self.started.elapsed(), wall_ms: wall_ms() };
        let mut outbox = Vec::new();
        let mut locked = self.locked.lock();
        let result = act(&mut locked.state, now, &mut outbox);
        for output in outbox {
            match output {
                Output::Send { to, message } => self.send(&to, &message),
                Output::Event(changed) => self.on_changed(&locked.watches, changed),
            }
        }
        self.set_alarm(&mut locked, now);
        result
    }

    fn on_changed(&self, watches: &Watches, changed: Changed) {
        let Changed { key, value, .. } = changed;
        watches.tell(&self.node, &self.name, &key, value.as_ref());
        match value {
            Some(value) => drop(self.view.insert(key, value)),
            None => drop(self.view.remove(&key)),
        }
    }

    fn send(&self, to: &[NodeInstance], message: &Message) {
        for peer in to {
            let (from, message) = (Origin::of(&self.node), message.clone());
            let message = CacheServerMessage::Receive { from, message };
            // The groups by which replicas find each other keep the session.
            let to = self.node.on(&peer.node);
            let sent = to.cast_named_in_background::<CacheServer>(&self.server, message);
            if let Err(error) = sent {
                // Anti-entropy finds what is missing.
                tracing::debug!(node = %peer.node, cache = self.name, %error, "cache: not sent");
            }
        }
    }

    fn set_alarm(&self, locked: &mut Locked, now: Now) {
        let sync = locked.state.deadline().map(|deadline| self.started + deadline);
        let next_ms = locked.state.next_expiry_ms();
        if next_ms != locked.expiry.map(|(at_ms, _)| at_ms) {
            locked.expiry = next_ms.map(|at_ms| {
                let left = Duration::from_millis(at_ms.saturating_sub(now.wall_ms) + 1);
                (at_ms, self.started + now.at + left.min(EXPIRY_LOOK_MAX))
            });
        }
        let expiry = locked.expiry.map(|(_, at)| at);
        let (node, server) = (self.node.clone(), self.server.clone());
        self.alarm.set(&self.node, sync.into_iter().chain(expiry).min(), move || {
            if let Some(server) = node.whereis(&server) {
                node.notify(&server, Elapsed);
            }
        });
    }
}

/// The wall clock is looked at again after so long at the latest, however far an expiry is: it may
/// have been set meanwhile.
const EXPIRY_LOOK_MAX: Duration = Duration::from_secs(3600);

/// Milliseconds since 1970. May jump: the hybrid clock sees to that.
#[expect(clippy::disallowed_methods, reason = "the hybrid clock and expiry want the wall clock")]
fn wall_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
