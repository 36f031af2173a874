//! Actors, pids, mailboxes, links, monitors and supervisors of one Starlings node, and the port
//! ([`Carrier`]) through which it reaches others.
//!
//! | to read about | open |
//! |---|---|
//! | who is who | `identity`, `pid`, `reason`, `error` |
//! | writing an actor | `actor`: its traits, context and events |
//! | sending to it | `message`: casts, calls, replies, the mailbox |
//! | its life | `life`: spawn, birth, its loop (`resident`), its task (`hosting`), its record (`cell`, `core`) |
//! | functions run on other nodes | `function`: `run` (the asker), `running` (the run), `registered` |
//! | its bonds | `proto::bonds` (decides), `bond` |
//! | supervision | `proto::supervision` (decides), `supervisor` |
//! | a panic of the program's code | `panics` |
//! | the node | `node`: its tables, names, types, members and counters |
//! | actors of ractor | [`interop`] |
//! | other nodes | `remote`: `carrier` (the port), `peer` (out), `ingress` (in), `wire`, `fingerprint` |

mod actor;
mod bond;
mod error;
mod function;
#[cfg(starlings_fuzz)]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
pub mod interop;
mod life;
mod message;
mod node;
mod panics;
mod pid;
mod proto;
mod reason;
mod remote;
mod supervisor;

pub use actor::context::Cx;
pub use actor::info::{Down, Event, Exit, Info, MonitorRef, NodeEvent};
pub use actor::tasks::{TaskDone, TaskRef};
pub use actor::timing::{INTERVAL_MIN, Timeout, TimerRef};
pub use actor::{Actor, InitOutcome, Method, Outcome, Remote, Result, Spawnable, Wire};
pub use bond::monitor::Monitor;
pub use error::{CallError, CastError, SpawnError};
pub use function::error::RunError;
pub use function::run::{MultiRun, Run};
pub use function::running::{FunctionArgs, Running};
pub use function::{RemoteFunction, function_key};
pub use identity::{Incarnation, NODE_NAME_BYTES_MAX, NodeId, NodeIdError, NodeInstance};
pub use life::spawn::{MonitoredSpawn, SPAWN_TIMEOUT_DEFAULT, Spawn, Spawning};
pub use message::call::{
    CALL_TIMEOUT_DEFAULT, CALL_TIMEOUT_MAX, Call, DecodeReply, PendingCall, decode_reply,
};
pub use message::mailbox::{CAPACITY_DEFAULT, Overflow, REMOTE_BYTES_MAX};
pub use message::reply::{Reply, ReplyTo};
pub use message::trace::{TRACE_TARGET, Trace};
pub use node::alarm::Alarm;
pub use node::counters::{Counters, Counts};
pub use node::groups::JoinGroup;
pub use node::inspect::ActorInfo;
pub use node::life::DelayedCast;
pub use node::names::{NAME_BYTES_MAX, RegisterError};
pub use node::parts::NodeParts;
pub use node::types::DuplicateType;
pub use node::{Node, PidTextError};
pub use pid::{AnyPid, Pid, PidParseError, PidText};
pub use postcard::Error as WireError;
pub use proto::supervision::{
    AutoShutdown, Backoff, ChildError, Intensity, Restart, Shutdown, SpecError, Strategy,
};
pub use reason::{DownReason, ExitReason, REASON_BYTES_MAX};
pub use remote::batch::Batch;
pub use remote::carrier::{
    BoxFuture, Carrier, ConnectError, LaneKey, Outlet, OutletError, SessionInfo, Urgency,
};
pub use remote::decoding::Origin;
pub use remote::fingerprint::{method_key, shape};
pub use remote::ingress::{Ingress, ProtocolViolation, SessionIngress};
pub use remote::lookup::encode_cast;
pub use remote::needs::Hold;
pub use remote::on::On;
pub use remote::route::KEPT_ENVELOPE_BYTES_MAX;
pub use remote::wire::{CallRef, MethodKey, append, append_bytes, decode};
#[doc(hidden)]
pub use remote::wire::{append_tail, skip_tails, tail_key, take_fixed, take_tail};
pub use starlings_macros::{actor, remote};
pub use supervisor::child::{ChildSpec, spec, spec_on};
pub use supervisor::placement::{Candidate, Choice, Placement};
pub use supervisor::{
    ChildCounts, ChildInfo, ChildState, StartChildError, Supervisor, SupervisorMethods,
    SupervisorSpec,
};

/// Logs an event that nothing takes. What the macro calls where no `#[info]` method does.
#[doc(hidden)]
pub fn unhandled_info(node: &Node, pid: &impl std::fmt::Display, info: &Info) {
    let (node, event) = (node.name(), info.type_name());
    tracing::debug!(%node, %pid, event, "no handler for this event");
}

/// Asks that a type can travel. What the macro calls.
#[doc(hidden)]
pub fn assert_wire<T: serde::Serialize + serde::de::DeserializeOwned>() {}
