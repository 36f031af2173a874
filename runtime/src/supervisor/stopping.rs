//! Stopping one child within its shutdown time.

use std::time::Duration;

use crate::node::Node;
use crate::pid::AnyPid;
use crate::proto::supervision::Shutdown;
use crate::reason::ExitReason;

/// Stops one child, here or elsewhere, and waits for its end. It is `late` when it is killed for it.
pub(super) async fn stop(node: &Node, pid: &AnyPid, shutdown: Shutdown, late: impl FnOnce()) {
    let mut ended = node.monitor(pid);
    match shutdown {
        Shutdown::Brutal => {}
        Shutdown::After(time) => {
            node.stop(pid, ExitReason::Shutdown);
            if node.timeout(time, &mut ended).await.is_some() {
                return;
            }
            late();
        }
        Shutdown::Infinity => {
            node.stop(pid, ExitReason::Shutdown);
            ended.await;
            return;
        }
    }
    node.kill(pid);
    let _ = node.timeout(KILL_TIME, ended).await;
}

/// How long a killed child is waited for: one that never awaits cannot be killed, and must not keep
/// its supervisor from stopping the others.
const KILL_TIME: Duration = Duration::from_secs(1);
