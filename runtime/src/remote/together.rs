//! Asking several nodes at once.

use std::future::poll_fn;
use std::task::Poll;

use crate::remote::carrier::BoxFuture;

/// Awaits all futures at the same time; their outputs in the order of the futures.
///
/// Each wake-up polls all that are not ready: meant for as many as there are nodes.
pub(crate) async fn together<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|cx| {
        let mut is_ready = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => is_ready = false,
                }
            }
        }
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
