//! Cluster names: one actor under one name, found from every node.

#[path = "common/until.rs"]
mod until;

use starlings::prelude::*;
use until::until;

struct Leader;

#[actor(name = "example.leader")]
impl Leader {
    fn init() -> Self {
        Self
    }
    #[call]
    fn whoami(&self, cx: &mut Cx<Self>) -> String {
        format!("{} on {}", cx.pid(), cx.node().name())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (a, b) = (start("a@localhost").await?, start("b@localhost").await?);
    a.connect(b.name(), starlings::address(&b).as_deref()).await?;

    let leader = a.spawn::<Leader>(()).await?;
    a.names().register("leader", &leader)?;
    println!("registered {leader} as \"leader\" on {}", a.name());

    until("it shows there", async || b.names().whereis("leader").is_some()).await?;
    let found: Pid<Leader> = b.names().find("leader").ok_or("nobody")?;
    println!("{} finds {found}, which says: {}", b.name(), found.whoami().await?);

    let rival = b.spawn::<Leader>(()).await?;
    let taken = b.names().register("leader", &rival);
    println!("a rival is refused: {}", taken.err().ok_or("it was not")?);

    a.kill(&leader);
    until("it shows there", async || b.names().whereis("leader").is_none()).await?;
    b.names().register("leader", &rival)?;
    until("it shows there", async || {
        a.names().whereis("leader").as_ref() == Some(&a.bind(rival.any()))
    })
    .await?;
    println!("the leader died; the rival {} has the name on both nodes", a.bind(rival.any()));

    a.names().unregister("leader").await?;
    until("it shows there", async || b.names().whereis("leader").is_none()).await?;
    println!("and {} took it away again", a.name());
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

async fn start(name: &str) -> Result<Node, starlings::StartNodeError> {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("example cookie");
    builder.spawnable::<Leader>().start().await
}
