//! The actor of one cache on one node: takes in what other replicas say, and finds them.

use starlings_registry::proto::Input;
use starlings_registry::{Change, GroupEvent, Groups};
use starlings_runtime::{AnyPid, Cx, Down, ExitReason, NodeInstance, actor};

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
}

#[actor(name = "starlings.cache", crate = starlings_runtime)]
impl CacheServer {
    fn init(name: String, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        let cache = cx.node().cache(&name)?;
        cx.node().register(&cache.0.server, &cx.pid())?;
        for subscriber in cache.0.subscribers() {
            cx.monitor(&subscriber);
        }
        // Peers that went while there was no server are told; those that are there come again.
        cache.0.peers().into_iter().for_each(|peer| cache.0.handle(Input::NodeDown(peer)));
        let groups = Groups::of(cx.node(), SCOPE);
        let (_, replicas) = groups.monitor(&cache.0.server, &cx.pid())?;
        groups.join(&cache.0.server, &cx.pid())?;
        let mut this = Self { cache };
        replicas.iter().for_each(|pid| this.found(pid));
        this.cache.0.elapsed();
        Ok(this)
    }

    /// Takes what another replica says.
    #[cast]
    fn receive(&mut self, from: NodeInstance, message: Message) {
        self.cache.0.handle(Input::Received { from, message });
    }

    #[info]
    fn replicas_changed(&mut self, event: GroupEvent) {
        match event.change {
            Change::Joined => self.found(&event.pid),
            Change::Left if event.pid.is_local() => {}
            Change::Left => {
                self.cache.0.handle(Input::NodeDown(event.pid.instance().clone()));
            }
        }
    }

    #[info]
    fn elapsed(&mut self, _elapsed: Elapsed) {
        self.cache.0.elapsed();
    }

    #[info]
    fn watch(&mut self, watch: WatchPid, cx: &mut Cx<Self>) {
        cx.monitor(&watch.0);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.cache.0.forget_subscriber(&down.pid);
    }
}

impl CacheServer {
    fn found(&mut self, replica: &AnyPid) {
        if !replica.is_local() {
            self.cache.0.handle(Input::NodeUp(replica.instance().clone()));
        }
    }
}
