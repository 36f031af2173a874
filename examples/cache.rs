//! A CRDT cache: a replica on each node, local reads, writes that come everywhere.

#[path = "common/until.rs"]
mod until;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starlings::CacheChanged;
use starlings::prelude::*;
use until::until;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Session {
    user: String,
    visits: u32,
}

/// Prints what changes.
struct Observer;

#[actor]
impl Observer {
    fn init(cx: &mut Cx<Self>) -> Result<Self, starlings::CacheError> {
        cx.node().cache("sessions")?.watch("user:", &cx.pid())?;
        Ok(Self)
    }
    #[info]
    fn changed(&mut self, change: CacheChanged) {
        let what = if change.value.is_some() { "was set" } else { "was removed" };
        println!("observer: {} {what}", String::from_utf8_lossy(&change.key));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (a, b) = (start("a@localhost").await?, start("b@localhost").await?);
    let (here, there) = (a.open_cache("sessions").await?, b.open_cache("sessions").await?);
    b.spawn::<Observer>(()).await?;

    // Written before the nodes know each other: merged when they meet.
    here.put("user:1", &Session { user: "ada".to_owned(), visits: 1 })?;
    there.put("user:2", &Session { user: "bob".to_owned(), visits: 7 })?;
    a.connect(b.name(), starlings::address(&b).as_deref()).await?;
    until("it shows there", async || here.len() == 2 && there.len() == 2).await?;
    println!("both replicas hold {:?}", here.keys());

    // Pushed at once, read without asking anybody.
    here.put("user:1", &Session { user: "ada".to_owned(), visits: 2 })?;
    let visits = || there.get("user:1").ok().flatten().map(|session: Session| session.visits);
    until("it shows there", async || visits() == Some(2)).await?;
    println!("{} reads {:?}", b.name(), there.get::<Session>("user:1")?);

    there.remove("user:2");
    until("it shows there", async || here.get_bytes(b"user:2").is_none()).await?;
    println!("user:2 is gone on both");

    here.put_for("user:3", &"short", Some(Duration::from_millis(50)))?;
    until("it shows there", async || here.get_bytes(b"user:3").is_none() && there.len() == 1)
        .await?;
    println!("user:3 has expired on both");
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

async fn start(name: &str) -> Result<Node, starlings::StartNodeError> {
    Node::builder(name).listen("127.0.0.1:0").cookie("example cookie").start().await
}
