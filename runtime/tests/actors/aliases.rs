//! Answers that come late, race the end of who gives them, or are lost: one for each call, or none.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use starlings_runtime::{CallError, ExitReason, Node, PendingCall, Pid, Reply, actor};

use crate::bridge::Bridge;
use crate::fixture::eventually;
use crate::puppet::{End, PuppetMethods as _, both, busy, end, puppet, script, there};

const SECOND: Duration = Duration::from_secs(1);

/// Questions that wait. It does not travel: elsewhere it is an empty one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Shelf {
    #[serde(skip)]
    replies: Arc<Mutex<Vec<Reply<Vec<u8>>>>>,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Vec<Reply<Vec<u8>>>> {
        self.replies.lock()
    }
}

/// Puts the questions that it gets on a shelf, where the test finds them.
#[derive(Debug)]
struct Keeper {
    shelf: Shelf,
    count: u64,
}

#[actor(name = "test.keeper", crate = starlings_runtime)]
impl Keeper {
    fn init(shelf: Shelf) -> Self {
        Self { shelf, count: 0 }
    }

    #[call]
    fn keep(&mut self, reply: Reply<Vec<u8>>) {
        self.shelf.lock().push(reply);
    }

    #[call]
    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Answers, and ends in the same message.
    #[call]
    fn last_words(&mut self, reply: Reply<u64>) {
        reply.send(42);
        panic!("boom");
    }

    #[cast]
    fn crash(&mut self) {
        panic!("boom");
    }
}

/// A keeper of `b`, as `a` sees it, and its shelf.
async fn keeper(a: &Node, b: &Node) -> (Pid<Keeper>, Shelf) {
    let shelf = Shelf::default();
    let keeper = b.spawn::<Keeper>(shelf.clone()).await.unwrap();
    (a.pid(keeper.any()), shelf)
}

async fn is_pending<R>(call: &mut PendingCall<R>) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *call).poll(cx).is_pending())).await
}

async fn shelved(shelf: &Shelf, count: usize) {
    eventually("the questions are there", async || shelf.lock().len() == count).await;
}

/// Nothing waits any more, and later calls are answered as if nothing had been.
async fn nothing_waits(a: &Node, keeper: &Pid<Keeper>) {
    assert_eq!((a.answers_awaited(), a.timers_count()), (0, 0));
    let before = keeper.count().await.unwrap();
    assert_eq!(keeper.count().await, Ok(before + 1));
    assert_eq!((a.answers_awaited(), a.timers_count()), (0, 0));
}

/// process_SUITE: monitor_alias; erpc_SUITE: call_reqtmo
#[tokio::test(start_paused = true)]
async fn a_late_answer_is_never_seen() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        assert_eq!(keeper.keep().timeout(SECOND).await, Err(CallError::Timeout));
        assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (0, 0));
        let mut next = keeper.keep().send();
        assert!(is_pending(&mut next).await);
        shelved(&shelf, 2).await;
        let late = shelf.lock().remove(0);
        late.send(vec![1]);
        assert!(is_pending(&mut next).await, "the late answer is not that of the next call");
        shelf.lock().remove(0).send(vec![2]);
        assert_eq!(next.await, Ok(vec![2]));
        nothing_waits(&places.a, &keeper).await;
    }
}

/// process_SUITE: dist_frag_alias: a large answer, in time
#[tokio::test]
async fn a_large_answer_comes_whole() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        let mut call = keeper.keep().send();
        assert!(is_pending(&mut call).await);
        shelved(&shelf, 1).await;
        let large: Vec<u8> = (0..1_u32 << 20).map(|n| n.to_le_bytes()[0]).collect();
        shelf.lock().remove(0).send(large.clone());
        assert_eq!(call.await, Ok(large));
    }
}

