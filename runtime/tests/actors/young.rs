//! Children whose `init` does what the spawn says, on nodes that can spawn them for others.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starlings_runtime::{
    Cx, ExitReason, Incarnation, MonitorRef, Node, NodeInstance, NodeParts, Pid, Result,
    SpawnError, actor,
};
use tokio::sync::oneshot;

use crate::fixture::{Counter, CounterMethods as _, eventually};
use crate::puppet::{Places, Puppet, PuppetMethods as _, alone, joined, script};

/// What an `init` does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Plan {
    Be(u64),
    /// Comes up when this counter is released.
    Wait(Pid<Counter>),
    Fail(ExitReason),
    Panic,
    /// Comes up, and ends at once.
    Stop(ExitReason),
}

#[derive(Debug)]
pub(crate) struct Young(u64);

#[actor(name = "test.young", crate = starlings_runtime)]
impl Young {
    async fn init(plan: Plan, cx: &mut Cx<Self>) -> Result<Self> {
        match plan {
            Plan::Be(number) => return Ok(Self(number)),
            Plan::Wait(gate) => drop(gate.get_later().timeout(LONG).await),
            Plan::Fail(reason) => return Err(reason),
            Plan::Panic => panic!("boom"),
            Plan::Stop(reason) => cx.stop(reason),
        }
        Ok(Self(0))
    }

    #[call]
    fn number(&self) -> u64 {
        self.0
    }
}

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

fn young_node(name: &str) -> Node {
    let instance = NodeInstance { node: name.parse().unwrap(), incarnation: Incarnation(1) };
    let mut parts = NodeParts::new(instance);
    parts.add_spawnable::<Young>().unwrap();
    parts.add_spawnable::<Counter>().unwrap();
    parts.start()
}

pub(crate) fn here() -> Places {
    alone(young_node("a@h"))
}

pub(crate) fn there() -> Places {
    joined(young_node("a@h"), young_node("b@h"))
}

pub(crate) fn both() -> [Places; 2] {
    [here(), there()]
}

pub(crate) type Born = Result<(Pid<Young>, MonitorRef), SpawnError>;

/// Has a puppet spawn a linked and monitored child at another place, within a handler.
pub(crate) fn bearing(parent: &Pid<Puppet>, place: &Node, plan: Plan) -> oneshot::Receiver<Born> {
    bearing_within(parent, place, plan, LONG)
}

pub(crate) fn bearing_within(
    parent: &Pid<Puppet>,
    place: &Node,
    plan: Plan,
    timeout: Duration,
) -> oneshot::Receiver<Born> {
    let (sender, born) = oneshot::channel();
    let place = place.name().clone();
    let bear = script(move |cx| {
        let spawn = cx.node().on(&place).spawn::<Young>(plan).from(cx).timeout(timeout);
        Box::pin(async move {
            let _ = sender.send(spawn.linked().monitored().await);
            Ok(())
        })
    });
    parent.play(bear).unwrap();
    born
}

pub(crate) async fn bear(parent: &Pid<Puppet>, place: &Node, plan: Plan) -> Born {
    bearing(parent, place, plan).await.unwrap()
}

/// A gate at this place for a child to wait at.
pub(crate) async fn gate(node: &Node) -> (Pid<Counter>, Plan) {
    let gate = node.spawn::<Counter>(0).await.unwrap();
    (gate.clone(), Plan::Wait(gate))
}

/// Waits until a child is at the gate.
pub(crate) async fn reached(node: &Node, gate: &Pid<Counter>) {
    eventually("a child is at the gate", async || node.actor_info(gate.any()).unwrap().handled > 0)
        .await;
}
