//! Typed pids by local name, here and elsewhere, and calls to one name on many nodes.

use std::time::Duration;

use tokio::time::Instant;

use crate::actor::Actor;
use crate::error::CallError;
use crate::identity::NodeId;
use crate::message::call::{CALL_TIMEOUT_MAX, Call};
use crate::node::Node;
use crate::pid::Pid;
use crate::remote::carrier::BoxFuture;
use crate::remote::on::On;
use crate::remote::together::together;

impl On {
    /// Who holds a local name there, as an `A`. That it is one shows when the pid is used: what does
    /// not fit is answered with `BadMessage`, or with `NoProc` if the place is this node.
    ///
    /// # Errors
    /// [`CallError::NoProc`] if nobody holds it, [`CallError::NoConnection`], or
    /// [`CallError::Timeout`] after 5 s.
    ///
    /// # Cancel safety
    /// Nothing is lost: it only asks.
    pub async fn named<A: Actor>(&self, name: &str) -> Result<Pid<A>, CallError> {
        let found = self.whereis(name).await?;
        found.map(|pid| self.node.pid(&pid)).ok_or(CallError::NoProc)
    }
}

impl Node {
    /// Who holds a name on this node, as an `A`. A pid of another type answers `NoProc`.
    #[must_use]
    pub fn named<A: Actor>(&self, name: &str) -> Option<Pid<A>> {
        self.whereis(name).map(|pid| self.pid(&pid))
    }

    /// Calls whoever holds a local name on each of several nodes, all at once, and gives one answer
    /// for each node, in the order given.
    ///
    /// `timeout` is for all of them together and for all that it takes: connecting, finding the name
    /// and the call itself, whose own timeout is replaced. A node that does not answer holds up none
    /// of the others. A node that is named twice is called twice.
    ///
    /// # Errors
    /// Any [`CallError`], in the place of its node: `NoProc` if nobody holds the name there.
    ///
    /// # Cancel safety
    /// When the future is dropped, calls that were sent may still be carried out.
    ///
    /// # Source
    /// OTP `gen_server:multi_call/4`, which leaves the order of the answers open.
    pub async fn multi_call<A: Actor, R: Send + 'static>(
        &self,
        nodes: &[NodeId],
        name: &str,
        timeout: Duration,
        call: impl Fn(&Pid<A>) -> Call<A, R> + Send + Sync,
    ) -> Vec<Result<R, CallError>> {
        let deadline = Instant::now() + timeout.min(CALL_TIMEOUT_MAX);
        let call = &call;
        let ask = |place: &NodeId| -> BoxFuture<'_, Result<R, CallError>> {
            let place = self.on(place);
            Box::pin(async move {
                let asked = async {
                    let pid = place.named::<A>(name).await?;
                    let left = deadline.saturating_duration_since(Instant::now());
                    call(&pid).timeout(left).await
                };
                tokio::time::timeout_at(deadline, asked).await.unwrap_or(Err(CallError::Timeout))
            })
        };
        together(nodes.iter().map(ask).collect()).await
    }
}