/// process_SUITE: dist_frag_unaliased: a large answer, on its way when the caller gives up
#[tokio::test(start_paused = true)]
async fn a_large_answer_that_is_late_is_never_seen() {
    let places = there();
    let (keeper, shelf) = keeper(&places.a, &places.b).await;
    let mut call = keeper.keep().timeout(SECOND).send();
    assert!(is_pending(&mut call).await);
    shelved(&shelf, 1).await;
    places.bridge().hold(&places.b);
    shelf.lock().remove(0).send(vec![7; 1 << 20]);
    assert_eq!(places.bridge().held(&places.b), 1);
    assert_eq!(call.await, Err(CallError::Timeout));
    let mut next = keeper.keep().send();
    assert!(is_pending(&mut next).await);
    places.bridge().let_go(&places.b);
    assert!(is_pending(&mut next).await);
    shelved(&shelf, 1).await;
    shelf.lock().remove(0).send(vec![8]);
    assert_eq!(next.await, Ok(vec![8]));
    nothing_waits(&places.a, &keeper).await;
}

/// process_SUITE: monitor_alias, with a session lost and made anew
#[tokio::test]
async fn an_answer_of_an_earlier_session_is_never_seen() {
    let places = there();
    let (keeper, shelf) = keeper(&places.a, &places.b).await;
    let call = keeper.keep().send();
    shelved(&shelf, 1).await;
    places.bridge().cut();
    assert_eq!(call.await, Err(CallError::NoConnection(places.b.name().clone())));
    let _again = Bridge::between(&places.a, &places.b);
    let mut next = keeper.keep().send();
    assert!(is_pending(&mut next).await);
    shelved(&shelf, 2).await;
    let late = shelf.lock().remove(0);
    late.send(vec![1]);
    assert!(is_pending(&mut next).await);
    shelf.lock().remove(0).send(vec![2]);
    assert_eq!(next.await, Ok(vec![2]));
    nothing_waits(&places.a, &keeper).await;
}

/// process_SUITE: demonitor_aliasmonitor: the caller looks away before its time is up
#[tokio::test]
async fn a_call_that_is_dropped_waits_for_nothing() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        let mut call = keeper.keep().send();
        assert!(is_pending(&mut call).await);
        let remote = usize::from(places.a.name() != places.b.name());
        assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (remote, 1));
        shelved(&shelf, 1).await;
        drop(call);
        assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (0, 0));
        shelf.lock().remove(0).send(vec![1]);
        nothing_waits(&places.a, &keeper).await;
    }
}

/// process_SUITE: alias_process_exit: the caller ends while it waits
#[tokio::test]
async fn a_caller_that_ends_waits_for_nothing() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        let (caller, asked) = (puppet(&places.a).await, keeper.clone());
        let ask = script(move |_| {
            Box::pin(async move {
                let _ = asked.keep().await;
                Ok(())
            })
        });
        caller.play(ask).unwrap();
        shelved(&shelf, 1).await;
        end(&places.a, &caller, End::Kill).await;
        assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (0, 0));
        shelf.lock().remove(0).send(vec![1]);
        nothing_waits(&places.a, &keeper).await;
    }
}

/// process_SUITE: down_aliasmonitor: the answer is given before the end
#[tokio::test]
async fn an_answer_before_the_end_is_the_answer() {
    for places in both() {
        let (keeper, _shelf) = keeper(&places.a, &places.b).await;
        assert_eq!(keeper.last_words().await, Ok(42));
        eventually("it ends", async || places.b.actors_count() == 0).await;
        assert_eq!(keeper.last_words().await, Err(CallError::NoProc));
        assert_eq!(places.a.answers_awaited(), 0);
    }
}

/// process_SUITE: down_aliasmonitor: the question is in other hands when the one asked ends
#[tokio::test]
async fn a_question_in_other_hands_is_answered_or_down() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        let [answered, dropped] = [keeper.keep().send(), keeper.keep().send()];
        shelved(&shelf, 2).await;
        keeper.crash().unwrap();
        eventually("it ends", async || places.b.actors_count() == 0).await;
        let mut shelf = std::mem::take(&mut *shelf.lock());
        drop(shelf.pop());
        shelf.remove(0).send(vec![1]);
        assert_eq!(answered.await, Ok(vec![1]));
        let down = CallError::Down(ExitReason::Panic("boom".to_owned()));
        assert_eq!(dropped.await, Err(down));
        assert_eq!(places.a.answers_awaited(), 0);
    }
}

