//! STUB.
pub mod carrier;
pub mod identity;
mod ingress;
mod pid;
mod reason;
pub use carrier::{
    BoxFuture, Carrier, ConnectError, LaneKey, Outlet, OutletError, SessionInfo, Urgency,
};
pub use identity::{Incarnation, NodeId, NodeIdError, NodeInstance};
pub use ingress::{Ingress, ProtocolViolation, SessionIngress};
pub use pid::AnyPid;
pub use reason::{DownReason, ExitReason};
