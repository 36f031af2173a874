//! Order between two actors on two nodes of one process, with several lanes and long messages.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_bytes::ByteBuf;
use starlings::prelude::*;
use starlings::{AnyPid, CallError, PendingCall, TaskDone, address};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

/// Rounds of each of the pairs that are at it at once, each with new actors. What the pairs have under way
/// together is less than a session takes.
const ROUNDS: u32 = 40;
const PAIRS: u32 = 3;

/// Signals that the teller sends in a round, before those of its end.
const SIGNALS: u32 = 42;

/// Bytes of a message that goes by the bulk lane, and how many of a round are so long at most.
const LONG_BYTES: usize = 100 << 10;
const LONG_MAX: u32 = 7;

/// The number of what the teller sends as its state is dropped, and what stands for exit and down.
const LAST_WORDS: u32 = SIGNALS;
const LINKED: u32 = SIGNALS + 1;
const DOWN: u32 = SIGNALS + 2;

/// In which way a number is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Pid,
    Name,
    Call,
    Exit,
    /// The answer of a call that the scribe looks at.
    AnswerLookedAt,
    /// The answer of a call that a task of the scribe waits for.
    AnswerAwaited,
}

const WAYS: [Way; 6] =
    [Way::Pid, Way::AnswerLookedAt, Way::Name, Way::Call, Way::AnswerAwaited, Way::Exit];

/// A permutation that the round decides: each way follows each other one.
fn way(round: u32, number: u32) -> Way {
    WAYS[(number * (1 + round % 5) + number / 6 + round) as usize % WAYS.len()]
}

fn is_answer(round: u32, number: u32) -> bool {
    let is_told = number < SIGNALS;
    is_told && matches!(way(round, number), Way::AnswerLookedAt | Way::AnswerAwaited)
}

fn bytes(round: u32, number: u32) -> ByteBuf {
    let is_long = (number + round).is_multiple_of(SIGNALS / LONG_MAX);
    ByteBuf::from(vec![7; if is_long { LONG_BYTES } else { 9 }])
}

/// Sends numbers to a scribe, in all ways there are, once that has asked what it is to answer.
#[derive(Debug)]
struct Teller {
    round: u32,
    scribe: Pid<Scribe>,
    name: String,
    replies: BTreeMap<u32, Reply<ByteBuf>>,
}

#[actor(name = "it.order.teller", spawnable = false)]
impl Teller {
    fn init(round: u32, scribe: Pid<Scribe>, name: String) -> Self {
        Self { round, scribe, name, replies: BTreeMap::new() }
    }

    #[call]
    fn answer(&mut self, number: u32, reply: Reply<ByteBuf>) {
        self.replies.insert(number, reply);
    }

    /// Tells all, and ends: stopped, killed or by a panic.
    #[cast]
    fn tell(&mut self, cx: &mut Cx<Self>) {
        let place = cx.node().on(self.scribe.any().node());
        for number in 0..SIGNALS {
            let bytes = bytes(self.round, number);
            match way(self.round, number) {
                Way::Pid => self.scribe.hear(number, bytes).unwrap(),
                Way::Name => {
                    let message = ScribeMessage::Hear { number, bytes };
                    place.cast_named::<Scribe>(&self.name, message).unwrap();
                }
                // The answer is of no interest.
                Way::Call => drop(self.scribe.take(number, bytes).send()),
                Way::Exit => {
                    cx.exit(&self.scribe, ExitReason::custom("Number", number.to_string()));
                }
                Way::AnswerLookedAt | Way::AnswerAwaited => {
                    self.replies.remove(&number).unwrap().send(bytes);
                }
            }
        }
        match self.round % 3 {
            0 => cx.stop(ExitReason::Shutdown),
            1 => cx.node().kill(&cx.pid()),
            _ => panic!("done"),
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.scribe.hear(LAST_WORDS, bytes(self.round, LAST_WORDS)).unwrap();
    }
}

/// Notes the numbers that come, and what is wrong with their order.
#[derive(Debug)]
struct Scribe {
    round: u32,
    /// What came into the mailbox.
    noted: Vec<u32>,
    looked_at: BTreeMap<u32, PendingCall<ByteBuf>>,
    awaited: u32,
    broken: Vec<String>,
}

#[actor(name = "it.order.scribe", spawnable = false)]
impl Scribe {
    fn init(round: u32, cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(true);
        let (noted, broken) = (Vec::new(), Vec::new());
        Self { round, noted, looked_at: BTreeMap::new(), awaited: 0, broken }
    }

    /// Bonds with the teller, and asks it all that it is to answer.
    #[call]
    fn begin(&mut self, teller: AnyPid, cx: &mut Cx<Self>) {
        let teller = cx.node().pid::<Teller>(&teller);
        cx.link(&teller);
        cx.monitor(&teller);
        for number in 0..SIGNALS {
            let answer = || teller.answer(number).timeout(PATIENCE).send();
            match way(self.round, number) {
                Way::AnswerLookedAt => drop(self.looked_at.insert(number, answer())),
                Way::AnswerAwaited => {
                    let answer = answer();
                    cx.task(async move { (number, answer.await.map(|bytes| bytes.len())) });
                    self.awaited += 1;
                }
                Way::Pid | Way::Name | Way::Call | Way::Exit => {}
            }
        }
    }

