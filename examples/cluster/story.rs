use tokio::time::Instant;

use starlings::prelude::*;
use tokio::process::Child;

use crate::Error;
use crate::process::start;
use crate::until::until;
use crate::worker::{Worker, WorkerMethods as _};

/// Three nodes and a worker on each. Every step tells what it did, once it was checked.
pub(crate) struct Story<'a> {
    clock: Instant,
    pub(crate) node: &'a Node,
    pub(crate) second: Pid<Worker>,
    pub(crate) third: Pid<Worker>,
    pub(crate) here: Pid<Worker>,
    pub(crate) second_process: Child,
    pub(crate) third_process: Child,
}

impl<'a> Story<'a> {
    pub(crate) async fn begin(node: &'a Node) -> Result<Self, Error> {
        let clock = Instant::now();
        let (two, three): (NodeId, NodeId) = ("two@localhost".parse()?, "three@localhost".parse()?);
        let (second_process, two_address) = start(&two).await?;
        let (third_process, three_address) = start(&three).await?;
        node.connect(&two, Some(&two_address)).await?;
        node.connect(&three, Some(&three_address)).await?;
        let here = node.spawn::<Worker>(()).await?;
        let second = node.on(&two).spawn::<Worker>(()).await?;
        let third = node.on(&three).spawn::<Worker>(()).await?;
        second.meet(three, three_address).await??;
        let story = Self { clock, node, here, second, third, second_process, third_process };
        story.say(format!("three processes: {} is connected to {:?}", node.name(), node.nodes()));
        story.say(format!("spawned an actor on each: {story}"));
        Ok(story)
    }

    pub(crate) async fn find_each_other(&self) -> Result<(), Error> {
        self.third.claim("leader".to_owned()).await??;
        let (groups, names) = (self.node.groups(), self.node.names());
        let leader = || names.whereis("leader");
        until("the leader is known", async || leader().as_ref() == Some(self.third.any())).await?;
        until("the group has three", async || groups.members("workers").len() == 3).await?;
        self.say(format!("the name \"leader\" is {}; \"workers\" has 3 members", self.third));
        Ok(())
    }

    pub(crate) async fn share_a_cache(&self) -> Result<(), Error> {
        check(self.third.set("tea".to_owned(), 7).await?, "the third node takes a write")?;
        check(self.second.set("jam".to_owned(), 3).await?, "the second node takes a write")?;
        until("each reads both", async || self.reads_all().await).await?;
        let keys = self.node.cache("prices")?.keys();
        self.say(format!("cache: {keys:?} were written on two nodes, and are read on all"));
        Ok(())
    }

    /// Whether the survivors read both prices.
    pub(crate) async fn reads_all(&self) -> bool {
        for worker in [&self.here, &self.second] {
            let (tea, jam) = (worker.read("tea".to_owned()), worker.read("jam".to_owned()));
            if (tea.await, jam.await) != (Ok(Some(7)), Ok(Some(3))) {
                return false;
            }
        }
        true
    }

    pub(crate) fn say(&self, text: String) {
        println!("{:>5} ms  {text}", self.clock.elapsed().as_millis());
    }
}

impl std::fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}", self.here, self.second, self.third)
    }
}

pub(crate) fn check(holds: bool, what: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(format!("it is not so that {what}").into()) }
}
