//! Order between two actors over many lanes: whatever one sends to the other, however it is addressed, and
//! whoever sends it for the one. The bridge keeps the order of each key alone, and mixes the keys.

mod by_hand;

use std::fmt;
use std::future::Future;
use std::pin::{Pin as Pinned, pin};
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};
use starlings_runtime::{CallError, Cx, Down, Exit, ExitReason, Pid, Reply, actor};

use crate::fixture::eventually;
use crate::puppet::{Places, links, on, puppet, there};

/// How often each test mixes the lanes anew.
const MIXES: u64 = 20;

type Doing = Box<dyn FnOnce(&mut Teller, &mut Cx<Teller>) + Send>;

/// What an actor does for a test. It does not travel.
#[derive(Default, Serialize, Deserialize)]
struct Act {
    #[serde(skip)]
    act: Option<Doing>,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

fn act(act: impl FnOnce(&mut Teller, &mut Cx<Teller>) + Send + 'static) -> Act {
    Act { act: Some(Box::new(act)) }
}

/// Tells another actor numbers, in all ways there are.
#[derive(Debug)]
struct Teller {
    asked: Vec<Reply<u32>>,
    last_words: Option<(Pid<Scribe>, u32)>,
}

#[actor(name = "test.order.teller", spawnable = false, crate = starlings_runtime)]
impl Teller {
    fn init() -> Self {
        Self { asked: Vec::new(), last_words: None }
    }

    #[cast]
    fn play(&mut self, act: Act, cx: &mut Cx<Self>) {
        act.act.unwrap()(self, cx);
    }

    #[call]
    fn ask(&mut self, reply: Reply<u32>) {
        self.asked.push(reply);
    }

    #[call]
    fn forget(&mut self, reply: Reply<u32>) {
        drop(reply);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some((scribe, number)) = self.last_words.take() {
            scribe.hear(number).unwrap();
        }
    }
}

/// Tells numbers from a thread of its own.
#[derive(Debug)]
struct Loner;

#[actor(thread = true, name = "test.order.loner", spawnable = false, crate = starlings_runtime)]
impl Loner {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn tell(&mut self, scribe: Pid<Scribe>, cx: &mut Cx<Self>) {
        tell_six(&scribe, cx);
        panic!("done");
    }
}

/// Notes the numbers that it is told.
#[derive(Debug)]
struct Scribe(Vec<u32>);

/// What it notes for a down, and for an exit because of a link.
const DOWN: u32 = 1000;
const LINKED: u32 = 1001;

#[actor(name = "test.order.scribe", spawnable = false, crate = starlings_runtime)]
impl Scribe {
    fn init(cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(true);
        Self(Vec::new())
    }

    #[cast]
    fn hear(&mut self, number: u32) {
        self.0.push(number);
    }

    /// Monitors an actor, and links itself with it.
    #[call]
    fn bond(&mut self, with: starlings_runtime::AnyPid, cx: &mut Cx<Self>) {
        cx.monitor(&with);
        cx.link(&with);
    }

    #[call]
    fn noted(&self) -> Vec<u32> {
        self.0.clone()
    }

    #[info]
    fn down(&mut self, _: Down) {
        self.0.push(DOWN);
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.0.push(if let ExitReason::Custom { message, .. } = exit.reason {
            message.parse().unwrap()
        } else {
            LINKED
        });
    }
}

const NAME: &str = "the.scribe";

fn tell_six<A: starlings_runtime::Actor>(scribe: &Pid<Scribe>, cx: &Cx<A>) {
    let place = cx.node().on(scribe.any().node());
    for number in [0, 3] {
        scribe.hear(number).unwrap();
        place.cast_named::<Scribe>(NAME, ScribeMessage::Hear { number: number + 1 }).unwrap();
        cx.exit(scribe, ExitReason::custom("number", (number + 2).to_string()));
    }
}

/// Two nodes whose actors have other serials, so that no key is right by accident.
async fn apart() -> Places {
    let places = there();
    for _ in 0..10 {
        puppet(&places.b).await;
    }
    places
}

/// A teller on the first node, a scribe on the second, and both as the other node has them.
struct Pair {
    places: Places,
    teller: Pid<Teller>,
    scribe: Pid<Scribe>,
    far_teller: Pid<Teller>,
    far_scribe: Pid<Scribe>,
}

async fn pair() -> Pair {
    let places = apart().await;
    let teller = places.a.spawn::<Teller>(()).await.unwrap();
    let scribe = places.b.spawn::<Scribe>(()).name(NAME).await.unwrap();
    let (far_teller, far_scribe) = (places.b.pid(teller.any()), places.a.pid(scribe.any()));
    Pair { places, teller, scribe, far_teller, far_scribe }
}

impl Pair {
    /// Has the teller tell six numbers and end, and waits until it has.
    async fn tell_six_and_end(&self) {
        let (ended, far_scribe) = (self.places.a.monitor(&self.teller), self.far_scribe.clone());
        let speak = act(move |_, cx| {
            tell_six(&far_scribe, cx);
            cx.stop(ExitReason::Normal);
        });
        self.teller.play(speak).unwrap();
        ended.await;
    }

