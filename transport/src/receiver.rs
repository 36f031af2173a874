//! What the transport needs of the runtime. Two kinds of it: the runtime's own, and one that the
//! tests look into.

use std::sync::Arc;

use starlings_runtime::{
    DownReason, Ingress, NodeInstance, Outlet, ProtocolViolation, SessionInfo, SessionIngress,
};

use crate::frame::Envelopes;

/// The runtime of one node. See [`Ingress`].
pub(crate) trait Receiver: Send + Sync + 'static {
    type Session: SessionReceiver;

    fn local(&self) -> &NodeInstance;

    fn greeting(&self) -> Vec<u8>;

    fn session_up(
        &self,
        info: SessionInfo,
        outlet: Arc<dyn Outlet>,
    ) -> Result<Self::Session, ProtocolViolation>;
}

/// Takes the envelopes of one frame.
pub(crate) type Deliver<'a> =
    Box<dyn FnMut(&mut Envelopes<'_>) -> Result<(), ProtocolViolation> + 'a>;

/// What the runtime takes from one session. See [`SessionIngress`].
pub(crate) trait SessionReceiver: Send + Sync + 'static {
    /// Takes the envelopes of one read, frame by frame. Must not be kept over an await.
    fn batch(&self) -> Deliver<'_>;

    /// Takes one envelope.
    fn one(&self, envelope: &[u8]) -> Result<(), ProtocolViolation>;

    /// Whether it needs the session, or has used it since this was asked the last time.
    fn is_needed(&self) -> bool;

    /// Envelopes that were refused with [`OutletError::Idle`](starlings_runtime::OutletError::Idle) are
    /// taken again.
    fn resumed(&self);

    fn down(&self, reason: DownReason);
}

impl Receiver for Ingress {
    type Session = SessionIngress;

    fn local(&self) -> &NodeInstance {
        self.local()
    }

    fn greeting(&self) -> Vec<u8> {
        self.greeting()
    }

    fn session_up(
        &self,
        info: SessionInfo,
        outlet: Arc<dyn Outlet>,
    ) -> Result<SessionIngress, ProtocolViolation> {
        self.session_up(info, outlet)
    }
}

impl SessionReceiver for SessionIngress {
    fn batch(&self) -> Deliver<'_> {
        let mut batch = self.batch();
        Box::new(move |envelopes| batch.deliver_all(envelopes))
    }

    fn one(&self, envelope: &[u8]) -> Result<(), ProtocolViolation> {
        self.deliver(envelope)
    }

    fn is_needed(&self) -> bool {
        self.is_needed()
    }

    fn resumed(&self) {
        self.resumed();
    }

    fn down(&self, reason: DownReason) {
        self.down(reason);
    }
}
