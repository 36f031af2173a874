//! What a spawn that succeeds promises to who asked for it.

use starlings_runtime::{CallError, Cx, Down, Exit, ExitReason, NodeId, Pid, actor};

use crate::fixture::{CounterMethods as _, eventually};
use crate::puppet::{
    End, PuppetMethods as _, Seen, end, links, on, puppet, script, trapper, watchers,
};
use crate::young::{Plan, Young, YoungMethods as _, bear, bearing, both, gate, reached, there};

/// process_SUITE: spawn_request_bif
#[tokio::test]
async fn a_spawn_gives_a_pid_with_its_bonds() {
    for places in both() {
        let parent = puppet(&places.a).await;
        let (child, _) = bear(&parent, &places.b, Plan::Be(7)).await.unwrap();
        assert_eq!((child.any().node(), child.number().await), (places.b.name(), Ok(7)));
        assert_eq!(links(&places.a, &parent), [child.any().clone()]);
        assert_eq!(links(&places.b, &child), [parent.any().clone()]);
        assert_eq!(watchers(&places.b, &child), 1);
        assert_eq!(places.a.actor_info(parent.any()).unwrap().monitors, 1);
    }
}

/// process_SUITE: spawn_request_monitor_demonitor
#[tokio::test]
async fn the_monitor_of_a_spawn_can_be_taken_back() {
    for places in both() {
        let parent = trapper(&places.a).await;
        let (child, monitor) = bear(&parent, &places.b, Plan::Be(7)).await.unwrap();
        assert!(on(&parent, move |cx| cx.demonitor(monitor)).await);
        assert_eq!(watchers(&places.b, &child), 0);
        places.a.kill(&child);
        let exit = vec![Seen::Exit(child.any().clone(), ExitReason::Killed)];
        eventually("the exit", async || parent.seen().await.unwrap() == exit).await;
    }
}

/// process_SUITE: spawn_request_monitor_child_exit, spawn_request_link_child_exit
#[tokio::test]
async fn the_end_of_a_child_is_one_exit_and_one_down() {
    for reason in [ExitReason::Normal, ExitReason::custom("Moved", "x"), ExitReason::Shutdown] {
        for places in both() {
            let parent = trapper(&places.a).await;
            let (child, monitor) = bear(&parent, &places.b, Plan::Be(7)).await.unwrap();
            places.a.stop(&child, reason.clone());
            let down = Seen::Down(monitor, reason.clone());
            let expected = [Seen::Exit(child.any().clone(), reason.clone()), down];
            eventually("both", async || parent.seen().await.unwrap() == expected).await;
        }
    }
}

/// process_SUITE: spawn_request_link_child_exit, of a child that ends at once
#[tokio::test]
async fn a_child_that_ends_at_once_takes_its_parent_along() {
    for places in both() {
        let parent = puppet(&places.a).await;
        let ended = places.a.monitor(&parent);
        let reason = ExitReason::custom("Brief", "life");
        let _born = bearing(&parent, &places.b, Plan::Stop(reason.clone()));
        assert_eq!(ended.await.reason, reason);
    }
}

/// process_SUITE: spawn_request_link_parent_exit, spawn_request_link_parent_exit_compound_reason
#[tokio::test]
async fn the_end_of_a_parent_ends_its_child_for_the_same_reason() {
    for how in [End::Error, End::Custom, End::Kill, End::Panic] {
        for places in both() {
            let parent = puppet(&places.a).await;
            let (child, _) = bear(&parent, &places.b, Plan::Be(7)).await.unwrap();
            let down = places.b.monitor(&child);
            let reason = end(&places.a, &parent, how).await;
            assert_eq!(down.await.reason, reason);
        }
    }
}

