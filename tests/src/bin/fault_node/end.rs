//! Actors in pairs, one on each node: linked, monitored, and one of them speaking to the other.
//!
//! ```text
//!   maker                                  other
//!        ── link, monitor ────────────────▶
//!        ── is_there ─────────────────────▶     answered: both know of the link
//!        ◀──────────────── word 0, 1, 2 ...     short and long, to its pid and to its name in turns
//!        ◀──────────────────── exit, down       it ends, is killed, or the session is lost
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde_bytes::ByteBuf;
use starlings::prelude::*;
use starlings::{AnyPid, CallError, CastError};
use starlings_tests::faults::{TieEnd, TieId, Tied, Waited};

use crate::moves::Moves;
use crate::watcher::{WATCHER, Watcher, WatcherMethods as _};

/// One of a pair. Traps exits, and tells the watcher of its node what it sees.
#[derive(Debug)]
pub(crate) struct End {
    tie: TieId,
    log: TieEnd,
    /// Words that the other one says before it ends by itself.
    words: u64,
    watcher: Pid<Watcher>,
    moves: Arc<Moves>,
}

#[actor(name = "faults.end")]
impl End {
    fn init(tie: TieId, cx: &mut Cx<Self>) -> Result<Self, ExitReason> {
        cx.trap_exits(true);
        let watcher = cx.node().whereis(WATCHER).ok_or_else(|| ExitReason::error("no watcher"))?;
        let watcher = cx.node().pid(&watcher);
        let moves = Moves::of(cx.node());
        Ok(Self { tie, log: TieEnd::default(), words: 0, watcher, moves })
    }

    /// Becomes the maker of the tie.
    #[call]
    fn tie(&mut self, other: AnyPid, words: u64, cx: &mut Cx<Self>) {
        cx.link(&other);
        cx.monitor(&other);
        self.words = words;
        self.log.is_maker = true;
        self.tell();
    }

    /// Whether the other one is there. It asks itself: what it sent to that one before has come then.
    #[call]
    async fn settle(&mut self, other: AnyPid, cx: &mut Cx<Self>) -> Result<bool, CallError> {
        cx.node().pid::<Self>(&other).is_there().await
    }

    /// Answers: what the asker sent to it before has come.
    #[call]
    fn is_there(&self) -> bool {
        true
    }

    /// Whether it knows of the end of the other one, twice: by the link and by the monitor.
    #[call]
    fn knows(&self) -> bool {
        self.log.exits > 0 && self.log.downs > 0
    }

    /// Says words from this one up to the last, and then ends, if it is to.
    #[cast]
    fn speak(&mut self, to: AnyPid, from: u64, words: u64, ends: bool, cx: &mut Cx<Self>) {
        let (listener, place) = (cx.node().pid::<Self>(&to), cx.node().on(to.node()));
        for number in from..words {
            let bytes = ByteBuf::from(vec![0; if number % 63 == 40 { LONG_BYTES } else { 8 }]);
            let said = match number % 2 {
                0 => listener.word(number, bytes),
                _ => place.cast_named::<Self>(&name(self.tie), EndMessage::Word { number, bytes }),
            };
            match said {
                Ok(()) => {}
                Err(CastError::Overloaded) => {
                    // Later; this one can always be told something.
                    let _ = cx.pid().speak(to, number, words, ends);
                    return;
                }
                Err(_) => return,
            }
        }
        if ends {
            cx.stop(ExitReason::Normal);
        }
    }

    /// The next word of the other one.
    #[cast]
    fn word(&mut self, number: u64, _bytes: ByteBuf) {
        if number != self.log.words {
            self.breaks(format!("word {number} in place of {}", self.log.words));
        }
        if self.log.exits + self.log.downs > 0 {
            self.breaks(format!("word {number} after the end"));
        }
        self.log.words += 1;
        self.moves.note();
    }

