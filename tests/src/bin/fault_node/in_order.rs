//! Calls that one sender makes at once to one actor: their answers come in the order of the calls, so an
//! answer that is missing shows with the next one, and not only when the call is out of time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use starlings::{CallError, PendingCall};

/// What came of calls: of each, and which one is still open though a later one is answered.
pub(crate) struct InOrder<R> {
    /// In the order of the calls; `None` of those that have not ended.
    pub(crate) ended: Vec<Option<Result<R, CallError>>>,
    /// The place of the first of them whose answer is missing.
    pub(crate) missing: Option<usize>,
}

/// Waits for calls that have just been sent, in this order, each with this timeout.
///
/// It ends with the last of them, or as soon as an answer is missing.
#[expect(clippy::disallowed_methods, reason = "the calls have real time")]
pub(crate) async fn in_order<R>(mut calls: Vec<PendingCall<R>>, timeout: Duration) -> InOrder<R> {
    let begun = Instant::now();
    let mut ended: Vec<_> = calls.iter().map(|_| None).collect();
    // With a budget, one that has an answer could look as if it had none.
    let missing = tokio::task::unconstrained(poll_fn(|cx| {
        let is_in_time = begun.elapsed() < timeout;
        // The last one first: if it is answered, those before it are by then.
        for (call, ended) in calls.iter_mut().zip(&mut ended).rev() {
            if ended.is_none()
                && let Poll::Ready(outcome) = Pin::new(call).poll(cx)
            {
                *ended = Some(outcome);
            }
        }
        let open = ended.iter().position(Option::is_none);
        let answered = ended.iter().rposition(|ended| matches!(ended, Some(Ok(_))));
        // Whose time is over may have been given up by who was to answer it.
        let missing = open.filter(|open| is_in_time && answered > Some(*open));
        match (open, missing) {
            (None, _) | (_, Some(_)) => Poll::Ready(missing),
            (Some(_), None) => Poll::Pending,
        }
    }))
    .await;
    InOrder { ended, missing }
}
