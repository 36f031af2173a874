//! Pids: the address of one actor instance, typed ([`Pid`]) or not ([`AnyPid`]).
//!
//! A pid is (node, incarnation, serial) and is never reused. Made by a node, or decoded from what a
//! node received, it is *bound*: it knows the node value it is used from, so that sending through it
//! works. Parsed from text or decoded elsewhere it is *unbound* until [`Node::bind`](crate::Node::bind).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::actor::Actor;
use crate::identity::{Incarnation, NodeId, NodeInstance};
use crate::life::cell::ActorCell;
use crate::remote::decoding::decoding_node;
use crate::remote::peer::Peer;

/// An untyped pid.
#[derive(Clone)]
pub struct AnyPid {
    home: Arc<Peer>,
    serial: u64,
}

impl AnyPid {
    pub(crate) fn new(home: Arc<Peer>, serial: u64) -> Self {
        Self { home, serial }
    }

    /// A pid that no node value stands behind: it compares, prints and travels, but sending to it
    /// fails with `NoConnection` until it is bound.
    #[must_use]
    pub fn unbound(instance: NodeInstance, serial: u64) -> Self {
        Self { home: Arc::new(Peer::unbound(instance)), serial }
    }

    /// The name of its node.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.instance().node
    }

    /// Which life of that node it belongs to.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.instance().incarnation
    }

    /// Node and incarnation together.
    #[must_use]
    pub fn instance(&self) -> &NodeInstance {
        self.home.instance()
    }

    /// Its number on its node.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether it is bound to the node value that it lives on.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.home.is_own()
    }

    pub(crate) fn home(&self) -> &Arc<Peer> {
        &self.home
    }
}

impl PartialEq for AnyPid {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
            && (Arc::ptr_eq(&self.home, &other.home) || self.instance() == other.instance())
    }
}

impl Eq for AnyPid {}

impl Hash for AnyPid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial.hash(state);
        self.incarnation().hash(state);
    }
}

impl Ord for AnyPid {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_serial = || self.serial.cmp(&other.serial);
        if Arc::ptr_eq(&self.home, &other.home) {
            return by_serial();
        }
        self.instance().cmp(other.instance()).then_with(by_serial)
    }
}

impl PartialOrd for AnyPid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Prints as `<node.serial>`; the node it is bound to prints as `0`.
impl fmt::Display for AnyPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local() {
            write!(f, "<0.{}>", self.serial)
        } else {
            write!(f, "<{}.{}>", self.node(), self.serial)
        }
    }
}

impl fmt::Debug for AnyPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}#{}.{}>", self.node(), self.incarnation(), self.serial)
    }
}

/// A text that is not a pid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a pid: it has the form <node@host.serial> or <0.serial>")]
pub struct PidParseError {
    text: String,
}

/// What the text of a pid says: the node is absent for `<0.serial>`, and the incarnation unless the
/// text has the long form `<node#incarnation.serial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidText {
    /// The node named, or `None` for the reader's own.
    pub node: Option<NodeId>,
    /// The incarnation, where the text has it.
    pub incarnation: Option<Incarnation>,
    /// The serial.
    pub serial: u64,
}

impl FromStr for PidText {
    type Err = PidParseError;

    fn from_str(text: &str) -> Result<Self, PidParseError> {
        let parse = || {
            let inner = text.trim().strip_prefix('<')?.strip_suffix('>')?;
            let (place, serial) = inner.rsplit_once('.')?;
            let serial = serial.parse().ok()?;
            if place == "0" {
                return Some(Self { node: None, incarnation: None, serial });
            }
            let (node, incarnation) = match place.split_once('#') {
                Some((node, incarnation)) => (node, Some(Incarnation(incarnation.parse().ok()?))),
                None => (place, None),
            };
            Some(Self { node: Some(node.parse().ok()?), incarnation, serial })
        };
        parse().ok_or_else(|| PidParseError { text: text.chars().take(64).collect() })
    }
}

