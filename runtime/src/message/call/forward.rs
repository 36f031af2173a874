//! Handing a question on: the answer of one call becomes that of another.

use super::Call;
use crate::actor::Actor;
use crate::message::reply::Reply;

impl<R: Send + 'static> Reply<R> {
    /// Sends `call`, and lets its answer, or its error, be the answer of the call that this is the
    /// reply to.
    ///
    /// Nothing waits in the actor that forwards: it goes on with its next message, and may end. The
    /// first call is answered within the timeout of `call`, 5 s unless set, with `Timeout` at the
    /// latest; the first caller's own timeout counts beside it. To an actor of this node the reply
    /// itself can be sent in a message instead, which is cheaper.
    ///
    /// An error is handed on as it is: a `NoProc` of `call` is a `NoProc` of the first call, though the
    /// actor in between has handled that.
    ///
    /// # Source
    /// OTP `gen_server:reply/2` from another process; ractor `call_and_forward`.
    pub fn forward<A: Actor>(self, call: Call<A, R>) {
        let node = call.pid.any().home().owner();
        let pending = call.send();
        match node {
            Some(node) => drop(node.run(async move { self.answer(pending.await) })),
            // A pid that no node stands behind: what is pending has failed already.
            None => drop(pending.failed().map(|error| self.answer(Err(error)))),
        }
    }
}