    /// Waits until so many envelopes of the teller's node are held back.
    async fn held(&self, envelopes: usize) {
        let held = async || self.places.bridge().held(&self.places.a) == envelopes;
        eventually("all is sent", held).await;
    }

    /// Lets what is held back go, by lanes that are mixed, and gives what the scribe has noted.
    async fn let_go_mixed(&self, seed: u64) -> Vec<u32> {
        let (bridge, a) = (self.places.bridge(), &self.places.a);
        bridge.mix(a, seed);
        bridge.let_go(a);
        self.scribe.noted().await.unwrap()
    }

    /// The same, one envelope after the other, until this is answered.
    fn let_go_until<F: Future>(&self, seed: u64, mut answer: Pinned<&mut F>) -> F::Output {
        let (bridge, a) = (self.places.bridge(), &self.places.a);
        bridge.mix(a, seed);
        loop {
            if let Poll::Ready(answer) = poll(answer.as_mut()) {
                return answer;
            }
            assert!(bridge.held(a) > 0, "it is not answered");
            bridge.let_one_go(a);
        }
    }
}

#[tokio::test]
async fn numbers_keep_their_order_whatever_way_they_are_told() {
    for seed in 0..MIXES {
        let pair = pair().await;
        pair.scribe.bond(pair.far_teller.any().clone()).await.unwrap();
        let asked: Vec<_> = (0..2).map(|_| pair.far_teller.ask().send()).collect();
        pair.places.bridge().hold(&pair.places.a);
        let far_scribe = pair.far_scribe.clone();
        let speak = act(move |me, cx| {
            tell_six(&far_scribe, cx);
            me.asked.remove(0).send(6);
            far_scribe.hear(7).unwrap();
            // The other answer is dropped with what it keeps.
            me.last_words = Some((far_scribe, 8));
            panic!("done");
        });
        pair.teller.play(speak).unwrap();
        pair.held(12).await;

        // One after the other, with a look at all that has come after each.
        let (bridge, a) = (pair.places.bridge(), &pair.places.a);
        bridge.mix(a, seed);
        let (mut came, mut noted, mut asked) = (Vec::new(), 0, asked);
        while bridge.held(a) > 0 {
            bridge.let_one_go(a);
            let all = pair.scribe.noted().await.unwrap();
            came.extend_from_slice(&all[noted..]);
            noted = all.len();
            asked.retain_mut(|answer| match poll(Pinned::new(answer)) {
                Poll::Ready(answer) => {
                    came.push(answer.unwrap_or(9));
                    false
                }
                Poll::Pending => true,
            });
        }
        assert_eq!(came, [0, 1, 2, 3, 4, 5, 6, 7, 8, LINKED, DOWN, 9], "seed {seed}");
    }
}

fn poll<F: Future>(future: Pinned<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn what_an_actor_sends_as_it_is_killed_keeps_its_order() {
    for seed in 0..MIXES {
        let pair = pair().await;
        pair.scribe.bond(pair.far_teller.any().clone()).await.unwrap();
        pair.places.bridge().hold(&pair.places.a);
        let far_scribe = pair.far_scribe.clone();
        let speak = act(move |me, cx| {
            tell_six(&far_scribe, cx);
            me.last_words = Some((far_scribe, 6));
        });
        pair.teller.play(speak).unwrap();
        pair.held(6).await;
        pair.places.a.kill(&pair.teller);
        pair.held(9).await;
        let noted = pair.let_go_mixed(seed).await;
        assert_eq!(noted, [0, 1, 2, 3, 4, 5, 6, LINKED, DOWN], "seed {seed}");
    }
}

#[tokio::test]
async fn an_actor_on_a_thread_of_its_own_keeps_its_order() {
    for seed in 0..MIXES {
        let pair = pair().await;
        let loner = pair.places.a.spawn::<Loner>(()).await.unwrap();
        pair.scribe.bond(pair.places.b.bind(loner.as_ref())).await.unwrap();
        pair.places.bridge().hold(&pair.places.a);
        loner.tell(pair.far_scribe.clone()).unwrap();
        pair.held(8).await;
        let noted = pair.let_go_mixed(seed).await;
        assert_eq!(noted, [0, 1, 2, 3, 4, 5, LINKED, DOWN], "seed {seed}");
    }
}

#[tokio::test]
async fn that_an_actor_is_dead_comes_after_what_it_sent() {
    for seed in 0..MIXES {
        let pair = pair().await;
        pair.places.bridge().hold(&pair.places.a);
        pair.tell_six_and_end().await;
        // It is gone when the other one asks for bonds, and a call of it.
        pair.scribe.bond(pair.far_teller.any().clone()).await.unwrap();
        let mut call = pin!(pair.far_teller.ask().send());
        assert!(poll(call.as_mut()).is_pending());
        pair.held(9).await;
        assert_eq!(pair.let_go_until(seed, call), Err(CallError::NoProc));
        let noted = pair.scribe.noted().await.unwrap();
        assert_eq!(noted, [0, 1, 2, 3, 4, 5, DOWN, LINKED], "seed {seed}");
    }
}

/// Goal: that an actor has ended is told to who called it, behind what it sent, also where the reply is
/// dropped by another task afterwards.
#[tokio::test]
async fn an_end_that_another_task_tells_comes_after_what_the_actor_sent() {
    for seed in 0..MIXES {
        let pair = pair().await;
        let call = pin!(pair.far_teller.ask().send());
        let asked = async || {
            let (asks, asked) = tokio::sync::oneshot::channel();
            pair.teller.play(act(|me, _| drop(asks.send(me.asked.pop())))).unwrap();
            asked.await.unwrap()
        };
        let reply = asked().await.unwrap();
        pair.places.bridge().hold(&pair.places.a);
        pair.tell_six_and_end().await;
        drop(reply);
        pair.held(7).await;
        let answer = pair.let_go_until(seed, call);
        assert_eq!(answer, Err(CallError::Down(ExitReason::Normal)));
        assert_eq!(pair.scribe.noted().await, Ok((0..6).collect()), "seed {seed}");
    }
}

/// Goal: a link that is made anew right after an unlink of the other side stands on both sides, though a
/// reader sends the acknowledgement for the actor, and the actor the link itself.
#[tokio::test]
async fn what_a_reader_answers_for_an_actor_keeps_its_place() {
    for seed in 0..MIXES {
        let places = apart().await;
        let (x, y) = (puppet(&places.a).await, puppet(&places.b).await);
        let (to_y, to_x) = (places.a.bind(y.as_ref()), places.b.bind(x.as_ref()));
        let far = to_y.clone();
        on(&x, move |cx| cx.link(&far)).await;
        eventually("they are linked", async || links(&places.b, &y).len() == 1).await;
        places.bridge().hold(&places.a);
        // The acknowledgement of this is held back, and the link that follows with it.
        on(&y, move |cx| cx.unlink(&to_x)).await;
        eventually("it is unlinked", async || links(&places.a, &x).is_empty()).await;
        on(&x, move |cx| cx.link(&to_y)).await;
        places.bridge().mix(&places.a, seed);
        places.bridge().let_go(&places.a);
        on(&y, |_| ()).await;
        assert_eq!((links(&places.a, &x).len(), links(&places.b, &y).len()), (1, 1), "seed {seed}");
    }
}
