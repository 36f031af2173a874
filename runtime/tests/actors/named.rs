//! Calls by local name, on one node and on many. By meaning from OTP's `gen_server_SUITE`, multicall.

use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{
    BoxFuture, CallError, Carrier, ConnectError, ExitReason, Node, NodeId, Pid,
};
use tokio::time::Instant;

use crate::bridge::Bridge;
use crate::fixture::{Counter, CounterMethods as _, Watcher, WatcherMethods as _, node};

const NAME: &str = "the.counter";

#[tokio::test]
async fn an_actor_is_called_by_its_name_here_and_elsewhere() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    a.spawn::<Counter>(1).name(NAME).await.unwrap();
    b.spawn::<Counter>(2).name(NAME).await.unwrap();
    let here: Pid<Counter> = a.named(NAME).unwrap();
    let there: Pid<Counter> = a.on(b.name()).named(NAME).await.unwrap();
    assert_eq!((here.get().await, there.get().await), (Ok(1), Ok(2)));
    assert_eq!(a.on(a.name()).named::<Counter>(NAME).await, Ok(here));
    assert_eq!(a.named::<Counter>("nobody"), None);
    for place in [a.name(), b.name()] {
        assert_eq!(a.on(place).named::<Counter>("nobody").await, Err(CallError::NoProc));
    }
    let gone: NodeId = "gone@h".parse().unwrap();
    let nowhere = a.on(&gone).named::<Counter>(NAME).await;
    assert_eq!(nowhere, Err(CallError::NoConnection(gone)));
}

#[tokio::test]
async fn a_name_of_another_type_shows_when_it_is_used() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    a.spawn::<Counter>(1).name(NAME).await.unwrap();
    b.spawn::<Counter>(2).name(NAME).await.unwrap();
    let here: Pid<Watcher> = a.named(NAME).unwrap();
    assert_eq!(here.exits().await, Err(CallError::NoProc));
    let there: Pid<Watcher> = a.on(b.name()).named(NAME).await.unwrap();
    let refused = there.exits().await;
    assert!(matches!(refused, Err(CallError::BadMessage(_))), "{refused:?}");
}

#[tokio::test]
async fn answers_of_several_nodes_come_in_the_order_asked() {
    let (a, b, c) = (node("a@h"), node("b@h"), node("c@h"));
    let (_ab, _ac) = (Bridge::between(&a, &b), Bridge::between(&a, &c));
    a.spawn::<Counter>(1).name(NAME).await.unwrap();
    let there = b.spawn::<Counter>(2).name(NAME).await.unwrap();
    let gone: NodeId = "gone@h".parse().unwrap();
    let nodes = [b.name(), &gone, c.name(), a.name(), b.name()].map(Clone::clone);
    let wait = Duration::from_secs(5);
    let answers = a.multi_call(&nodes, NAME, wait, |pid: &Pid<Counter>| pid.get()).await;
    let no_connection = Err(CallError::NoConnection(gone));
    assert_eq!(answers, [Ok(2), no_connection, Err(CallError::NoProc), Ok(1), Ok(2)]);
    there.crash("boom".to_owned()).unwrap();
    let late = a.multi_call::<Counter, _>(&nodes[..1], NAME, wait, |pid| pid.get_later()).await;
    let down = CallError::Down(ExitReason::Panic("boom".to_owned()));
    assert!(late == [Err(down)] || late == [Err(CallError::NoProc)], "{late:?}");
    assert!(a.multi_call(&[], NAME, wait, |pid: &Pid<Counter>| pid.get()).await.is_empty());
}

/// Reaches nobody, and does not say so either.
#[derive(Debug)]
struct Hanging;

impl Carrier for Hanging {
    fn connect(
        &self,
        _: NodeId,
        _: Option<String>,
    ) -> BoxFuture<'static, Result<(), ConnectError>> {
        Box::pin(std::future::pending())
    }

    fn disconnect(&self, _: &NodeId) -> bool {
        false
    }

    fn may_connect(&self, node: &NodeId) -> bool {
        self.knows(node)
    }

    fn knows(&self, _: &NodeId) -> bool {
        true
    }

    fn shutdown(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_be_reached_holds_up_none_of_the_others() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    a.set_carrier(Arc::new(Hanging));
    a.spawn::<Counter>(1).name(NAME).await.unwrap();
    b.spawn::<Counter>(2).name(NAME).await.unwrap();
    let nodes = ["black@hole".parse().unwrap(), b.name().clone(), a.name().clone()];
    let ask = async |a: &Node, wait, later: bool| {
        let call = |pid: &Pid<Counter>| if later { pid.get_later() } else { pid.get() };
        a.multi_call(&nodes, NAME, Duration::from_secs(wait), call).await
    };
    let start = Instant::now();
    assert_eq!(ask(&a, 1, false).await, [Err(CallError::Timeout), Ok(2), Ok(1)]);
    assert_eq!(start.elapsed().as_secs(), 1);
    let start = Instant::now();
    // The timeout replaces that of the calls, which is 5 s.
    let timeout = || Err(CallError::Timeout);
    assert_eq!(ask(&a, 9, true).await, [timeout(), timeout(), timeout()]);
    assert_eq!(start.elapsed().as_secs(), 9);
}