/// process_SUITE: down_aliasmonitor: the answer and the end on two threads
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_races_the_end_is_one_of_the_two() {
    for places in both() {
        for _ in 0..200 {
            let (keeper, _shelf) = keeper(&places.a, &places.b).await;
            let (node, victim) = (places.b.clone(), keeper.any().clone());
            let call = keeper.count().timeout(Duration::from_secs(60)).send();
            let killing = tokio::spawn(async move { node.kill(&victim) });
            let answer = call.await;
            let allowed = [Ok(1), Err(CallError::Down(ExitReason::Killed)), Err(CallError::NoProc)];
            assert!(allowed.contains(&answer), "{answer:?}");
            killing.await.unwrap();
        }
        eventually("all are gone", async || places.b.actors_count() == 0).await;
        assert_eq!(places.a.answers_awaited(), 0);
    }
}

/// process_SUITE: down_aliasmonitor: many calls, in the queue of one that ends
#[tokio::test]
async fn calls_in_a_row_to_one_that_ends_are_all_answered() {
    for places in both() {
        let (keeper, shelf) = keeper(&places.a, &places.b).await;
        let before: Vec<_> = (0..500).map(|_| keeper.count().send()).collect();
        let kept: Vec<_> = (0..500).map(|_| keeper.keep().send()).collect();
        keeper.crash().unwrap();
        let after: Vec<_> = (0..500).map(|_| keeper.count().send()).collect();
        for (n, call) in before.into_iter().enumerate() {
            assert_eq!(call.await, Ok(n as u64 + 1));
        }
        let down = || CallError::Down(ExitReason::Panic("boom".to_owned()));
        for call in after {
            assert_eq!(call.await, Err(down()));
        }
        shelf.lock().clear();
        for call in kept {
            assert_eq!(call.await, Err(down()));
        }
        assert_eq!(keeper.count().await, Err(CallError::NoProc));
        assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (0, 0));
    }
}

/// erpc_SUITE: call_reqtmo: 500 ms are 500 to 700 ms, though nothing comes back
#[tokio::test(start_paused = true)]
async fn a_timeout_is_kept_when_the_way_is_blocked() {
    let places = there();
    let (keeper, _shelf) = keeper(&places.a, &places.b).await;
    places.bridge().hold(&places.a);
    let began = tokio::time::Instant::now();
    let answer = keeper.count().timeout(Duration::from_millis(500)).await;
    let took = began.elapsed().as_millis();
    assert_eq!(answer, Err(CallError::Timeout));
    assert!((500..=700).contains(&took), "{took}");
    assert_eq!((places.a.answers_awaited(), places.a.timers_count()), (0, 0));
    places.bridge().let_go(&places.a);
    assert_eq!(keeper.count().await, Ok(2), "the first one was carried out all the same");
}

/// Looks, when it is dropped unhandled, whether a call says that its callee has ended.
struct Probe {
    node: Node,
    call: PendingCall<u64>,
    told: Arc<Mutex<Option<(bool, bool)>>>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let is_ended = Pin::new(&mut self.call).poll(&mut cx).is_ready();
        *self.told.lock() = Some((is_ended, self.node.whereis("callee").is_some()));
    }
}

/// The answer `Down` comes when nothing of the callee is left, not in the middle of its end.
///
/// process_SUITE: bad_register; gen_server: a name is free when its `DOWN` is seen
#[tokio::test]
async fn a_call_is_down_only_when_the_name_of_its_callee_is_free() {
    let (places, told) = (crate::puppet::here(), Arc::default());
    let callee = puppet(&places.a).await;
    places.a.register("callee", &callee).unwrap();
    let go = busy(&callee, |_| {}).await;
    let probe =
        Probe { node: places.a.clone(), call: callee.park().send(), told: Arc::clone(&told) };
    callee
        .play(script(move |_| {
            drop(probe);
            Box::pin(std::future::ready(Ok(())))
        }))
        .unwrap();
    end(&places.a, &callee, End::Kill).await;
    drop(go);
    assert_eq!(*told.lock(), Some((false, true)), "it was asked while the name was held");
    assert_eq!(places.a.whereis("callee"), None);
}
