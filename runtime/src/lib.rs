//! Actors, pids, mailboxes, links, monitors and supervisors of one Starlings node, and the port
//! ([`Carrier`]) through which it reaches others.
//!
//! | to read about | open |
//! |---|---|
//! | who is who | `identity`, `pid`, `decoding` (pids in messages), `names` |
//! | writing an actor | `actor`, `context`, `info`, `reason`, `error` |
//! | sending to it | `sending`, `call`, `reply`, `mailbox` |
//! | its life | `spawn`, `birth`, `resident` (its loop), `hosting` (its task), `cell` and `life` (its record) |
//! | its bonds | `proto::bonds` (decides), `signal`, `monitor` |
//! | supervision | `proto::supervision` (decides), `supervisor`, `child` |
//! | the node | `node`, `membership`, `types`, `inspect`, `counters`, `alarm` |
//! | other nodes | `carrier` (the port), `peer` (out), `ingress` (in), `wire`, `fingerprint`, `on`, `lookup` |

mod actor;
mod alarm;
mod birth;
mod call;
mod carrier;
mod cell;
mod child;
mod context;
mod counters;
mod decoding;
mod error;
mod fingerprint;
mod hosting;
mod identity;
mod info;
mod ingress;
mod inspect;
mod life;
mod lookup;
mod mailbox;
mod membership;
mod monitor;
mod names;
mod node;
mod on;
mod peer;
mod pid;
mod proto;
mod reason;
mod reply;
mod resident;
mod sending;
mod signal;
mod spawn;
mod supervisor;
mod types;
mod wire;

pub use actor::{Actor, InitOutcome, Method, Outcome, Remote, Result, Spawnable, Wire};
pub use alarm::Alarm;
pub use call::{
    CALL_TIMEOUT_DEFAULT, CALL_TIMEOUT_MAX, Call, DecodeReply, PendingCall, decode_reply,
};
pub use carrier::{
    BoxFuture, Carrier, ConnectError, LaneKey, Outlet, OutletError, SessionInfo, Urgency,
};
pub use child::{ChildSpec, Placement, spec, spec_on};
pub use context::Cx;
pub use counters::{Counters, Counts};
pub use decoding::Origin;
pub use error::{CallError, CastError, SpawnError};
pub use fingerprint::{method_key, shape};
pub use identity::{Incarnation, NODE_NAME_BYTES_MAX, NodeId, NodeIdError, NodeInstance};
pub use info::{Down, Event, Exit, Info, MonitorRef, NodeEvent};
pub use ingress::{Batch, Ingress, ProtocolViolation, SessionIngress};
pub use inspect::ActorInfo;
pub use lookup::encode_cast;
pub use mailbox::CAPACITY_DEFAULT;
pub use monitor::Monitor;
pub use names::{NAME_BYTES_MAX, RegisterError};
pub use node::{Node, NodeParts, PidTextError};
pub use on::On;
pub use pid::{AnyPid, Pid, PidParseError, PidText};
pub use postcard::Error as WireError;
pub use proto::supervision::{ChildError, Intensity, Restart, Shutdown, Strategy};
pub use reason::{DownReason, ExitReason, REASON_BYTES_MAX};
pub use reply::{Reply, ReplyTo};
pub use spawn::{MonitoredSpawn, SPAWN_TIMEOUT_DEFAULT, Spawn};
pub use starlings_macros::actor;
pub use supervisor::{ChildInfo, StartChildError, Supervisor, SupervisorMethods, SupervisorSpec};
pub use types::DuplicateType;
pub use wire::{CallRef, MethodKey, append, decode};

/// Logs an event that no `#[info]` method takes. What the macro calls.
#[doc(hidden)]
pub fn unhandled_info(pid: &impl std::fmt::Display, info: &Info) {
    tracing::debug!(%pid, event = info.type_name(), "no handler for this event");
}

/// Asks that a type can travel. What the macro calls.
#[doc(hidden)]
pub fn assert_wire<T: serde::Serialize + serde::de::DeserializeOwned>() {}
