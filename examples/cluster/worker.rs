use starlings::prelude::*;

/// Lives on every node: joins the group, holds a replica of the cache, does what it is asked.
pub(crate) struct Worker;

#[actor(name = "cluster.worker")]
impl Worker {
    async fn init(cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.node().groups().join("workers", &cx.pid())?;
        cx.node().open_cache("prices").await?;
        Ok(Self)
    }

    #[call]
    async fn meet(&self, peer: NodeId, address: String, cx: &mut Cx<Self>) -> Result<(), String> {
        cx.node().connect(&peer, Some(&address)).await.map_err(|error| error.to_string())
    }

    #[call]
    fn claim(&self, name: String, cx: &mut Cx<Self>) -> Result<(), String> {
        cx.node().names().register(&name, &cx.pid()).map_err(|error| error.to_string())
    }

    #[call]
    fn set(&self, key: String, price: u32, cx: &mut Cx<Self>) -> bool {
        cx.node().cache("prices").and_then(|cache| cache.put(&key, &price)).is_ok()
    }

    #[call]
    fn read(&self, key: String, cx: &mut Cx<Self>) -> Option<u32> {
        cx.node().cache("prices").ok()?.get(&key).ok()?
    }

    /// Never answers: what calls look like that run while their node dies.
    #[call]
    async fn ponder(&self) {
        std::future::pending::<()>().await;
    }
}
