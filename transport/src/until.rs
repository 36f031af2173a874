//! Waiting for something that others change and tell of.

use tokio::sync::Notify;

/// Waits until `holds`, which is asked at once and after each time that all waiters are notified.
///
/// # Cancel safety
/// Nothing is lost.
pub(crate) async fn until(changed: &Notify, mut holds: impl FnMut() -> bool) {
    loop {
        let mut notified = std::pin::pin!(changed.notified());
        // Before the check: a change between check and wait is not missed.
        notified.as_mut().enable();
        if holds() {
            return;
        }
        notified.await;
    }
}