/// Parses the long form `<node@host#incarnation.serial>`, as `{:?}` prints it. The short forms leave
/// the incarnation out, so only a node can read them: [`Node::parse_pid`](crate::Node::parse_pid).
impl FromStr for AnyPid {
    type Err = PidParseError;

    fn from_str(text: &str) -> Result<Self, PidParseError> {
        let parsed: PidText = text.parse()?;
        match (parsed.node, parsed.incarnation) {
            (Some(node), Some(incarnation)) => {
                Ok(Self::unbound(NodeInstance { node, incarnation }, parsed.serial))
            }
            _ => Err(PidParseError { text: text.chars().take(64).collect() }),
        }
    }
}

impl Serialize for AnyPid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.instance(), self.serial).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnyPid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (instance, serial) = <(NodeInstance, u64)>::deserialize(deserializer)?;
        Ok(match decoding_node() {
            Some(node) => Self::new(node.peer(&instance), serial),
            None => Self::unbound(instance, serial),
        })
    }
}

/// A pid typed by its actor: what one sends to, and the same whether the actor is here or on another
/// node.
///
/// Cheap to clone (one reference count). Holding one does not keep the actor alive.
pub struct Pid<A: Actor> {
    place: Place<A>,
}

pub(crate) enum Place<A: Actor> {
    Here(Arc<ActorCell<A>>),
    There(AnyPid),
}

impl<A: Actor> Pid<A> {
    pub(crate) fn here(cell: Arc<ActorCell<A>>) -> Self {
        Self { place: Place::Here(cell) }
    }

    /// Types an untyped pid, after looking whether a local one really is an `A`.
    ///
    /// A remote pid is taken at its word: what does not fit is answered with `BadMessage` when it is
    /// used. A local pid of another type becomes one that answers `NoProc`.
    pub(crate) fn typed(any: AnyPid) -> Self {
        let cell = any.home().local_cell(any.serial()).and_then(ActorCell::downcast);
        Self { place: cell.map_or(Place::There(any), Place::Here) }
    }

    pub(crate) fn place(&self) -> &Place<A> {
        &self.place
    }

    pub(crate) fn into_place(self) -> Place<A> {
        self.place
    }

    /// The same pid without its type.
    #[must_use]
    pub fn any(&self) -> &AnyPid {
        match &self.place {
            Place::Here(cell) => cell.core().pid(),
            Place::There(any) => any,
        }
    }
}

impl<A: Actor> AsRef<AnyPid> for Pid<A> {
    fn as_ref(&self) -> &AnyPid {
        self.any()
    }
}

impl AsRef<Self> for AnyPid {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<A: Actor> From<Pid<A>> for AnyPid {
    fn from(pid: Pid<A>) -> Self {
        pid.any().clone()
    }
}

impl<A: Actor> Clone for Pid<A> {
    fn clone(&self) -> Self {
        let place = match &self.place {
            Place::Here(cell) => Place::Here(Arc::clone(cell)),
            Place::There(any) => Place::There(any.clone()),
        };
        Self { place }
    }
}

impl<A: Actor> PartialEq for Pid<A> {
    fn eq(&self, other: &Self) -> bool {
        self.any() == other.any()
    }
}

impl<A: Actor> Eq for Pid<A> {}

impl<A: Actor> Hash for Pid<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.any().hash(state);
    }
}

impl<A: Actor> Ord for Pid<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.any().cmp(other.any())
    }
}

impl<A: Actor> PartialOrd for Pid<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A: Actor> fmt::Display for Pid<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any().fmt(f)
    }
}

impl<A: Actor> fmt::Debug for Pid<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.any())
    }
}

impl<A: Actor> FromStr for Pid<A> {
    type Err = PidParseError;

    fn from_str(text: &str) -> Result<Self, PidParseError> {
        text.parse().map(Self::typed)
    }
}

impl<A: Actor> Serialize for Pid<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.any().serialize(serializer)
    }
}

impl<'de, A: Actor> Deserialize<'de> for Pid<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyPid::deserialize(deserializer).map(Self::typed)
    }
}
