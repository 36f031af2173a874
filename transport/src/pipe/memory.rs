//! A network within the process, whose faults tests decide. Addresses have the form `memory:NAME`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use starlings_runtime::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

use super::{Connection, DialError, Pipe, PipeListener};

const SCHEME: &str = "memory:";

/// What one connection holds in each direction before its writer waits. Bytes; like a socket buffer.
const BUFFER_BYTES: usize = 256 << 10;

/// Connections that wait to be accepted. A dial beyond that is refused.
const BACKLOG_MAX: usize = 128;

/// A network. Its clones are the same network; each node gets a [`MemoryPipe`] of its own.
#[derive(Debug, Clone, Default)]
pub struct MemoryNetwork(Arc<Mutex<Network>>);

#[derive(Debug, Default)]
struct Network {
    listeners: BTreeMap<String, mpsc::Sender<Connection>>,
    wires: Vec<Weak<Wire>>,
    /// Pairs that cannot dial each other, the lesser name first.
    parted: BTreeSet<(String, String)>,
    /// Names that swallow every dial without an answer.
    black_holes: BTreeSet<String>,
}

/// One node's way into a [`MemoryNetwork`].
#[derive(Debug, Clone)]
pub struct MemoryPipe {
    network: MemoryNetwork,
    name: String,
}

impl MemoryNetwork {
    /// The way in for the node at `memory:NAME`.
    #[must_use]
    pub fn pipe(&self, name: &str) -> Arc<MemoryPipe> {
        Arc::new(MemoryPipe { network: self.clone(), name: name.to_owned() })
    }

    /// Ends all connections between two names, and refuses new ones until [`MemoryNetwork::heal`].
    pub fn part(&self, one: &str, other: &str) {
        self.0.lock().parted.insert(pair(one, other));
        self.cut(one, other);
    }

    /// Lets two names dial each other again, and everybody's silent connections speak.
    pub fn heal(&self, one: &str, other: &str) {
        self.0.lock().parted.remove(&pair(one, other));
        self.set(one, other, Condition::Open);
    }

    /// Ends all connections between two names. They may dial again at once.
    pub fn cut(&self, one: &str, other: &str) {
        self.set(one, other, Condition::Cut);
    }

    /// Lets nothing through on the connections between two names, and does not end them.
    pub fn silence(&self, one: &str, other: &str) {
        self.set(one, other, Condition::Silent);
    }

    /// Swallows every dial to a name: it is neither refused nor answered.
    pub fn swallow(&self, name: &str) {
        self.0.lock().black_holes.insert(name.to_owned());
    }

    /// How many connections are open between two names.
    #[must_use]
    pub fn connection_count(&self, one: &str, other: &str) -> usize {
        let mut network = self.0.lock();
        network.wires.retain(|wire| wire.strong_count() > 0);
        let wires = network.wires.iter().filter_map(Weak::upgrade);
        wires.filter(|wire| wire.ends == pair(one, other)).count()
    }

    fn set(&self, one: &str, other: &str, condition: Condition) {
        let wires: Vec<_> = self.0.lock().wires.iter().filter_map(Weak::upgrade).collect();
        for wire in wires {
            if wire.ends == pair(one, other) {
                wire.set(condition);
            }
        }
    }
}

impl Pipe for MemoryPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        match address.strip_prefix(SCHEME) {
            Some(name) if !name.is_empty() => Ok(()),
            Some(_) | None => Err("it has the form memory:NAME".to_owned()),
        }
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let dialled = self.check(address).map_err(DialError::BadAddress);
        let name = address.strip_prefix(SCHEME).unwrap_or_default().to_owned();
        let from = self.clone();
        Box::pin(async move {
            dialled?;
            if from.network.0.lock().black_holes.contains(&name) {
                return std::future::pending().await;
            }
            Ok(from.open(&name)?)
        })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let checked = self.check(address);
        let name = address.strip_prefix(SCHEME).unwrap_or_default().to_owned();
        let network = self.network.clone();
        Box::pin(async move {
            checked.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
            let (sender, accepted) = mpsc::channel(BACKLOG_MAX);
            let listeners = &mut network.0.lock().listeners;
            if listeners.get(&name).is_some_and(|there| !there.is_closed()) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            listeners.insert(name.clone(), sender);
            let accepted = tokio::sync::Mutex::new(accepted);
            Ok(Box::new(Listener { name, accepted }) as Box<dyn PipeListener>)
        })
    }
}

impl MemoryPipe {
    fn open(&self, name: &str) -> io::Result<Connection> {
        let mut network = self.network.0.lock();
        let ends = pair(&self.name, name);
        let listener = network.listeners.get(name);
        let Some(listener) = listener.filter(|_| !network.parted.contains(&ends)) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let wire = Arc::new(Wire { ends, state: Mutex::default() });
        let (here, there) = tokio::io::duplex(BUFFER_BYTES);
        let there = connection(there, &wire, 2, &self.name);
        if listener.try_send(there).is_err() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        network.wires.retain(|wire| wire.strong_count() > 0);
        network.wires.push(Arc::downgrade(&wire));
        Ok(connection(here, &wire, 0, name))
    }
}

#[derive(Debug)]
struct Listener {
    name: String,
    accepted: tokio::sync::Mutex<mpsc::Receiver<Connection>>,
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async {
            let accepted = self.accepted.lock().await.recv().await;
            accepted.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
        })
    }

    fn local_address(&self) -> String {
        format!("{SCHEME}{}", self.name)
    }
}

/// What both ends of a connection share.
#[derive(Debug)]
struct Wire {
    ends: (String, String),
    state: Mutex<WireState>,
}

#[derive(Debug, Default)]
struct WireState {
    condition: Condition,
    /// One for each half of each end.
    wakers: [Option<Waker>; 4],
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Condition {
    #[default]
    Open,
    Silent,
    Cut,
}

impl Wire {
    fn set(&self, condition: Condition) {
        let mut state = self.state.lock();
        if state.condition == Condition::Cut {
            return;
        }
        state.condition = condition;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Ready if bytes may pass; an error if the wire is cut.
    fn poll_open(&self, half: usize, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if let Some(waker) = state.wakers.get_mut(half) {
            *waker = Some(context.waker().clone());
        }
        match state.condition {
            Condition::Open => Poll::Ready(Ok(())),
            Condition::Silent => Poll::Pending,
            Condition::Cut => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// One half of one end, as far as the network lets it.
struct Half<S> {
    stream: S,
    wire: Arc<Wire>,
    index: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Half<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.wire.poll_open(self.index, context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Half<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wire.poll_open(self.index, context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn connection(stream: DuplexStream, wire: &Arc<Wire>, index: usize, remote: &str) -> Connection {
    let (read, write) = tokio::io::split(stream);
    let wire = wire.clone();
    Connection::new(
        Half { stream: read, wire: wire.clone(), index },
        Half { stream: write, wire, index: index + 1 },
        format!("{SCHEME}{remote}"),
    )
}

fn pair(one: &str, other: &str) -> (String, String) {
    let (lesser, greater) = (one.min(other), one.max(other));
    (lesser.to_owned(), greater.to_owned())
}
