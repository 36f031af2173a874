//! Process groups: workers on two nodes under one key, and one cast to all of them.

#[path = "common/until.rs"]
mod until;

use starlings::prelude::*;
use starlings::{Change, GroupEvent};
use until::until;

/// Counts its jobs.
struct Worker(u64);

#[actor(name = "example.worker")]
impl Worker {
    fn init() -> Self {
        Self(0)
    }
    #[cast]
    fn work(&mut self, amount: u64) {
        self.0 += amount;
    }
    #[call]
    fn done(&self) -> u64 {
        self.0
    }
}

/// Prints who comes and goes.
struct Observer;

#[actor]
impl Observer {
    fn init(group: String, cx: &mut Cx<Self>) -> Result<Self, starlings::GroupsError> {
        let (_, members) = cx.node().groups().monitor(&group, &cx.pid())?;
        println!("observer: {} members at first", members.len());
        Ok(Self)
    }
    #[info]
    fn changed(&mut self, event: GroupEvent) {
        let what = if event.change == Change::Joined { "joined" } else { "left" };
        println!("observer: {} {what} {}", event.pid, event.group);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a = start("a@localhost").await?;
    let b = start("b@localhost").await?;
    a.connect(b.name(), starlings::address(&b).as_deref()).await?;
    a.spawn::<Observer>("workers".to_owned()).await?;

    // Each is in the group before its spawn is answered; `groups().join` does the same later.
    for node in [&a, &b, &b] {
        let worker = a.on(node.name()).spawn::<Worker>(()).group("workers").await?;
        assert!(node.groups().local_members("workers").contains(worker.any()));
    }
    // A group that cannot be joined leaves no child.
    assert!(a.spawn::<Worker>(()).group("").await.is_err());
    until("it shows there", async || a.groups().members("workers").len() == 3).await?;
    println!("members seen from a: {:?}", a.groups().members("workers"));
    println!("of which local:      {:?}", a.groups().local_members("workers"));

    // One message for each node, not for each member.
    let nodes = a.groups().cast_all::<Worker>("workers", &WorkerMessage::Work { amount: 7 })?;
    println!("a cast to all went to {nodes} nodes");
    for worker in a.groups().members_as::<Worker>("workers") {
        while worker.done().await? != 7 {}
    }

    // Death leaves every group.
    let gone = a.groups().members("workers").last().cloned().ok_or("nobody")?;
    a.kill(&gone);
    until("it shows there", async || !a.groups().members("workers").contains(&gone)).await?;
    println!("{} members are left", a.groups().members("workers").len());
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

async fn start(name: &str) -> Result<Node, starlings::StartNodeError> {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("example cookie");
    builder.spawnable::<Worker>().start().await
}
