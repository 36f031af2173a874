//! The first child of the supervisor of a node's caches: brings the others back.
//!
//! Caches are opened while the node runs, so a supervisor that is restarted does not know of them;
//! the node does.

use starlings_runtime::{Cx, ExitReason, Pid, Supervisor, actor, spec};

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
        let names: Vec<_> = caches.open.lock().keys().cloned().collect();
        for name in names {
            let server = spec::<CacheServer>(name.clone()).id(&name);
            if let Err(error) = self.supervisor.start_child(server).await {
                tracing::debug!(cache = name, %error, "not opened again");
            }
        }
    }
}
