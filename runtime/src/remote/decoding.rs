//! On whose behalf bytes are decoded: so that pids in messages are bound to the node that received
//! them, and so that a message can say by which session it came.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::identity::NodeInstance;
use crate::node::Node;
use crate::remote::peer::Peer;

thread_local! {
    /// On whose behalf this thread decodes, and whose bytes. serde has no context, and postcard
    /// decodes without awaiting, so a guard on the stack of the decoder is enough.
    static DECODING: RefCell<Option<(Node, Arc<Peer>)>> = const { RefCell::new(None) };
}

/// Where bytes come from, and where they are decoded.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) node: &'a Node,
    pub(crate) from: &'a Arc<Peer>,
}

/// Marks this thread as decoding, until it is dropped. Nests.
#[derive(Debug)]
pub(crate) struct Decoding {
    before: Option<(Node, Arc<Peer>)>,
    /// Stays on its thread.
    _thread: PhantomData<*const ()>,
}

/// Binds the pids that this thread decodes to the source's node.
pub(crate) fn decoding(source: Source<'_>) -> Decoding {
    let here = (source.node.clone(), Arc::clone(source.from));
    let before = DECODING.with(|slot| slot.replace(Some(here)));
    Decoding { before, _thread: PhantomData }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        DECODING.with(|slot| slot.replace(self.before.take()));
    }
}

/// Runs `decode` with pids bound to the source's node. Costs little where that is so already.
pub(crate) fn decode_from<T>(source: Source<'_>, decode: impl FnOnce() -> T) -> T {
    let is_set = DECODING.with(|slot| {
        let here = slot.borrow();
        let is_here = |(node, from): &(Node, Arc<Peer>)| {
            node.is(source.node) && Arc::ptr_eq(from, source.from)
        };
        here.as_ref().is_some_and(is_here)
    });
    let _decoding = (!is_set).then(|| decoding(source));
    decode()
}

/// As [`decode_from`], for values of the program's own types: what is wrong with them, also if their
/// decoding panics.
pub(crate) fn decode_value_from<T>(
    source: Source<'_>,
    decode: impl FnOnce() -> Result<T, postcard::Error>,
) -> Result<T, String> {
    decode_from(source, || decode_value(decode))
}

/// As [`decode_value_from`], where the source is set.
#[inline]
pub(crate) fn decode_value<T>(
    decode: impl FnOnce() -> Result<T, postcard::Error>,
) -> Result<T, String> {
    // Not by `spared`, whose outcome is much larger than a message: it is moved for each.
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("decoding it panicked".to_owned()),
    }
}

/// Who sent a message, as an argument of it that cannot be forged: it takes no bytes, and decodes to
/// the node at the other end of the session that the message came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Option<NodeInstance>);

impl Origin {
    /// This node: what the sender puts in, for when the receiver is local.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        Self(Some(node.instance().clone()))
    }

    /// The node that sent the message; `None` if it was decoded from bytes of no session.
    #[must_use]
    pub fn instance(&self) -> Option<&NodeInstance> {
        self.0.as_ref()
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_struct("Origin")
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Origin")]
        struct Nothing;

        Nothing::deserialize(deserializer)?;
        // Never an error: what a type's shape looks like must not depend on where it is looked at.
        let instance = |(_, from): &(Node, Arc<Peer>)| from.instance().clone();
        Ok(Self(DECODING.with(|slot| slot.borrow().as_ref().map(instance))))
    }
}

/// The node that this thread decodes for, if it does.
pub(crate) fn decoding_node() -> Option<Node> {
    DECODING.with(|slot| slot.borrow().as_ref().map(|(node, _)| node.clone()))
}
