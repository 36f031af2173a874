//! Strangers that connect and never end their handshake, by the ten thousand.
//!
//! `STARLINGS_STRANGERS` has so many of them come in place of the usual share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use starlings_tests::faults::Asked;
use starlings_tests::faults::oracle::{self, Sending};
use starlings_transport::proto::handshake::{Claim, Dialler, Party};
use starlings_transport::wire::{LANES_MIN, Pulse, Versions};
use starlings_transport::{Cookie, HANDSHAKES_MAX};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::pair::settled;
use super::process::{PATIENCE, Process};

/// How many come in the run that is part of the tests.
const STRANGERS: u64 = 20_000;

/// How many are there at once: more than twice as many as the listener has places for.
const AT_ONCE: u64 = 600;

/// How long each of them waits for the listener to close it.
const GIVES_UP: Duration = Duration::from_secs(6);

/// How many addresses they come from, that of the peers among them.
const SOURCES: u64 = 8;

/// Messages of each stream in each epoch.
const MESSAGES: u64 = 1_000;

/// Memory that the node may take beyond what it had. Bytes.
const GROWTH_MAX: u64 = 32 << 20;

/// Open files of the node beyond those of handshakes and sessions. Count.
const FILES_SLACK: u64 = 16;

/// Those who come, and how many have gone again.
struct Strangers {
    gone: Arc<AtomicU64>,
    count: u64,
    _runtime: Runtime,
}

impl Strangers {
    fn come(count: u64, to: SocketAddr, hello: Vec<u8>) -> Self {
        let runtime = Runtime::new().unwrap();
        let (next, gone) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        for _ in 0..AT_ONCE {
            let (next, gone, hello) = (Arc::clone(&next), Arc::clone(&gone), hello.clone());
            runtime.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    // However it ends: the listener may close it at any time. The system of the
                    // listener forgets some that it has no room for without telling them.
                    let comes = async {
                        while stranger(n, to, &hello).await.is_err_and(|error| is_ours(&error)) {}
                    };
                    let _ = timeout(GIVES_UP, comes).await;
                    gone.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { gone, count, _runtime: runtime }
    }

    fn are_all_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed) == self.count
    }
}

/// Whether it was never there: no port was free here.
fn is_ours(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}

/// One of them, until the listener closes it.
async fn stranger(n: u64, to: SocketAddr, hello: &[u8]) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    let source = [127, 0, 0, 1 + u8::try_from(n % SOURCES).unwrap()];
    socket.bind((source, 0).into())?;
    let mut stream = socket.connect(to).await?;
    stream.set_zero_linger()?;
    match n / SOURCES % 4 {
        // Says nothing.
        0 => {}
        // Says a half, and then nothing.
        1 => stream.write_all(&hello[..hello.len() / 2]).await?,
        // Says what anybody can, and does not answer.
        2 => stream.write_all(hello).await?,
        // Says a byte a second.
        _ => {
            for byte in hello {
                stream.write_all(&[*byte]).await?;
                if timeout(Duration::from_secs(1), ends(&mut stream)).await.is_ok() {
                    break;
                }
            }
        }
    }
    ends(&mut stream).await
}

async fn ends(stream: &mut TcpStream) -> io::Result<()> {
    let mut piece = [0; 1024];
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

/// The first message of a dialler, which takes no cookie.
fn hello(to: &str) -> Vec<u8> {
    let me = starlings::NodeInstance {
        node: "stranger@localhost".parse().unwrap(),
        incarnation: starlings::Incarnation(1),
    };
    let pulse = Pulse { heartbeat_ms: 1000, silent_ms: 5000 };
    let versions = Versions::ALL;
    let party =
        Party { me: me.clone(), hidden: false, versions, pulse, lanes: LANES_MIN, unpacks: true };
    let claim = Claim { peer: me, session: 1, lost: None, lane: 0, lanes: LANES_MIN };
    let cookie = Cookie::new(*b"a guess");
    let dialler = Dialler::new(party, cookie, to.parse().unwrap(), &claim, vec![], [7; 32]);
    let body = postcard::to_allocvec(dialler.hello()).unwrap();
    [&u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
}

/// Goal: strangers that connect and say nothing, a half, a whole hello, or a byte a second, cost the node
/// no more than the places that it has for them; a session that is there notices nothing, and a peer
/// that comes gets in, though it has the address of some of them.
#[test]
fn strangers_that_never_end_their_handshake_keep_nobody_out() {
    let count = std::env::var("STARLINGS_STRANGERS").map_or(STRANGERS, |n| n.parse().unwrap());
    let mut a = Process::start("a@localhost", 1000);
    let mut b = Process::start("b@localhost", 1000);
    let mut c = Process::start("c@localhost", 1000);
    let address = a.started.address.clone();
    b.meet(&mut a, &address);
    // Only one way: the loggers of the other one would be told of sessions with the third.
    let asked = a.drive(0, &b.started, MESSAGES);
    let mut driven = vec![a.driven(&asked)];
    let (files, memory) = (a.files(), a.memory());
    let (mut files_most, mut memory_most, mut met) = (files, memory, Vec::new());
    let begun = Instant::now();
    let strangers = Strangers::come(count, address.parse().unwrap(), hello("a@localhost"));
    let asked = a.drive(1, &b.started, MESSAGES);
    while !strangers.are_all_gone() {
        let begun = Instant::now();
        c.meet(&mut a, &address);
        met.push(begun.elapsed());
        files_most = files_most.max(a.files());
        memory_most = memory_most.max(a.memory());
        assert!(c.disconnect("a@localhost"));
        while a.nodes().len() > 1 {
            assert!(begun.elapsed() < PATIENCE, "a session that has ended is over at both ends");
        }
        assert_eq!(b.nodes(), ["a@localhost"]);
    }
    let lasted = begun.elapsed();
    driven.push(a.driven(&asked));
    let asked = a.drive(2, &b.started, MESSAGES);
    driven.push(a.driven(&asked));
    for driven in &driven {
        assert!(driven.streams.iter().all(|sent| sent.failed.is_none()), "{driven:?}");
        // On a machine that is busy, or that stops for a moment, a call may be late.
        let ends_well = |asked: &Asked| asked.errors.keys().all(|kind| kind == "Timeout");
        assert!(driven.asks.iter().all(ends_well), "{driven:?}");
    }
    let deadline = Instant::now() + PATIENCE;
    while a.files() > files {
        assert!(Instant::now() < deadline, "{} files are open, and {files} were", a.files());
    }
    met.sort();
    let (median, slowest) = (met[met.len() / 2], met[met.len() - 1]);
    let (more_files, growth) = (files_most - files, memory_most - memory);
    eprintln!(
        "{count} strangers in {lasted:.1?}; a peer got in {} times, after {median:.1?} median and \
         {slowest:.1?} at most; {more_files} files and {} KiB more than before at most",
        met.len(),
        growth >> 10
    );
    assert!(more_files <= HANDSHAKES_MAX as u64 + FILES_SLACK, "{more_files} files more");
    assert!(growth <= GROWTH_MAX, "{growth} bytes more");
    assert!(more_files >= HANDSHAKES_MAX as u64 / 2, "there was a crowd: {more_files} files more");
    assert!(b.disconnect("a@localhost"));
    settled(|| {
        let (received, sender) = (&b.log_at_end(), Some(&a.log()));
        oracle::complaints(Sending { driven: &driven, received, sender })
    });
    let downs = b.log_at_end().watcher.nodes_down;
    assert_eq!(downs, ["Disconnected"], "the session that was there notices nothing");
}
