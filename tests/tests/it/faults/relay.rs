//! What stands between two nodes and does them harm: a TCP relay in the process of the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What is done to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Each piece that is read waits for up to so long before it goes on.
    Delay(Duration),
    /// After so many bytes in all, whichever connection carries them is reset in the middle of a piece.
    Reset(u64),
    /// As `Reset`, but both ends see an orderly end of the stream.
    Truncate(u64),
    /// After so many bytes in all, nothing comes through any more that way, on any connection that is
    /// there; none of them is closed.
    Silence(Way, u64),
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    FromDialler,
    FromListener,
}

/// A relay to one address.
pub(crate) struct Relay {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    _runtime: Runtime,
}

struct State {
    fault: Fault,
    /// Bytes that went through since the fault was set.
    passed: u64,
    has_struck: bool,
    /// How many faults were set.
    faults: u64,
    random: u64,
}

/// What becomes of a piece.
enum Fate {
    Pass(Duration),
    /// So much of it passes, and then the connection is reset.
    Reset(usize),
    /// So much of it passes, and then the connection is closed.
    Close(usize),
    /// This connection carries nothing more that way.
    Silent,
}

impl Relay {
    /// A relay to `target`, whose delays are drawn from the seed.
    pub(crate) fn to(target: &str, seed: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let state =
            State { fault: Fault::None, passed: 0, has_struck: false, faults: 0, random: seed | 1 };
        let state = Arc::new(Mutex::new(state));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shared, target) = (Arc::clone(&state), target.to_owned());
        runtime.spawn(async move {
            while let Ok((dialler, _)) = listener.accept().await {
                // Who dials a node that is gone is closed on.
                let Ok(listener) = TcpStream::connect(&target).await else { continue };
                join(&shared, dialler, listener);
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// From now on this is done. What is silent already stays so.
    pub(crate) fn set(&self, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.passed, state.has_struck) = (fault, 0, false);
        state.faults += 1;
    }

    /// Whether a fault that strikes has done so.
    pub(crate) fn has_struck(&self) -> bool {
        self.state.lock().unwrap().has_struck
    }
}

impl State {
    fn fate(&mut self, way: Way, spared: Option<u64>, bytes: usize) -> Fate {
        let before = self.passed;
        self.passed += bytes as u64;
        let strikes = |after: u64| self.passed > after;
        match self.fault {
            Fault::Delay(most) => {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                Fate::Pass(most.mul_f64((self.random >> 40) as f64 / (1 << 24) as f64))
            }
            Fault::Reset(after) | Fault::Truncate(after) if !self.has_struck && strikes(after) => {
                let part = usize::try_from(after.saturating_sub(before)).unwrap().min(bytes);
                self.has_struck = true;
                if matches!(self.fault, Fault::Reset(_)) {
                    Fate::Reset(part)
                } else {
                    Fate::Close(part)
                }
            }
            Fault::Silence(which, after)
                if which == way && strikes(after) && spared != Some(self.faults) =>
            {
                self.has_struck = true;
                Fate::Silent
            }
            Fault::None | Fault::Reset(_) | Fault::Truncate(_) | Fault::Silence(..) => {
                Fate::Pass(Duration::ZERO)
            }
        }
    }
}

/// Carries bytes between two connections until either ends.
fn join(state: &Arc<Mutex<State>>, dialler: TcpStream, listener: TcpStream) {
    for stream in [&dialler, &listener] {
        stream.set_nodelay(true).unwrap();
    }
    let ((dialler_reads, dialler_writes), (listener_reads, listener_writes)) =
        (dialler.into_split(), listener.into_split());
    let spared = {
        let state = state.lock().unwrap();
        state.has_struck.then_some(state.faults)
    };
    let (end, ended) = watch::channel(None);
    let end = Arc::new(end);
    for (way, from, to) in [
        (Way::FromDialler, dialler_reads, listener_writes),
        (Way::FromListener, listener_reads, dialler_writes),
    ] {
        let (state, end, mut ended) = (Arc::clone(state), Arc::clone(&end), ended.clone());
        tokio::spawn(async move {
            let mut pump = Pump { state, way, spared, from, to };
            let how = tokio::select! {
                how = pump.run() => how,
                Ok(how) = ended.wait_for(Option::is_some) => how.unwrap_or(End::Closed),
            };
            end.send_replace(Some(how));
            if how == End::Reset {
                // Has effect when the second half of each connection is dropped, without a last word.
                let _ = pump.from.as_ref().set_zero_linger();
                let _ = pump.to.as_ref().set_zero_linger();
                pump.to.forget();
            }
        });
    }
}

/// How a pair of connections ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

struct Pump {
    state: Arc<Mutex<State>>,
    way: Way,
    /// The fault that had struck when the connection was made: it goes on with those that were there.
    spared: Option<u64>,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
}

impl Pump {
    async fn run(&mut self) -> End {
        let mut piece = vec![0; 16 << 10];
        loop {
            let Ok(bytes @ 1..) = self.from.read(&mut piece).await else { return End::Closed };
            let fate = self.state.lock().unwrap().fate(self.way, self.spared, bytes);
            let (passes, then) = match fate {
                Fate::Pass(delay) => {
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    (bytes, None)
                }
                Fate::Reset(part) => (part, Some(End::Reset)),
                Fate::Close(part) => (part, Some(End::Closed)),
                Fate::Silent => std::future::pending().await,
            };
            if self.to.write_all(&piece[..passes]).await.is_err() {
                return End::Closed;
            }
            if let Some(end) = then {
                return end;
            }
        }
    }
}