    #[info]
    fn exit(&mut self, exit: Exit) {
        self.log.exits += 1;
        self.end("exit", &exit.reason);
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.log.downs += 1;
        self.end("down", &down.reason);
    }
}

impl End {
    fn end(&mut self, what: &str, reason: &ExitReason) {
        if *reason == ExitReason::Normal && self.log.words != self.words {
            let (came, words) = (self.log.words, self.words);
            self.breaks(format!("{what} of one that ended well after {came} of {words} words"));
        }
        self.tell();
    }

    fn breaks(&mut self, what: String) {
        self.log.broken.push(what);
        self.tell();
    }

    fn tell(&self) {
        self.moves.note();
        self.watcher.saw(self.tie, self.log.clone()).unwrap();
    }
}

/// How a tie comes to its end.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// With the session.
    Session,
    /// The other one ends when it has said all.
    Ends,
    /// The other one is killed.
    OtherIsKilled,
    /// The maker is killed.
    MakerIsKilled,
}

/// Words of each tie.
const WORDS: u64 = 300;

/// Bytes of a word that does not fit into a frame.
const LONG_BYTES: usize = 100 << 10;

/// The name that the maker of a tie has on its node.
fn name(tie: TieId) -> String {
    format!("maker.{}.{}.{}", tie.life, tie.epoch, tie.number)
}

/// How long the maker may take to say whether the other one is there. Its own call ends much sooner, and who
/// runs the test looks whether anything moves: only a process that was stopped for long takes a part of it.
const SETTLED_WITHIN: Duration = Duration::from_secs(3600);

/// How long an end may take to be told, or the session to be lost. Longer than any fault lasts.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// How long it may take when the session is lost: all that hung on it was told before that shows.
const TOLD_AFTERWARDS: Duration = Duration::from_secs(5);

/// Makes one tie with an actor that it spawns there, if there is a session, and ends it.
pub(crate) async fn make(node: &Node, there: &NodeId, tie: TieId) -> Option<Tied> {
    let fate = match tie.number % 4 {
        0 => Fate::Session,
        1 => Fate::Ends,
        2 => Fate::OtherIsKilled,
        _ => Fate::MakerIsKilled,
    };
    let _open = Moves::of(node).open(format!("{tie:?}, {fate:?}"));
    let other = node.on(there).spawn::<End>(tie).await.ok()?;
    let maker = node.spawn::<End>(tie).name(name(tie)).await.unwrap();
    let made = maker.tie(other.any().clone(), WORDS).await;
    assert!(made.is_ok(), "{made:?}");
    let is_settled = match maker.settle(other.any().clone()).timeout(SETTLED_WITHIN).await.unwrap()
    {
        Ok(there) => there,
        Err(CallError::NoProc) => panic!("it was spawned, and nobody has killed it"),
        Err(_) => false,
    };
    let _ = other.speak(maker.any().clone(), 0, WORDS, matches!(fate, Fate::Ends));
    match fate {
        Fate::Session | Fate::Ends => {}
        Fate::OtherIsKilled => node.kill(&other),
        Fate::MakerIsKilled => node.kill(&maker),
    }
    let maker_killed = matches!(fate, Fate::MakerIsKilled);
    let is_told = match fate {
        Fate::Session | Fate::MakerIsKilled => true,
        Fate::Ends | Fate::OtherIsKilled => is_told(node, there, &maker).await,
    };
    let other_ends = matches!(fate, Fate::Ends | Fate::OtherIsKilled);
    Some(Tied { tie, is_settled, is_told, maker_killed, other_ends })
}

/// Whether it learns of the end in time: the other one ends, or the session does.
async fn is_told(node: &Node, there: &NodeId, maker: &Pid<End>) -> bool {
    let (mut together, mut alone) = (Waited::start(), Waited::start());
    while !maker.knows().await.unwrap() {
        let is_over = match node.nodes().contains(there) {
            true => together.is_over(TOLD_WITHIN),
            false => alone.is_over(TOLD_AFTERWARDS),
        };
        if is_over {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}
