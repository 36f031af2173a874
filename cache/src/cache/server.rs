//! The actor of one cache on one node: takes in what other replicas say, and finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starlings_registry::proto::Input;
use starlings_registry::{Change, GroupEvent, Groups};
use starlings_runtime::{AnyPid, Cx, Down, ExitReason, NodeInstance, Origin, actor};

use super::{Cache, OpenCaches as _, SCOPE};
use crate::wire::Message;

/// Tells the server that a deadline has passed.
#[derive(Debug)]
pub(super) struct Elapsed;

/// Tells the server to monitor a subscriber.
#[derive(Debug)]
pub(super) struct WatchPid(pub(super) AnyPid);

/// The server of one cache on one node.
#[derive(Debug)]
pub struct CacheServer {
    cache: Cache,
    /// The server of each other replica.
    replicas: BTreeMap<NodeInstance, AnyPid>,
    /// The local subscribers that it monitors, each once.
    watched: BTreeSet<u64>,
}

#[actor(name = "starlings.cache", crate = starlings_runtime)]
impl CacheServer {
    fn init(name: String, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        let cache = cx.node().cache(&name)?;
        cx.node().register(&cache.0.server, &cx.pid())?;
        let mut watched = BTreeSet::new();
        for subscriber in cache.0.subscribers() {
            if watched.insert(subscriber.serial()) {
                cx.monitor(&subscriber);
            }
        }
        // Peers that went while there was no server are told; those that are there come again.
        cache.0.peers().into_iter().for_each(|peer| cache.0.handle(Input::NodeDown(peer)));
        let groups = Groups::of(cx.node(), SCOPE);
        let (_, replicas) = groups.monitor(&cache.0.server, &cx.pid())?;
        groups.join(&cache.0.server, &cx.pid())?;
        let mut this = Self { cache, replicas: BTreeMap::new(), watched };
        replicas.iter().for_each(|pid| this.found(pid));
        this.cache.0.elapsed();
        Ok(this)
    }

    /// Takes what another replica says.
    #[cast]
    fn receive(&mut self, from: Origin, message: Message) {
        if let Some(from) = from.instance().cloned() {
            self.cache.0.handle(Input::Received { from, message });
        }
    }

    #[info]
    fn replicas_changed(&mut self, event: GroupEvent) {
        match event.change {
            Change::Joined => self.found(&event.pid),
            // A server that restarts may join before its old pid has left.
            Change::Left if self.replicas.get(event.pid.instance()) == Some(&event.pid) => {
                self.replicas.remove(event.pid.instance());
                self.cache.0.handle(Input::NodeDown(event.pid.instance().clone()));
            }
            Change::Left => {}
        }
    }

    #[info]
    fn elapsed(&mut self, _elapsed: Elapsed) {
        self.cache.0.elapsed();
    }

    #[info]
    fn watch(&mut self, watch: WatchPid, cx: &mut Cx<Self>) {
        if self.watched.insert(watch.0.serial()) {
            cx.monitor(&watch.0);
        }
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.watched.remove(&down.pid.serial());
        self.cache.0.forget_subscriber(&down.pid);
    }
}

impl CacheServer {
    fn found(&mut self, replica: &AnyPid) {
        if !replica.is_local() {
            self.replicas.insert(replica.instance().clone(), replica.clone());
            self.cache.0.handle(Input::NodeUp(replica.instance().clone()));
        }
    }
}

/// How long a killed server is waited for. It ends at its next await point, of which it has many: one
/// that takes longer blocks its thread.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// Starts the servers of all open caches again, when their supervisor has been restarted.
#[derive(Debug)]
pub(super) struct Reopener;

#[actor(crate = starlings_runtime)]
impl Reopener {
    fn init(cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.pid().reopen().map_err(ExitReason::error)?;
        Ok(Self)
    }

    #[cast]
    async fn reopen(&mut self, cx: &mut Cx<Self>) -> Result<(), ExitReason> {
        for cache in super::open_caches(cx.node()) {
            if super::serve(cx.node(), cache.name()).await.is_err() {
                // The server of the supervisor before was killed with it, but may not have ended yet,
                // and holds the name that its successor needs.
                if let Some(ending) = cx.node().whereis(&cache.0.server) {
                    let _ = tokio::time::timeout(ENDING_MAX, cx.node().monitor(&ending)).await;
                }
                super::serve(cx.node(), cache.name()).await?;
            }
        }
        cx.stop(ExitReason::Normal);
        Ok(())
    }
}
