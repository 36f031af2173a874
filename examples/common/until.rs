use std::time::Duration;

/// Waits until it holds: what other nodes do shows shortly after. Gives up after 10 s.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        if tokio::time::Instant::now() > deadline {
            return Err(format!("it never came true that {what}"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