/// process_SUITE: spawn_request_link_parent_exit_nodedown
#[tokio::test]
async fn a_linked_child_ends_with_its_session_and_another_does_not() {
    let places = there();
    let parent = trapper(&places.a).await;
    let (linked, monitor) = bear(&parent, &places.b, Plan::Be(1)).await.unwrap();
    let free = places.a.on(places.b.name()).spawn::<Young>(Plan::Be(2)).await.unwrap();
    let down = places.b.monitor(&linked);
    places.bridge().cut();
    assert_eq!(down.await.reason, ExitReason::NoConnection);
    let lost = [
        Seen::Down(monitor, ExitReason::NoConnection),
        Seen::Exit(linked.any().clone(), ExitReason::NoConnection),
    ];
    assert_eq!(parent.seen().await.unwrap(), lost);
    assert_eq!(places.b.pid::<Young>(free.any()).number().await, Ok(2));
}

/// process_SUITE: dist_spawn_monitor
#[tokio::test]
async fn each_of_many_monitored_children_is_one_down() {
    for places in both() {
        let parent = trapper(&places.a).await;
        let mut children = Vec::new();
        for n in 0..200 {
            children.push(bearing(&parent, &places.b, Plan::Be(n)));
        }
        let mut expected = Vec::new();
        for child in children {
            let (child, monitor) = child.await.unwrap().unwrap();
            places.a.kill(&child);
            expected.push(Seen::Exit(child.any().clone(), ExitReason::Killed));
            expected.push(Seen::Down(monitor, ExitReason::Killed));
        }
        eventually("all", async || parent.seen().await.unwrap().len() >= 400).await;
        let (mut seen, key) = (parent.seen().await.unwrap(), |seen: &Seen| format!("{seen:?}"));
        seen.sort_by_key(key);
        expected.sort_by_key(key);
        assert_eq!(seen, expected);
    }
}

/// process_SUITE: dist_spawn_arg_list_mixup
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_spawns_at_once_gets_its_own_arguments() {
    for places in both() {
        let mut spawning = tokio::task::JoinSet::new();
        for n in 0..1000_u64 {
            let (from, to) =
                if n % 2 == 0 { (&places.a, &places.b) } else { (&places.b, &places.a) };
            let spawn = from.on(to.name()).spawn::<Young>(Plan::Be(n));
            spawning.spawn(async move { (n, spawn.await.unwrap().number().await) });
        }
        while let Some(spawned) = spawning.join_next().await {
            let (n, number) = spawned.unwrap();
            assert_eq!(number, Ok(n));
        }
    }
}

/// Spawns, and writes down what it sees, in order.
#[derive(Debug)]
struct Parent(Vec<String>);

#[actor(name = "test.parent", crate = starlings_runtime)]
impl Parent {
    fn init(cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(true);
        Self(Vec::new())
    }

    #[call]
    async fn bear(&mut self, place: NodeId, cx: &mut Cx<Self>) {
        let to = cx.pid();
        let spawn = cx.node().on(&place).spawn::<Loud>(to).from(cx).linked().monitored();
        let born = spawn.await.is_ok();
        self.0.push(format!("born {born}"));
    }

    #[cast]
    fn hear(&mut self, what: u64) {
        self.0.push(format!("heard {what}"));
    }

    #[call]
    fn log(&self) -> Vec<String> {
        self.0.clone()
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.0.push(format!("down {}", down.reason));
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.0.push(format!("exit {}", exit.reason));
    }
}

/// Speaks to its parent from `init`, and ends.
#[derive(Debug)]
struct Loud;

#[actor(name = "test.loud", crate = starlings_runtime)]
impl Loud {
    fn init(parent: Pid<Parent>, cx: &mut Cx<Self>) -> Self {
        parent.hear(1).unwrap();
        parent.hear(2).unwrap();
        cx.stop(ExitReason::custom("Brief", "life"));
        Self
    }
}

