//! The first child of the supervisor of a node's caches: brings the others back.
//!
//! Caches are opened while the node runs, so a supervisor that is restarted does not know of them;
//! the node does.

use std::time::Duration;

use starlings_runtime::{Cx, ExitReason, Pid, Supervisor, SupervisorMethods as _, actor, spec};

use super::{CacheServer, Caches};

#[derive(Debug)]
pub(super) struct Reopener {
    supervisor: Pid<Supervisor>,
}

#[actor(crate = starlings_runtime)]
impl Reopener {
    fn init(cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        // A child is linked with its supervisor before `init`, and this one with nobody else.
        let info = cx.node().actor_info(cx.pid().any());
        let links = info.map(|info| info.links).unwrap_or_default();
        let supervisor = links.first().ok_or(ExitReason::NoProc)?;
        *cx.node().extension(Caches::default).supervisor.lock() = Some(supervisor.clone());
        // Later: the supervisor waits for this `init`.
        cx.pid().reopen().map_err(ExitReason::error)?;
        let supervisor = cx.node().pid(supervisor);
        Ok(Self { supervisor })
    }

    /// Starts a server for each cache that is open. One that has its server keeps it.
    #[cast]
    async fn reopen(&mut self, cx: &mut Cx<Self>) {
        let caches = cx.node().extension(Caches::default);
        let open: Vec<_> = caches.open.lock().values().cloned().collect();
        let children = self.supervisor.which_children().await.unwrap_or_default();
        for cache in open {
            let name = cache.name();
            if children.iter().any(|child| child.id == name) {
                continue;
            }
            // The server of the supervisor before was killed with it, but may not have ended yet, and
            // holds the name that its successor needs.
            if let Some(ending) = cx.node().whereis(&cache.0.server) {
                let _ = tokio::time::timeout(ENDING_MAX, cx.node().monitor(&ending)).await;
            }
            let server = spec::<CacheServer>(name.to_owned()).id(name);
            if let Err(error) = self.supervisor.start_child(server).await {
                tracing::warn!(cache = name, %error, "not opened again");
            }
        }
    }
}

/// How long a killed server is waited for. It ends at its next await point, of which it has many: one
/// that takes longer blocks its thread.
const ENDING_MAX: Duration = Duration::from_secs(5);
