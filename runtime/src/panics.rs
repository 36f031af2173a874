//! Running the program's own code: a panic in it ends what it was for, and nothing else.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::actor::Result;
use crate::reason::ExitReason;

/// Runs the program's code; a panic in it becomes the reason.
#[inline]
pub(crate) fn spared<T>(act: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| ExitReason::panicked(&*panic))
}

/// Drops a value of the program's.
pub(crate) fn discard<T>(value: T) {
    if let Err(reason) = spared(|| drop(value)) {
        tracing::warn!(%reason, kind = std::any::type_name::<T>(), "what was dropped panicked");
    }
}

/// Awaits a future of the program's; a panic in it becomes the reason.
pub(crate) fn caught<F: Future>(future: F) -> Caught<F> {
    Caught { future }
}

pin_project! {
    /// See [`caught`].
    pub(crate) struct Caught<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match spared(|| future.poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(reason) => Poll::Ready(Err(reason)),
        }
    }
}
