//! STUB: what a transport hands to the runtime.
use crate::carrier::{Outlet, SessionInfo};
use crate::identity::NodeInstance;
use crate::reason::DownReason;
use std::sync::Arc;
/// What comes in.
#[derive(Debug, Clone)]
pub struct Ingress {
    local: NodeInstance,
}
/// An envelope or a greeting that does not decode: the session must be closed with `ProtocolError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProtocolViolation(pub String);
impl Ingress {
    /// Who this node is.
    #[must_use]
    pub fn local(&self) -> &NodeInstance {
        &self.local
    }
    /// Opaque bytes for the other side, exchanged when a session opens.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        vec![]
    }
    /// A session is made: NodeUp is seen by subscribers before this returns.
    /// # Errors
    /// The greeting does not decode.
    pub fn session_up(
        &self,
        _info: SessionInfo,
        _outlet: Arc<dyn Outlet>,
    ) -> Result<SessionIngress, ProtocolViolation> {
        Ok(SessionIngress {})
    }
}
/// The receiving side of one session.
#[derive(Debug)]
pub struct SessionIngress {}
impl SessionIngress {
    /// One envelope. Called by the reader of each lane, concurrently for different lanes.
    /// # Errors
    /// It does not decode.
    pub fn deliver(&self, _envelope: &[u8]) -> Result<(), ProtocolViolation> {
        Ok(())
    }
    /// The session ended; call after the last `deliver`. Idempotent.
    pub fn down(&self, _reason: DownReason) {}
}
