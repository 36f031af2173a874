//! **Starlings**: a lightweight actor system. Actors with pids that work from every node, spawned
//! here or elsewhere, supervised like OTP services, found by name and by group, sharing a CRDT cache.
//!
//! ```
//! use starlings::prelude::*;
//!
//! struct Counter(i64);
//!
//! #[actor(name = "shop.counter")]
//! impl Counter {
//!     fn init(start: i64) -> Self {
//!         Self(start)
//!     }
//!
//!     #[cast]
//!     fn add(&mut self, k: i64) {
//!         self.0 += k;
//!     }
//!
//!     #[call]
//!     fn get(&self) -> i64 {
//!         self.0
//!     }
//! }
//!
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::builder("a@localhost").spawnable::<Counter>().start().await?;
//! let counter = node.spawn::<Counter>(40).await?;
//! counter.add(2)?;
//! assert_eq!(counter.get().await?, 42);
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
//! ```
//!
//! This crate is the facade: it wires runtime, transport, registry and cache into a [`Node`].
//! [`prelude`] is what programs import.

pub mod pipe;

mod builder;
mod inspector;
mod mesh;
mod proto;
mod system;

pub use builder::{NodeBuilder, StartNode, StartNodeError};
pub use inspector::{Inspector, InspectorMethods, NodeStats, TreeNode, inspector};
pub use starlings_cache::{
    Cache, CacheChanged, CacheError, OpenCaches, PutError, Snapshot, WatchId,
};
pub use starlings_registry::{
    Change, GroupError, GroupEvent, Groups, GroupsError, Key, KeyError, Metadata, MonitorId,
    NameConflict, NameError, Names, NamesError, OnConflict, Registry, TooManyMonitors,
};
pub use starlings_runtime::interop;
pub use starlings_runtime::{
    ActorInfo, AnyPid, AutoShutdown, Backoff, CAPACITY_DEFAULT, Call, CallError, Candidate,
    CastError, ChildCounts, ChildError, ChildInfo, ChildSpec, ChildState, ConnectError, Counts, Cx,
    DelayedCast, Down, DownReason, Exit, ExitReason, Hold, INTERVAL_MIN, Incarnation, Info,
    Monitor, MonitorRef, MultiRun, Node, NodeEvent, NodeId, NodeIdError, NodeInstance, On,
    Overflow, PendingCall, Pid, PidText, PidTextError, Placement, REMOTE_BYTES_MAX, RegisterError,
    Remote, RemoteFunction, Reply, Restart, Result, Run, RunError, Running, Shutdown, Spawn,
    SpawnError, Spawnable, Spawning, SpecError, StartChildError, Supervisor, SupervisorMethods,
    SupervisorSpec, TRACE_TARGET, TaskDone, TaskRef, Timeout, TimerRef, Trace, actor, remote, spec,
    spec_on,
};
pub use starlings_transport::{AutoConnect, Compress, Cookie, MembershipConfig};
pub use system::{HeartbeatError, address, set_heartbeat};

#[doc(hidden)]
pub use starlings_runtime as runtime;

/// What programs import: `use starlings::prelude::*;`
pub mod prelude {
    pub use crate::{
        AnyPid, Cx, Down, Exit, ExitReason, Node, NodeEvent, NodeId, OpenCaches, Pid, Placement,
        Registry, Reply, Result, StartNode, Supervisor, SupervisorMethods, actor, remote, spec,
        spec_on,
    };
}
