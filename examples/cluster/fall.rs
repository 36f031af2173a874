use tokio::time::Instant;

use starlings::prelude::*;
use starlings::{CallError, ChildInfo};

use crate::Error;
use crate::story::{Story, check};
use crate::until::until;
use crate::worker::{Worker, WorkerMethods as _};

/// The second half of the story: a node is killed.
impl Story<'_> {
    pub(crate) async fn supervise_a_service(&self) -> Result<Pid<Supervisor>, Error> {
        let (two, three) = (self.second.any().node(), self.third.any().node());
        let placement = Placement::FirstOf(vec![three.clone(), two.clone()]);
        let service = Supervisor::one_for_one().child(spec_on::<Worker>(placement, ()));
        let supervisor = service.start(self.node).await?;
        until("the service runs", async || runs_on(&supervisor, three).await).await?;
        self.say(format!("a service, supervised from {}, runs on {three}", self.node.name()));
        Ok(supervisor)
    }

    pub(crate) async fn kill_the_third_node(&mut self) -> Result<(), Error> {
        let (two, three) = (self.second.any().node().clone(), self.third.any().node().clone());
        let (mut events, monitor) = (self.node.node_events(), self.node.monitor(&self.third));
        let calls: Vec<_> = (0..100).map(|_| self.third.ponder().send()).collect();
        let killed = Instant::now();
        self.third_process.kill().await?;
        let down = monitor.await;
        check(down.reason == ExitReason::NoConnection, "the monitor says NoConnection")?;
        for call in calls {
            check(call.await == Err(CallError::NoConnection(three.clone())), "every call ends")?;
        }
        check(*events.recv().await?.node() == three, "NodeDown comes")?;
        check(self.node.nodes() == [two], "nodes() agrees")?;
        let took = killed.elapsed();
        self.say(format!(
            "killed {three}: Down({}), NodeDown, 100 calls ended: {took:?}",
            down.reason
        ));
        Ok(())
    }

    pub(crate) async fn see_what_is_left(
        &mut self,
        service: &Pid<Supervisor>,
    ) -> Result<(), Error> {
        let (two, three) = (self.second.any().node().clone(), self.third.any().node().clone());
        let (groups, names) = (self.node.groups(), self.node.names());
        let members = || groups.members("workers");
        until("the group is clean", async || members().iter().all(|p| *p.node() != three)).await?;
        until("the name is free", async || names.whereis("leader").is_none()).await?;
        self.say("the dead have left the group, and the name is free".to_owned());
        until("the service moved", async || runs_on(service, &two).await).await?;
        self.say(format!("the service was restarted on {two}"));
        check(self.reads_all().await, "the cache is whole")?;
        self.second.claim("leader".to_owned()).await??;
        let leader = || names.whereis("leader");
        until("there is a new leader", async || leader().as_ref() == Some(self.second.any()))
            .await?;
        self.say(format!("the cache is whole, and the new leader is {}", self.second));
        self.second_process.kill().await?;
        Ok(())
    }
}

async fn runs_on(supervisor: &Pid<Supervisor>, place: &NodeId) -> bool {
    let children: Vec<ChildInfo> = supervisor.which_children().await.unwrap_or_default();
    children.iter().any(|child| child.pid.as_ref().is_some_and(|pid| pid.node() == place))
}
