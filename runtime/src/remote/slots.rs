//! What waits for an answer from another node: calls, spawns, runs, lookups.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{CallError, SpawnError};
use crate::function::error::RunError;
use crate::node::Node;
use crate::panics::discard;
use crate::reason::ExitReason;
use crate::remote::decoding::Source;
use crate::remote::peer::Peer;
use crate::remote::wire::CallRef;

/// By the reference that the answer carries. As many as there are askers.
pub(super) type Slots = Mutex<BTreeMap<CallRef, Box<dyn ReplySlot>>>;

/// Takes the answer of a remote call or spawn.
pub(crate) trait ReplySlot: Send {
    /// The encoded reply, or why there is none. Decoding happens here, on the reader's thread.
    fn fill(self: Box<Self>, source: Source<'_>, answer: Result<&[u8], CallError>);

    /// The outcome of a spawn. What did not ask for one takes it as an answer that does not decode.
    fn spawned(self: Box<Self>, source: Source<'_>, outcome: Result<u64, SpawnError>) {
        let _ = outcome;
        self.fill(source, Err(CallError::BadMessage("a spawn was answered".to_owned())));
    }

    /// A run has no output. As above.
    fn run_failed(self: Box<Self>, source: Source<'_>, error: RunError) {
        let _ = error;
        self.fill(source, Err(CallError::BadMessage("a run was answered".to_owned())));
    }
}

/// Hands an answer to who asked. That one may have given up meanwhile: a late answer is never seen, and
/// what the program does when it is dropped must not end the session.
pub(crate) fn hand_over<T>(asker: oneshot::Sender<T>, answer: T) {
    if let Err(late) = asker.send(answer) {
        discard(late);
    }
}

impl Peer {
    pub(crate) fn wait_for(&self, call: CallRef, slot: Box<dyn ReplySlot>) {
        self.slots.lock().insert(call, slot);
    }

    /// Stops waiting when the asker does: the slot goes with the returned guard.
    pub(crate) fn forget_later(self: &Arc<Self>, call: CallRef) -> Forget {
        Forget { peer: Arc::clone(self), call }
    }

    pub(crate) fn take_slot(&self, call: CallRef) -> Option<Box<dyn ReplySlot>> {
        self.slots.lock().remove(&call)
    }

    /// How many answers from there are waited for.
    pub(crate) fn awaited(&self) -> usize {
        self.slots.lock().len()
    }

    /// No answer will come any more.
    pub(super) fn fail_slots(self: &Arc<Self>, node: &Node, reason: &ExitReason) {
        let slots = std::mem::take(&mut *self.slots.lock());
        for slot in slots.into_values() {
            let error = if *reason == ExitReason::NoProc {
                CallError::NoProc
            } else {
                CallError::NoConnection(self.instance().node.clone())
            };
            slot.fill(Source { node, from: self }, Err(error));
        }
    }
}

/// Takes a slot away when it is dropped.
pub(crate) struct Forget {
    peer: Arc<Peer>,
    call: CallRef,
}

impl Drop for Forget {
    fn drop(&mut self) {
        drop(self.peer.take_slot(self.call));
    }
}
