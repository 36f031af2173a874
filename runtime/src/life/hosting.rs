//! What an actor runs in: a task of tokio's pool, or a thread of its own. Either can be cut off at
//! its next await point.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// Ends a hosted future at its next await point, by dropping it.
#[derive(Debug)]
pub(crate) enum KillSwitch {
    Task(AbortHandle),
    Thread(Arc<Notify>),
}

impl KillSwitch {
    pub(crate) fn kill(&self) {
        match self {
            Self::Task(task) => task.abort(),
            Self::Thread(killed) => killed.notify_one(),
        }
    }
}

/// Runs `resident` as a task.
pub(crate) fn host(
    runtime: &Handle,
    resident: impl Future<Output = ()> + Send + 'static,
) -> KillSwitch {
    KillSwitch::Task(runtime.spawn(resident).abort_handle())
}

/// Runs `resident` on a thread of its own, where it may block. `None` if the system has no thread to
/// give: `resident` is then dropped.
pub(crate) fn host_on_thread(
    runtime: &Handle,
    name: &str,
    resident: impl Future<Output = ()> + Send + 'static,
) -> Option<KillSwitch> {
    let killed = Arc::new(Notify::new());
    let (runtime, kill) = (runtime.clone(), Arc::clone(&killed));
    let life = move || {
        let (mut kill, mut resident) = (pin!(kill.notified()), pin!(resident));
        runtime.block_on(poll_fn(|cx| match kill.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => resident.as_mut().poll(cx),
        }));
    };
    match std::thread::Builder::new().name(name.to_owned()).spawn(life) {
        Ok(_) => Some(KillSwitch::Thread(killed)),
        Err(error) => {
            tracing::error!(%error, "there is no thread for an actor");
            None
        }
    }
}
