//! Actors on two nodes that watch each other in a circle, or the dead again and again.

use starlings_runtime::{AnyPid, Cx, Down, ExitReason, Node, Pid, actor};

use crate::fixture::eventually;
use crate::puppet::{End, Places, end, puppet, there, watchers};

/// How often an actor watches one that is dead.
const AGAIN: u64 = 1000;

/// Watches another, and ends when that has.
#[derive(Debug)]
struct Domino;

#[actor(crate = starlings_runtime)]
impl Domino {
    fn init() -> Self {
        Self
    }

    #[call]
    fn watch(&mut self, next: AnyPid, cx: &mut Cx<Self>) {
        cx.monitor(&next);
    }

    #[info]
    fn down(&mut self, down: Down, cx: &mut Cx<Self>) {
        // The first of them is killed, and each of the others ends as its next one has.
        let is_first = down.reason == ExitReason::Killed;
        cx.stop(if is_first { ExitReason::custom("Fell", "") } else { down.reason });
    }
}

/// Watches another again each time that it hears of its end.
#[derive(Debug)]
struct Mourner(Vec<ExitReason>);

#[actor(crate = starlings_runtime)]
impl Mourner {
    fn init() -> Self {
        Self(Vec::new())
    }

    #[call]
    fn watch(&mut self, whom: AnyPid, cx: &mut Cx<Self>) {
        cx.monitor(&whom);
    }

    #[call]
    fn heard(&self) -> Vec<ExitReason> {
        self.0.clone()
    }

    #[info]
    fn down(&mut self, down: Down, cx: &mut Cx<Self>) {
        self.0.push(down.reason);
        if (self.0.len() as u64) < AGAIN {
            cx.monitor(&down.pid);
        }
    }
}

async fn nothing_is_left(places: &Places) {
    let both = [&places.a, &places.b];
    eventually("all end", async || both.iter().all(|node| node.actors_count() == 0)).await;
    assert_eq!(both.map(Node::timers_count), [0, 0]);
    let is_needed = async || both.iter().any(|node| places.bridge().is_needed(node));
    eventually("no monitor is kept", async || !is_needed().await).await;
}

/// monitor_SUITE: case_1, in a circle over two nodes
#[tokio::test]
async fn a_circle_over_two_nodes_falls_as_one() {
    for all_at_once in [false, true] {
        let places = there();
        let mut dominoes: Vec<Pid<Domino>> = Vec::new();
        for at in 0..100 {
            let node = if at % 2 == 0 { &places.a } else { &places.b };
            dominoes.push(node.spawn::<Domino>(()).await.unwrap());
        }
        let next = dominoes.iter().cycle().skip(1);
        for (domino, next) in dominoes.iter().zip(next) {
            domino.watch(next.any().clone()).await.unwrap();
        }
        // The last to hear of it is the one that the first watches.
        let last = places.b.monitor(&dominoes[1]);
        if all_at_once {
            dominoes.iter().for_each(|domino| places.a.kill(domino));
            assert_eq!(last.await.reason, ExitReason::Killed);
        } else {
            places.a.kill(&dominoes[0]);
            assert_eq!(last.await.reason, ExitReason::custom("Fell", ""));
        }
        nothing_is_left(&places).await;
    }
}

/// monitor_SUITE: mon_1, again from each down
#[tokio::test]
async fn who_watches_the_dead_again_from_each_down_hears_of_it_as_often() {
    let places = there();
    let dead = puppet(&places.b).await;
    let mourners = [
        places.a.spawn::<Mourner>(()).await.unwrap(),
        places.a.spawn::<Mourner>(()).await.unwrap(),
    ];
    for mourner in &mourners {
        mourner.watch(places.a.pid::<Mourner>(dead.any()).any().clone()).await.unwrap();
    }
    assert_eq!(watchers(&places.b, &dead), 2);
    end(&places.b, &dead, End::Custom).await;
    for mourner in &mourners {
        let len = async || mourner.heard().await.unwrap().len() as u64;
        eventually("it has heard of all", async || len().await == AGAIN).await;
        let heard = mourner.heard().await.unwrap();
        assert_eq!(heard[0], ExitReason::custom("Moved", "elsewhere"));
        assert!(heard[1..].iter().all(|reason| *reason == ExitReason::NoProc));
        assert_eq!(places.a.actor_info(mourner.any()).unwrap().monitors, 0);
        places.a.stop(mourner, ExitReason::Normal);
    }
    nothing_is_left(&places).await;
}
