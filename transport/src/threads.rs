//! The threads that a transport runs on: its own for handshakes, heartbeats and all that keeps a
//! session alive; the program's for the messages, which so come to actors without changing threads.
//!
//! So actors that block every thread of the program's leave the node alive in the eyes of others.

use std::future::Future;
use std::io;

use starlings_runtime::BoxFuture;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Where the transport of one node runs. Its drop ends what still runs there.
#[derive(Debug)]
pub(crate) struct Threads {
    program: Handle,
    own: Handle,
    /// Behind `own`, unless that is the program's.
    runtime: Option<Runtime>,
}

impl Threads {
    /// So many threads of its own; with none, it shares the program's, which are those of the runtime
    /// that it is called in.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let program = Handle::current();
        if count == 0 {
            return Ok(Self { own: program.clone(), program, runtime: None });
        }
        let mut builder = Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(count).thread_name("starlings-net").enable_all().build()?;
        Ok(Self { program, own: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn own(&self) -> &Handle {
        &self.own
    }

    pub(crate) fn program(&self) -> &Handle {
        &self.program
    }

    /// Runs a future on its own threads, for as long as somebody waits for it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> BoxFuture<'static, Option<T>> {
        let handle = self.own.clone();
        Box::pin(async move {
            let mut task = Task(handle.spawn(future));
            // It fails only by a panic of its own, which tokio has reported.
            (&mut task.0).await.ok()
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last user may be a task, where waiting for threads to end is not allowed.
            runtime.shutdown_background();
        }
    }
}

/// Ends with its handle.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