/// process_SUITE: spawn_request_bif: "the reply precedes any other signal of the child"
#[tokio::test]
async fn an_asker_sees_nothing_of_its_child_before_the_reply() {
    let node = |name: &str| {
        let incarnation = starlings_runtime::Incarnation(1);
        let node = name.parse().unwrap();
        let instance = starlings_runtime::NodeInstance { node, incarnation };
        let mut parts = starlings_runtime::NodeParts::new(instance);
        parts.add_spawnable::<Loud>().unwrap();
        parts.add_spawnable::<Parent>().unwrap();
        parts.start()
    };
    let places =
        [crate::puppet::alone(node("a@h")), crate::puppet::joined(node("a@h"), node("b@h"))];
    for places in places {
        let parent = places.a.spawn::<Parent>(()).await.unwrap();
        parent.bear(places.b.name().clone()).await.unwrap();
        eventually("all", async || parent.log().await.unwrap().len() >= 5).await;
        let brief = ExitReason::custom("Brief", "life");
        let mut expected = vec!["born true".to_owned(), "heard 1".to_owned(), "heard 2".to_owned()];
        expected.extend([format!("exit {brief}"), format!("down {brief}")]);
        assert_eq!(parent.log().await, Ok(expected));
    }
}

/// process_SUITE: spawn_request_link_parent_exit: the parent ends while the child starts elsewhere
#[tokio::test]
async fn a_child_that_comes_up_after_its_parent_ended_does_not_stay() {
    for places in both() {
        let (parent, (gate, plan)) = (puppet(&places.a).await, gate(&places.b).await);
        let born = bearing(&parent, &places.b, plan);
        reached(&places.b, &gate).await;
        end(&places.a, &parent, End::Kill).await;
        born.await.unwrap_err();
        gate.release().unwrap();
        eventually("the child is gone", async || places.b.actors_count() == 1).await;
    }
}

/// process_SUITE: spawn_request_link_parent_exit: the parent ends while the reply is on its way
#[tokio::test]
async fn a_child_whose_parent_ended_before_the_reply_came_does_not_stay() {
    let places = there();
    let parent = puppet(&places.a).await;
    places.bridge().hold(&places.b);
    let _born = bearing(&parent, &places.b, Plan::Be(1));
    eventually("the reply is held", async || places.bridge().held(&places.b) == 1).await;
    end(&places.a, &parent, End::Exit).await;
    assert_eq!(places.b.actors_count(), 1);
    places.bridge().let_go(&places.b);
    eventually("the child is gone", async || places.b.actors_count() == 0).await;
}

/// process_SUITE: spawn_request_link_child_exit: the child ends while the reply is on its way
#[tokio::test]
async fn the_end_of_a_child_that_overtakes_nothing_comes_after_the_reply() {
    let places = there();
    let parent = trapper(&places.a).await;
    places.bridge().hold(&places.b);
    let reason = ExitReason::custom("Brief", "life");
    let born = bearing(&parent, &places.b, Plan::Stop(reason.clone()));
    eventually("reply, exit and down are held", async || places.bridge().held(&places.b) == 3)
        .await;
    places.bridge().let_go(&places.b);
    let (child, monitor) = born.await.unwrap().unwrap();
    let expected =
        vec![Seen::Exit(child.any().clone(), reason.clone()), Seen::Down(monitor, reason)];
    assert_eq!(parent.seen().await, Ok(expected));
}

/// process_SUITE: spawn_request_reply_option: nobody is bound who did not ask for it
#[tokio::test]
async fn a_spawn_that_asks_for_no_bonds_makes_none() {
    for places in both() {
        let parent = trapper(&places.a).await;
        let (sender, child) = tokio::sync::oneshot::channel();
        let place = places.b.name().clone();
        let bear = script(move |cx| {
            let spawn = cx.node().on(&place).spawn::<Young>(Plan::Be(3)).from(cx);
            Box::pin(async move {
                let _ = sender.send(spawn.await);
                Ok(())
            })
        });
        parent.play(bear).unwrap();
        let child: Pid<Young> = child.await.unwrap().unwrap();
        assert_eq!((links(&places.b, &child), watchers(&places.b, &child)), (vec![], 0));
        places.b.kill(&child);
        eventually("it ends", async || !places.b.is_alive(child.any())).await;
        assert_eq!(child.number().await, Err(CallError::NoProc));
        assert_eq!(parent.seen().await, Ok(vec![]));
    }
}
