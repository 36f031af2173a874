//! Functions that other nodes can run by name: what `#[remote]` makes of a function.
//!
//! ```text
//!   asker                                     node that runs it
//!   ─────                                     ─────────────────
//!   Run (function/run.rs)     Header::Run ──▶ Registered (function/registered.rs)
//!                                             Running, an actor (function/running.rs)
//!                      ◀── Reply | RunFailed  RunBack (function/running.rs)
//! ```
//!
//! A run is an actor of the node it runs on: it shows among the actors, can be killed, and goes when
//! the node shuts down. [`On::run`](crate::On::run) waits for its answer,
//! [`On::spawn_fn`](crate::On::spawn_fn) gives its pid. What it does not do: move code. A function is
//! known to a node because its program contains it and registered it.
//! Source: OTP `erpc`, `spawn/4`; `docs/decisions.md`, D25.

pub(crate) mod error;
pub(crate) mod registered;
pub(crate) mod run;
pub(crate) mod running;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::Node;
use crate::remote::fingerprint;
use crate::remote::wire::MethodKey;

/// A function that other nodes can run by its name. `#[remote]` writes it for the type that it makes of
/// a function.
///
/// Arguments and output travel, so both are of types that serde can write and read back.
///
/// # Source
/// OTP `erpc:call/5`, with a name and a schema in place of module, function and arity.
pub trait RemoteFunction: Send + Sync + 'static {
    /// Its stable name in the cluster, of the same namespace as the names of spawnable types.
    const NAME: &'static str;

    /// What it takes: one argument's type, or a tuple of them.
    type Args: Serialize + DeserializeOwned + Send + 'static;

    /// What it gives. A `Result` is an output like any other.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// The key of its name and of the schemas of arguments and output. What `#[remote]` writes computes
    /// it once.
    #[must_use]
    fn key() -> MethodKey {
        function_key::<Self::Args, Self::Output>(Self::NAME)
    }

    /// Runs it. `node` is the node that it runs on.
    fn run(args: Self::Args, node: &Node) -> impl Future<Output = Self::Output> + Send;
}

/// The key of a function: see [`RemoteFunction::key`].
#[must_use]
pub fn function_key<Args: DeserializeOwned, Output: DeserializeOwned>(name: &str) -> MethodKey {
    fingerprint::method_key::<Args, Output>(name, "run")
}
