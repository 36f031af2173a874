//! The main job: three nodes in three processes; one of them is killed, and nothing is lost.

mod fall;
mod process;
mod story;
#[path = "../common/until.rs"]
mod until;
mod worker;

use starlings::address;
use starlings::prelude::*;
use story::Story;
use worker::Worker;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let name = std::env::args().nth(1);
    let builder = Node::builder(name.as_deref().unwrap_or("one@localhost"));
    let builder = builder.listen("127.0.0.1:0").cookie("cluster example");
    let node = builder.spawnable::<Worker>().start().await?;
    if name.is_some() {
        // One of the other two processes: it says where it listens, and is used from outside.
        println!("{}", address(&node).ok_or("no address")?);
        return std::future::pending().await;
    }
    let mut story = Story::begin(&node).await?;
    story.find_each_other().await?;
    story.share_a_cache().await?;
    let service = story.supervise_a_service().await?;
    story.kill_the_third_node().await?;
    story.see_what_is_left(&service).await?;
    node.shutdown().await;
    Ok(())
}
