//! The functions that a node runs for others.

use std::fmt;
use std::sync::Arc;

use crate::function::RemoteFunction;
use crate::function::error::RunError;
use crate::function::running::{self, RunBack, Running};
use crate::life::birth::Birth;
use crate::node::Node;
use crate::node::types::{SpawnableType, TypeOf};
use crate::remote::decoding::{self, Source};
use crate::remote::wire::{self, CallRef, MethodKey, RunRequest};

/// A function that can be run with encoded arguments.
pub(crate) trait RunnableFunction: Send + Sync {
    /// The key of its arguments and output.
    fn run_key(&self) -> MethodKey;

    /// Decodes the arguments and runs it; the answer goes back as that of `call`.
    fn run(&self, source: Source<'_>, args: &[u8], call: CallRef);
}

/// A request from another node.
pub(crate) fn on_run(source: Source<'_>, request: RunRequest, args: &[u8]) {
    let RunRequest { call, name, key } = request;
    let node = source.node;
    let spawnable = node.spawnable(&name);
    let allowed = node.allows_spawn(&source.from.instance().node, &name);
    let error = match spawnable.as_ref().and_then(|spawnable| spawnable.function()) {
        Some(_) if !allowed => RunError::NotAllowed(node.name().clone()),
        Some(function) if function.run_key() == key => return function.run(source, args, call),
        Some(_) => RunError::BadArguments("the function has another schema here".to_owned()),
        None => {
            let (node, known) = (node.name().clone(), node.function_names());
            RunError::NotRunnable { node, name, known }
        }
    };
    running::refuse(source.from, call, error);
}

/// A registered function: it can be run, and spawned as an actor.
pub(crate) struct Registered<F: RemoteFunction> {
    run_key: MethodKey,
    actor: TypeOf<Running<F>>,
}

impl<F: RemoteFunction> Registered<F> {
    pub(crate) fn new() -> Self {
        Self { run_key: F::key(), actor: TypeOf::new() }
    }
}

impl<F: RemoteFunction> RunnableFunction for Registered<F> {
    fn run_key(&self) -> MethodKey {
        self.run_key
    }

    fn run(&self, source: Source<'_>, args: &[u8], call: CallRef) {
        match decoding::decode_value_from(source, || wire::decode::<F::Args>(args)) {
            Ok(args) => {
                let back = RunBack::there(Arc::clone(source.from), call);
                running::start::<F>(source.node, args, back);
            }
            Err(error) => {
                let error = RunError::BadArguments(error);
                running::refuse(source.from, call, error);
            }
        }
    }
}

impl<F: RemoteFunction> SpawnableType for Registered<F> {
    fn rust_name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn args_key(&self) -> MethodKey {
        self.actor.args_key()
    }

    fn keys(&self) -> Vec<MethodKey> {
        vec![self.run_key]
    }

    fn start(&self, source: Source<'_>, args: &[u8], birth: Birth) {
        self.actor.start(source, args, birth);
    }

    fn function(&self) -> Option<&dyn RunnableFunction> {
        Some(self)
    }
}

impl<F: RemoteFunction> fmt::Debug for Registered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

impl Node {
    /// The names of the functions it runs for others, in order.
    #[must_use]
    pub fn function_names(&self) -> Vec<String> {
        self.types().function_names()
    }
}