    #[cast]
    fn hear(&mut self, number: u32, bytes: ByteBuf) {
        self.note(number, Some(&bytes));
    }

    #[call]
    fn take(&mut self, number: u32, bytes: ByteBuf) {
        self.note(number, Some(&bytes));
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        if let ExitReason::Custom { message, .. } = exit.reason {
            self.note(message.parse().unwrap(), None);
        } else {
            self.note(LINKED, None);
        }
    }

    #[info]
    fn down(&mut self, _: Down) {
        self.note(DOWN, None);
    }

    #[info]
    fn answered(&mut self, done: TaskDone<(u32, Result<usize, CallError>)>) {
        let (number, answer) = done.result.unwrap();
        self.awaited -= 1;
        let due = (0..number).filter(|before| self.has_place(*before)).count();
        if self.noted.len() < due || answer != Ok(bytes(self.round, number).len()) {
            let noted = &self.noted;
            self.broken.push(format!("answer {number} is {answer:?} after {noted:?}"));
        }
    }

    /// What is wrong, once all has come.
    #[call]
    fn complaints(&self) -> Option<Vec<String>> {
        let is_over = self.noted.contains(&LINKED) && self.noted.contains(&DOWN);
        (is_over && self.awaited == 0).then(|| self.broken.clone())
    }
}

impl Scribe {
    /// Whether what has this number comes into the mailbox.
    fn has_place(&self, number: u32) -> bool {
        let is_answer = matches!(way(self.round, number), Way::AnswerLookedAt | Way::AnswerAwaited);
        number >= SIGNALS || !is_answer
    }

    fn note(&mut self, number: u32, came: Option<&ByteBuf>) {
        let next = self.noted.last().map_or(0, |last| last + 1);
        let due = (next..).find(|number| self.has_place(*number));
        if due != Some(number) {
            self.broken.push(format!("{number} in place of {due:?}"));
        }
        if came.is_some_and(|came| *came != bytes(self.round, number)) {
            self.broken.push(format!("{number} has other bytes"));
        }
        self.noted.push(number);
        for (before, answer) in self.looked_at.range_mut(..number) {
            let answer = Pin::new(answer).poll(&mut Context::from_waker(Waker::noop()));
            if !matches!(&answer, Poll::Ready(Ok(came)) if *came == bytes(self.round, *before)) {
                self.broken.push(format!("answer {before} is not there before {number}"));
            }
        }
        // An answer is looked at once only when it is there.
        self.looked_at = self.looked_at.split_off(&number);
    }
}

async fn round(a: &Node, b: &Node, pair: u32, round: u32) {
    let name = format!("scribe.{pair}.{round}");
    let scribe = b.spawn::<Scribe>(round).name(&name).await.unwrap();
    let far = a.pid::<Scribe>(scribe.any());
    let teller = a.spawn::<Teller>((round, far, name)).await.unwrap();
    scribe.begin(teller.any().clone()).await.unwrap();
    let asked = (0..SIGNALS).filter(|number| is_answer(round, *number)).count() as u64;
    let has_all = || {
        let info = a.actor_info(teller.any()).unwrap();
        info.handled == asked && info.watchers == 1 && info.links.len() == 1
    };
    until("the teller is asked", has_all).await;
    teller.tell().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let complaints = loop {
        if let Some(complaints) = scribe.complaints().await.unwrap() {
            break complaints;
        }
        assert!(Instant::now() < deadline, "round {round} of pair {pair} does not end");
        sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(complaints, <[String; 0]>::default(), "round {round} of pair {pair}");
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never is so that {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Goal: whatever one actor sends another comes in the order sent: casts to its pid and its name, calls,
/// answers, exits by hand, what is sent as the state is dropped, the exit of a link and the down.
/// Method: two nodes over loopback TCP with five user lanes; three pairs at once, 40 rounds each, every
/// sixth message longer than a frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_an_actor_sends_to_another_comes_in_order() {
    let start = async |name: &str| {
        let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
        builder.user_lanes(5).start().await.unwrap()
    };
    let (a, b) = (start("a@localhost").await, start("b@localhost").await);
    a.connect(b.name(), Some(&address(&b).unwrap())).await.unwrap();
    until("both are connected", || b.nodes().contains(a.name())).await;
    let mut pairs = JoinSet::new();
    for pair in 0..PAIRS {
        let (a, b) = (a.clone(), b.clone());
        pairs.spawn(async move {
            for number in 0..ROUNDS {
                round(&a, &b, pair, number).await;
            }
        });
    }
    pairs.join_all().await;
    a.shutdown().await;
    b.shutdown().await;
}
